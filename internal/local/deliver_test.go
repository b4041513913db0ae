package local_test

import (
	"slices"
	"strconv"
	"sync"
	"testing"
	"time"

	"github.com/jobhook/jobhook/internal/local"
	"github.com/jobhook/jobhook/shared/schedule"
	"github.com/jobhook/jobhook/shared/signing"
)

const job = `{"id":"j1","status":"success","type":"translate","result":{"text":"hola"}}`

// verified says whether a POST's signatures are those of a secret.
func verified(t *testing.T, scheme, secret string, h hit) {
	t.Helper()
	s, err := signing.Lookup(scheme)
	must(t, err)
	key, err := s.ParseSecret(secret)
	must(t, err)
	if _, err := signing.Verify(s, []signing.Secret{key}, h.header, h.body, time.Now(), 0); err != nil {
		t.Errorf("%s signature: %v", scheme, err)
	}
}

func TestEachProfileArrivesSigned(t *testing.T) {
	for profile, want := range map[string]string{
		"standard": `{"id":"j1","result":{"text":"hola"},"status":"success","type":"translate"}`,
		"sharpapi": `{"id":"j1","status":"success","type":"translate","result":{"text":"hola"}}`,
		"unitary":  ``,
		"antinium": `{"id":"j1","status":"success","text":"hola"}`,
	} {
		t.Run(profile, func(t *testing.T) {
			w, r := run(t), receive(t, always(204))
			made := w.endpoint(`{"url":"` + r.URL + `/hook?a=1","profile":"` + profile + `"}`)
			sent := w.publish(job)
			h := r.next(t)
			verified(t, profile, made.text("secret"), h)
			verified(t, "standard", made.text("secret"), h)
			equal(t, "webhook-id", h.header.Get("webhook-id"), sent.text("message_id"))
			if want != "" && !slices.Contains([]string{string(h.body), data(t, h)}, want) {
				t.Errorf("body %s", h.body)
			}
			w.await("msg", "delivery.attempted", "status", "delivered", "attempt", "1")
			equal(t, "status", w.event("translate.success/j1/success").list("deliveries")[0].text("status"), "delivered")
		})
	}
}

// data is the data member of a body, or its result.
func data(t *testing.T, h hit) string {
	t.Helper()
	v := reply{t: t, status: 200, body: h.body}.is(200)
	return compact(v["data"])
}

func TestTheJobsOwnURL(t *testing.T) {
	w, r := run(t), receive(t, always(200))
	const account = "/v1/accounts/default" // whose jobs the signing secret itself signs
	sent := w.do("POST", account+"/events", `{"id":"j1","status":"success","type":"translate","callback_url":"`+r.URL+`/own?x=1","callback_profile":"unitary"}`).is(202)
	h := r.next(t)
	secret, err := w.JobSecret(t.Context(), "default")
	if err != nil {
		t.Fatal(err)
	}
	verified(t, "unitary", secret, h)
	w.await("msg", "delivery.attempted", "delivery_id", sent.text("message_id")+".job", "status", "delivered")
	d := w.do("GET", account+"/jobs/j1", "").is(200).list("data")[0].list("deliveries")[0]
	equal(t, "endpoint_id", d["endpoint_id"], any("job"))
	equal(t, "url", d.text("url"), r.URL+"/own?x=1")
}

// 400 POSTs hang, more than the first build had slots for; another account's
// event is delivered meanwhile.
func TestAHangingEndpointHoldsUpNobody(t *testing.T) {
	w, hang := run(t, func(o *local.Options) { o.SendTimeout = patience }), make(chan struct{})
	slow := receive(t, func(hit, int) int { <-hang; return 200 })
	quick := receive(t, always(200))
	defer close(hang)
	w.endpoint(`{"url":"` + slow.URL + `"}`)
	w.do("POST", "/v1/accounts/beta/endpoints", `{"url":"`+quick.URL+`"}`).is(201)
	var all sync.WaitGroup
	for worker := range 20 {
		all.Go(func() {
			for n := range 20 {
				w.publish(`{"id":"` + strconv.Itoa(worker*20+n) + `","status":"success","type":"translate"}`)
			}
		})
	}
	all.Wait()
	w.do("POST", "/v1/accounts/beta/events", job).is(202)
	quick.next(t)
}

func TestRetriesUntilItRecovers(t *testing.T) {
	answers := []int{500, 302, 204}
	w, r := run(t), receive(t, func(_ hit, before int) int { return answers[before] })
	made := w.endpoint(`{"url":"` + r.URL + `"}`)
	w.publish(job)
	first, second, third := r.next(t), r.next(t), r.next(t)
	w.await("msg", "delivery.attempted", "status", "delivered", "attempt", "3")
	for _, h := range []hit{second, third} {
		equal(t, "webhook-id", h.header.Get("webhook-id"), first.header.Get("webhook-id"))
		equal(t, "body", string(h.body), string(first.body))
		verified(t, "standard", made.text("secret"), h)
	}
	event := w.event("translate.success/j1/success")
	d := event.list("deliveries")[0]
	var codes []string
	for i, a := range d.list("attempts") {
		equal(t, "number", a.text("number"), strconv.Itoa(i+1))
		codes = append(codes, a.text("status_code")+" "+a.text("outcome"))
	}
	equal(t, "attempts", compact(codes), `["500 failed","302 failed","204 delivered"]`)
	equal(t, "next_attempt_at", d["next_attempt_at"], any(nil))
	log := w.do("GET", acme+"/endpoints/"+made.text("id")+"/deliveries", "").is(200).list("data")
	equal(t, "the log", compact(log), compact(event["deliveries"]))
}

