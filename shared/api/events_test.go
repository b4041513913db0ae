package api_test

import (
	"fmt"
	"maps"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/jobhook/jobhook/shared/webhook"
)

const completion = `{"id":"bf68","status":"success","type":"content_translate","result":{"text":"hallo"},"occurred_at":"2040-02-29T12:00:00+01:00"}`

func TestPublish(t *testing.T) {
	f := serve(t)
	a := f.do("POST", "/v1/accounts/acme/events", completion)
	got := a.is(202)
	eventID := "content_translate.success/bf68/success"
	want := map[string]any{"message_id": webhook.MessageID("acme", "bf68", eventID), "event_id": eventID, "duplicate": false}
	same(t, "first", got, want)
	path := "/v1/accounts/acme/events/content_translate.success%2Fbf68%2Fsuccess"
	if a.header.Get("Location") != path {
		t.Errorf("Location %q", a.header.Get("Location"))
	}
	same(t, "shown", f.do("GET", path, "").is(200), map[string]any{
		"message_id": want["message_id"], "event_id": eventID, "event_type": "content_translate.success", "account": "acme",
		"job":         map[string]string{"id": "bf68", "status": "success", "type": "content_translate"},
		"occurred_at": "2040-02-29T11:00:00.000Z", "accepted_at": "2040-02-29T11:30:15.123Z", "targets": nil, "deliveries": []any{},
	})
	want["duplicate"] = true
	same(t, "again", f.do("POST", "/v1/accounts/acme/events", completion).is(202), want)
	p := f.do("POST", "/v1/accounts/acme/events", strings.Replace(completion, "hallo", "tschüss", 1)).problem(409, "event_id")
	if p["type"] != "urn:jobhook:problem:event-conflict" || strings.Contains(text(p), "tsch") {
		t.Errorf("conflict: %v", p)
	}
	f.do("GET", strings.Replace(path, "acme", "other", 1), "").problem(404, "")
	found, err := f.queued.Receive(t.Context(), 10)
	must(t, err)
	if len(found) == 0 {
		t.Fatal("no message to dispatch")
	}
	for _, m := range found {
		if sent, ok, err := webhook.ParseAccepted(m.Body); !ok || err != nil || sent.MessageID != want["message_id"] || m.Group != "acme" {
			t.Errorf("message to dispatch: %s of group %q", m.Body, m.Group)
		}
	}
}

func TestPublishEnvelope(t *testing.T) {
	f := serve(t)
	got := f.do("POST", "/v1/accounts/acme/events", `{"version":"0","id":"7d3f","detail-type":"Job Completed","source":"platform",
		"account":"123456789012","time":"2040-02-29T10:00:00Z","region":"eu-central-1","resources":[],"detail":{"id":"j","status":"failed","type":"t","error":"no"}}`).is(202)
	ev := f.do("GET", "/v1/accounts/acme/events/"+url.PathEscape(text(got["event_id"])), "").is(200)
	if ev["account"] != "acme" || ev["occurred_at"] != "2040-02-29T10:00:00.000Z" || text(ev["job"]) != "map[id:j status:failed type:t]" {
		t.Errorf("event %v", ev)
	}
}

// TestKnownFields: a completion's fields are all accepted, and a 400 for another
// one lists them all.
func TestKnownFields(t *testing.T) {
	f := serve(t)
	fields := map[string]string{
		"id": `"1"`, "status": `"s"`, "type": `"t"`, "account": `"acme"`, "result": `1`, "error": `"e"`, "callback_url": `"https://cb.example/"`,
		"callback_profile": `"unitary"`, "event_type": `"a.b"`, "event_id": `"e"`, "occurred_at": `"2040-02-29T12:00:00Z"`,
	}
	members := make([]string, 0, len(fields))
	for name, value := range fields {
		members = append(members, fmt.Sprintf("%q:%s", name, value))
	}
	all := strings.Join(members, ",")
	p := f.do("POST", "/v1/accounts/acme/events", "{"+all+`,"callbackurl":"https://cb.example/"}`).problem(400, "callbackurl")
	_, listed, _ := strings.Cut(text(p["detail"]), "the fields are ")
	same(t, "listed", slices.Sorted(slices.Values(strings.Split(listed, ", "))), slices.Sorted(maps.Keys(fields)))
	if n := f.queued.Len(); n != 0 {
		t.Errorf("%d messages sent to dispatch", n)
	}
	f.do("POST", "/v1/accounts/acme/events", "{"+all+"}").is(202)
}

// TestOversizeResult: the event goes without it, and says so.
func TestOversizeResult(t *testing.T) {
	f := serve(t)
	a := f.do("POST", "/v1/accounts/acme/events", `{"id":"1","status":"s","type":"t","result":"`+strings.Repeat("r", 256<<10)+`"}`)
	a.is(202)
	if got := f.do("GET", a.header.Get("Location"), "").is(200); got["result_omitted"] != true {
		t.Errorf("result_omitted %v", got["result_omitted"])
	}
}

// TestEventIDs: whatever an event is called, its path finds it and no other.
func TestEventIDs(t *testing.T) {
	f := serve(t)
	ids := []string{
		"plain", "a/b", "a%2Fb", "a%252Fb", "a//b", "/a", "a/", "/", "..", ".", "../../endpoints", "a?b=c", "a#b", "a b", "a+b", "日本/ü", "🎉",
		`"<&>"`, "a;b", "a:b@c", "%", "%zz", `\`, "msg_x", "deliveries", strings.Repeat("/", 100), strings.Repeat("ü", 300),
	}
	for _, id := range ids {
		a := f.do("POST", "/v1/accounts/acme/events", fmt.Sprintf(`{"id":"1 &/ü","status":"s","type":"t","event_id":%q}`, id))
		if got := a.is(202); id != "." && id != ".." { // which are no paths: write them percent-encoded
			same(t, "at its Location", f.do("GET", a.header.Get("Location"), "").is(200)["message_id"], got["message_id"])
		}
	}
	for _, id := range ids {
		escapes := []string{url.PathEscape(id), everyByte(id)}
		if id == "." || id == ".." {
			escapes = escapes[1:]
		}
		for _, escaped := range escapes {
			path := "/v1/accounts/acme/events/" + escaped
			got := f.do("GET", path+"?job=1+%26%2F%C3%BC", "").is(200)
			if got["event_id"] != id || got["message_id"] != webhook.MessageID("acme", "1 &/ü", id) {
				t.Errorf("%s: event_id %q, want %q", escaped, got["event_id"], id)
			}
			p := f.do("GET", path, "").problem(404, "")
			if detail := text(p["detail"]); !strings.Contains(detail, "?job=") || !strings.Contains(detail, "message_id") {
				t.Errorf("%s without its job: %q", escaped, detail)
			}
		}
	}
}

func everyByte(id string) string {
	var b strings.Builder
	for _, c := range []byte(id) {
		fmt.Fprintf(&b, "%%%02x", c)
	}
	return b.String()
}

func (f *fixture) delivery(ev webhook.Event, target string, change func(*webhook.Delivery)) webhook.Delivery {
	f.t.Helper()
	d := webhook.Delivery{
		DeliveryKey: ev.Key(target), EventID: ev.EventID, URL: "https://example.com/at-the-time",
		Status: webhook.Delivered, ExpiresAt: ev.ExpiresAt, Rev: "r-" + target,
		Attempts: []webhook.Attempt{{Number: 1, At: f.clock(), Duration: 1999 * time.Microsecond, StatusCode: 204, Response: "ok"}},
	}
	if change != nil {
		change(&d)
	}
	must(f.t, f.db.Write(f.t.Context(), webhook.Change{Delivery: &d})[0])
	return d
}

// claimed publishes an event and gives it its targets, as dispatch does.
func (f *fixture) claimed(id string, targets ...string) webhook.Event {
	f.t.Helper()
	return f.claim(fmt.Sprintf(`{"id":%q,"status":"s","type":"t","event_id":%q,"callback_url":"https://cb.example/x?y=z"}`, id, id), targets...)
}

func (f *fixture) claim(body string, targets ...string) webhook.Event {
	f.t.Helper()
	got := f.do("POST", "/v1/accounts/acme/events", body).is(202)
	found, err := f.db.Events(f.t.Context(), text(got["message_id"]))
	must(f.t, err)
	ev, change := found[0].Claim(targets, webhook.Lease{}, "claimed")
	must(f.t, f.db.Write(f.t.Context(), change)[0])
	return ev
}

func TestEventDeliveries(t *testing.T) {
	f := serve(t)
	tried := text(f.create(`{"url":"https://example.com/now"}`)["id"])
	waiting := text(f.create(`{"url":"https://example.com/waiting"}`)["id"])
	removed, unknown := text(f.create(`{"url":"https://example.com/removed"}`)["id"]), "ep_unknown"
	f.do("DELETE", "/v1/accounts/acme/endpoints/"+removed, "").is(204)
	ev := f.claimed("e1", waiting, tried, removed, unknown, webhook.JobTarget)
	f.later(time.Second)
	f.delivery(ev, tried, func(d *webhook.Delivery) {
		d.Status, d.NextAttemptAt = webhook.Retrying, f.clock().Add(time.Minute)
		d.Attempts = []webhook.Attempt{
			{Number: 1, At: f.clock(), Duration: 10 * time.Second, Reason: "timeout"},
			{Number: 2, At: f.clock(), Duration: 1999 * time.Microsecond, StatusCode: 503, Reason: "http_status", Response: "später <b>"},
		}
	})
	pending := func(target, url string) map[string]any {
		return map[string]any{
			"id": ev.MessageID + "." + target, "message_id": ev.MessageID, "event_id": "e1", "endpoint_id": target, "url": url,
			"status": "pending", "reason": nil, "attempts": []any{}, "next_attempt_at": nil, "created_at": "2040-02-29T11:30:15.123Z",
		}
	}
	retrying := pending(tried, "https://example.com/at-the-time")
	retrying["status"], retrying["reason"], retrying["next_attempt_at"] = "retrying", "http_status", "2040-02-29T11:31:16.123Z"
	retrying["attempts"] = []any{
		map[string]any{"number": 1, "at": "2040-02-29T11:30:16.123Z", "duration_ms": 10000, "status_code": nil, "outcome": "failed", "reason": "timeout", "response": ""},
		map[string]any{"number": 2, "at": "2040-02-29T11:30:16.123Z", "duration_ms": 1, "status_code": 503, "outcome": "failed", "reason": "http_status", "response": "später <b>"},
	}
	want := []any{
		pending(waiting, "https://example.com/waiting"), retrying, pending(removed, "https://example.com/removed"),
		pending(unknown, ""), pending("job", "https://cb.example/x?y=z"),
	}
	got := f.do("GET", "/v1/accounts/acme/events/"+ev.MessageID, "").is(200)
	same(t, "targets", got["targets"], []string{waiting, tried, removed, unknown, "job"})
	same(t, "deliveries", got["deliveries"], want)
	same(t, "by its event id", f.do("GET", "/v1/accounts/acme/events/e1?job=e1", "").is(200), got)
	for i, target := range ev.Targets {
		same(t, "delivery to "+target, f.do("GET", "/v1/accounts/acme/deliveries/"+ev.MessageID+"."+target, "").is(200), want[i])
	}
}

// TestUnwantedEvent: an event that nobody wants says so; one that is not
// dispatched yet does not.
func TestUnwantedEvent(t *testing.T) {
	f := serve(t)
	a := f.do("POST", "/v1/accounts/acme/events", completion)
	if got := f.do("GET", a.header.Get("Location"), "").is(200); got["targets"] != nil {
		t.Errorf("before dispatch: targets %v", got["targets"])
	}
	got := f.do("GET", "/v1/accounts/acme/events/"+f.claim(completion).MessageID, "").is(200)
	same(t, "targets", got["targets"], []any{})
	same(t, "deliveries", got["deliveries"], []any{})
}

// TestJob: all events of a job with their deliveries, in the order in which they
// occurred, and of no other job.
func TestJob(t *testing.T) {
	f := serve(t)
	id := text(f.create(`{"url":"https://example.com/"}`)["id"])
	publish := func(job, event string, minute int, targets ...string) webhook.Event {
		return f.claim(fmt.Sprintf(`{"id":%q,"status":"s","type":"t","event_id":%q,"occurred_at":"2040-02-29T11:%02d:00Z"}`, job, event, minute), targets...)
	}
	last := publish("a/b c", "last", 30, id, "ep_x")
	first := publish("a/b c", "first", 10, id)
	publish("a/b c", "second", 20)
	publish("another", "else", 15, id)
	f.delivery(first, id, nil)
	f.delivery(last, "ep_x", func(d *webhook.Delivery) { d.Status = webhook.Failed })
	got := f.do("GET", "/v1/accounts/acme/jobs/a%2Fb%20c", "").is(200)
	data, ok := got["data"].([]any)
	if !ok || got["next_cursor"] != nil {
		t.Fatalf("answer %v", got)
	}
	var seen []string
	for _, item := range data {
		ev := item.(map[string]any)
		seen = append(seen, text(ev["event_id"]))
		for _, d := range ev["deliveries"].([]any) {
			d := d.(map[string]any)
			seen = append(seen, strings.ReplaceAll(text(d["endpoint_id"]), id, "ep")+" "+text(d["status"]))
		}
		same(t, "by itself", f.do("GET", "/v1/accounts/acme/events/"+text(ev["message_id"]), "").is(200), ev)
	}
	same(t, "events", seen, []string{"first", "ep delivered", "second", "last", "ep pending", "ep_x failed"})
}

// TestReasons: an internal error shows as the delivery's reason, not an attempt's.
func TestReasons(t *testing.T) {
	f := serve(t)
	ev := f.claimed("e", webhook.JobTarget)
	f.delivery(ev, webhook.JobTarget, func(d *webhook.Delivery) {
		d.Attempts, d.Status, d.Reason, d.SettledAt = nil, webhook.Failed, webhook.ReasonSecretUnreadable, f.clock()
	})
	got := f.do("GET", "/v1/accounts/acme/deliveries/"+ev.MessageID+".job", "").is(200)
	if got["reason"] != "secret_unreadable" || got["status"] != "failed" || text(got["attempts"]) != "[]" {
		t.Errorf("delivery %v", got)
	}
}

func TestDeliveryLog(t *testing.T) {
	f := serve(t)
	id := text(f.create(`{"url":"https://example.com/"}`)["id"])
	path := "/v1/accounts/acme/endpoints/" + id + "/deliveries"
	same(t, "empty", f.do("GET", path, "").is(200), map[string]any{"data": []any{}, "next_cursor": nil})
	for i := range 7 {
		f.later(time.Second)
		f.delivery(f.claimed(fmt.Sprint("e", i), id), id, func(d *webhook.Delivery) {
			if i%2 == 1 {
				d.Status, d.Reason, d.SettledAt = webhook.Held, webhook.ReasonEndpointDisabled, f.clock()
			}
		})
	}
	events := func(list []map[string]any) string {
		var names []string
		for _, d := range list {
			names = append(names, text(d["event_id"]))
		}
		return strings.Join(names, " ")
	}
	for _, c := range []struct{ query, want string }{
		{"", "e6 e5 e4 e3 e2 e1 e0"},
		{"&status=held", "e5 e3 e1"},
		{"&status=delivered", "e6 e4 e2 e0"},
		{"&status=failed", ""},
		// Events were accepted at 16 to 22 s; it is 22 s now.
		{"&since=2040-02-29T11:30:20.123Z", "e6 e5 e4"},
		{"&until=2040-02-29T12:30:18.123%2B01:00", "e1 e0"},
		{"&since=4s&until=2s", "e3 e2"},
		{"&since=3d", "e6 e5 e4 e3 e2 e1 e0"},
		{"&until=1d", ""},
		{"&since=0s", "e6"},
		{"&until=0s&status=held", "e5 e3 e1"},
		{"&until=0001-01-01T00:00:00Z", ""},
	} {
		for _, limit := range []int{1, 2, 7, 200} {
			if got := events(f.pages(fmt.Sprintf("%s?limit=%d%s", path, limit, c.query), limit)); got != c.want {
				t.Errorf("%q, limit %d: %s, want %s", c.query, limit, got, c.want)
			}
		}
	}
	held := f.pages(path+"?status=held&limit=1", 1)[0]
	if held["reason"] != "endpoint_disabled" || held["endpoint_id"] != id {
		t.Errorf("held: %v", held)
	}
	f.do("DELETE", "/v1/accounts/acme/endpoints/"+id, "").is(204)
	if got := events(f.pages(path+"?limit=50", 50)); got != "e6 e5 e4 e3 e2 e1 e0" {
		t.Errorf("the log of the removed endpoint: %s", got)
	}
}

func TestRejected(t *testing.T) {
	f := serve(t)
	for i, body := range []string{"not JSON \xff", `{"id":` + strings.Repeat(" ", 10<<10) + "}", "third"} {
		must(t, f.aside.Send(t.Context(), webhook.Message{Body: []byte(body), Reason: fmt.Sprint("reason ", i)})[0])
		f.later(time.Second)
	}
	got := f.pages("/v1/rejected?limit=2", 2)
	if len(got) != 3 {
		t.Fatalf("%d listed", len(got))
	}
	for i, r := range got {
		if r["reason"] != fmt.Sprint("reason ", i) || r["id"] == "" || r["at"] != start.Add(time.Duration(i)*time.Second).UTC().Format("2006-01-02T15:04:05.000Z") {
			t.Errorf("%d: %v", i, r)
		}
	}
	if got[0]["body"] != "not JSON \uFFFD" || got[0]["body_bytes"] != 10.0 {
		t.Errorf("first: %v", got[0])
	}
	if len(text(got[1]["body"])) != 4096 || got[1]["body_bytes"] != 10247.0 {
		t.Errorf("second: %d of %v bytes", len(text(got[1]["body"])), got[1]["body_bytes"])
	}
}

// A callback URL that is none is refused at once; one that may not be posted to
// is a delivery that fails, on record.
func TestCallbackURLs(t *testing.T) {
	for url, status := range map[string]int{
		"https://é.example/":          400,
		"https://1/":                  400,
		"https://a.example:99999/":    400,
		"https://a.example/a b":       400,
		"nowhere":                     400,
		"https://10.0.0.1/":           202,
		"http://a.example/":           202,
		"https://a.example/hooks?j=1": 202,
	} {
		t.Run(url, func(t *testing.T) {
			f := serve(t)
			got := f.do("POST", "/v1/accounts/acme/events", fmt.Sprintf(`{"id":"1","status":"s","type":"t","callback_url":%q}`, url)).is(status)
			if status == 400 && got["field"] != "callback_url" {
				t.Errorf("the problem names %v", got["field"])
			}
		})
	}
}