func TestTheScheduleEnds(t *testing.T) {
	w, r := run(t), receive(t, always(500))
	w.endpoint(`{"url":"` + r.URL + `"}`)
	w.publish(job)
	w.await("msg", "delivery.attempted", "status", "failed", "attempt", "3")
	equal(t, "POSTs", len(r.hits), 3)
}

// While a POST is under way its endpoint changes; the retry reads it afresh.
func TestTheRetryReadsTheEndpointAfresh(t *testing.T) {
	for _, c := range []struct{ name, method, body, status, reason string }{
		{"disabled", "PATCH", `{"enabled":false}`, "held", "endpoint_disabled"},
		{"removed", "DELETE", ``, "canceled", "endpoint_removed"},
	} {
		t.Run(c.name, func(t *testing.T) {
			w, changed := run(t), make(chan struct{})
			r := receive(t, func(hit, int) int { <-changed; return 500 })
			id := w.endpoint(`{"url":"` + r.URL + `"}`).text("id")
			w.publish(job)
			r.next(t)
			w.do(c.method, acme+"/endpoints/"+id, c.body)
			close(changed)
			w.await("msg", "delivery."+c.status)
			d := w.event("translate.success/j1/success").list("deliveries")[0]
			equal(t, "status and reason", d.text("status")+" "+d.text("reason"), c.status+" "+c.reason)
			r.none(t)
		})
	}
}

func TestADisabledEndpointHoldsWhatComes(t *testing.T) {
	w, r := run(t), receive(t, always(200))
	w.endpoint(`{"url":"` + r.URL + `","enabled":false}`)
	w.publish(job)
	w.await("msg", "delivery.held")
	r.none(t)
}

func TestGoneDisablesTheEndpoint(t *testing.T) {
	w, r := run(t), receive(t, always(410))
	id := w.endpoint(`{"url":"` + r.URL + `"}`).text("id")
	w.publish(job)
	w.await("msg", "endpoint.disabled", "endpoint_id", id)
	e := w.do("GET", acme+"/endpoints/"+id, "").is(200)
	equal(t, "enabled", e["enabled"], any(false))
	equal(t, "status", w.event("translate.success/j1/success").list("deliveries")[0].text("status"), "failed")
}

// Without --allow-loopback this machine is no public address.
func TestLoopbackNeedsTheFlag(t *testing.T) {
	w, r := run(t, func(o *local.Options) { o.AllowLoopback = false }), receive(t, always(200))
	w.do("POST", acme+"/endpoints", `{"url":"`+r.URL+`"}`).is(400)
	w.publish(`{"id":"j1","status":"success","type":"translate","callback_url":"` + r.URL + `"}`)
	e := w.await("msg", "delivery.attempted")
	equal(t, "status", e["status"], "failed")
	r.none(t)
}

func TestAHundredAtOnceAreOne(t *testing.T) {
	w, r := run(t), receive(t, always(200))
	w.endpoint(`{"url":"` + r.URL + `"}`)
	fresh := make(chan bool, 101)
	publish := func() { fresh <- w.publish(job)["duplicate"] == false }
	var all sync.WaitGroup
	for range 100 {
		all.Go(publish)
	}
	all.Wait()
	w.await("msg", "delivery.attempted", "status", "delivered")
	publish() // and again later
	close(fresh)
	first := 0
	for is := range fresh {
		if is {
			first++
		}
	}
	equal(t, "duplicate:false", first, 1)
	w = w.again() // stopping waits for whatever else would be under way
	equal(t, "POSTs", len(r.hits), 1)
	equal(t, "duplicate after a restart", w.publish(job)["duplicate"], any(true))
	w.stop()
	equal(t, "POSTs", len(r.hits), 1)
	if got := w.log.count("delivery.attempted"); got != 0 {
		t.Errorf("%d attempts after the restart", got)
	}
}

func (l *logbook) count(message string) (n int) {
	entries, _ := l.all()
	for _, e := range entries {
		if e["msg"] == message {
			n++
		}
	}
	return n
}

func TestARetryOutlivesTheRunner(t *testing.T) {
	w, r := run(t, func(o *local.Options) { o.Schedule = schedule.Schedule{300 * time.Millisecond} }),
		receive(t, func(_ hit, before int) int { return []int{500, 200}[before] })
	w.endpoint(`{"url":"` + r.URL + `"}`)
	w.publish(job)
	first := r.next(t)
	w.await("msg", "delivery.attempted", "status", "retrying")
	w = w.again()
	equal(t, "webhook-id", r.next(t).header.Get("webhook-id"), first.header.Get("webhook-id"))
	w.await("msg", "delivery.attempted", "status", "delivered", "attempt", "2")
}
