package api_test

import (
	"fmt"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/jobhook/jobhook/shared/queue"
	"github.com/jobhook/jobhook/shared/webhook"
)

const completion = `{"id":"bf68","status":"success","type":"content_translate","result":{"text":"hallo"},"occurred_at":"2040-02-29T12:00:00+01:00"}`

func TestPublish(t *testing.T) {
	f := serve(t)
	a := f.do("POST", "/v1/accounts/acme/events", completion)
	got := a.is(202)
	eventID := "content_translate.success/bf68/success"
	want := map[string]any{"message_id": webhook.MessageID("acme", eventID), "event_id": eventID, "duplicate": false}
	same(t, "first", got, want)
	path := "/v1/accounts/acme/events/content_translate.success%2Fbf68%2Fsuccess"
	if a.header.Get("Location") != path {
		t.Errorf("Location %q", a.header.Get("Location"))
	}
	same(t, "shown", f.do("GET", path, "").is(200), map[string]any{
		"message_id": want["message_id"], "event_id": eventID, "event_type": "content_translate.success", "account": "acme",
		"job":         map[string]string{"id": "bf68", "status": "success", "type": "content_translate"},
		"occurred_at": "2040-02-29T11:00:00.000Z", "accepted_at": "2040-02-29T11:30:15.123Z", "deliveries": []any{},
	})
	want["duplicate"] = true
	same(t, "again", f.do("POST", "/v1/accounts/acme/events", completion).is(202), want)
	p := f.do("POST", "/v1/accounts/acme/events", strings.Replace(completion, "hallo", "tschüss", 1)).problem(409, "event_id")
	if p["type"] != "urn:jobhook:problem:event-conflict" || strings.Contains(text(p), "tsch") {
		t.Errorf("conflict: %v", p)
	}
	f.do("GET", strings.Replace(path, "acme", "other", 1), "").problem(404, "")
	found, err := f.words.Receive(t.Context(), 10)
	must(t, err)
	if len(found) == 0 {
		t.Fatal("no word to dispatch")
	}
	for _, m := range found {
		if word, ok := queue.ParseAccepted(m.Body); !ok || word.MessageID != want["message_id"] {
			t.Errorf("word to dispatch: %s", m.Body)
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

// TestEventIDs: whatever an event is called, its path finds it and no other.
func TestEventIDs(t *testing.T) {
	f := serve(t)
	ids := []string{
		"plain", "a/b", "a%2Fb", "a%252Fb", "a//b", "/a", "a/", "/", "..", ".", "../../endpoints", "a?b=c", "a#b", "a b", "a+b", "日本/ü", "🎉",
		`"<&>"`, "a;b", "a:b@c", "%", "%zz", `\`, "msg_x", "deliveries", strings.Repeat("/", 100), strings.Repeat("ü", 300),
	}
	for _, id := range ids {
		f.do("POST", "/v1/accounts/acme/events", fmt.Sprintf(`{"id":"1","status":"s","type":"t","event_id":%q}`, id)).is(202)
	}
	for _, id := range ids {
		escapes := []string{url.PathEscape(id), everyByte(id)}
		if id == "." || id == ".." {
			escapes = escapes[1:]
		}
		for _, escaped := range escapes {
			got := f.do("GET", "/v1/accounts/acme/events/"+escaped, "").is(200)
			if got["event_id"] != id || got["message_id"] != webhook.MessageID("acme", id) {
				t.Errorf("%s: event_id %q, want %q", escaped, got["event_id"], id)
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
		MessageID: ev.MessageID, EventID: ev.EventID, Account: ev.Account, EndpointID: target, URL: "https://example.com/at-the-time",
		Status: webhook.Delivered, CreatedAt: f.clock(), ExpiresAt: ev.ExpiresAt, Rev: "r-" + target,
		Attempts: []webhook.Attempt{{Number: 1, At: f.clock(), Duration: 1999 * time.Microsecond, StatusCode: 204, Response: "ok"}},
	}
	if change != nil {
		change(&d)
	}
	must(f.t, f.db.InsertDelivery(f.t.Context(), d))
	return d
}

// claimed publishes an event and gives it its targets, as dispatch does.
func (f *fixture) claimed(id string, targets ...string) webhook.Event {
	f.t.Helper()
	got := f.do("POST", "/v1/accounts/acme/events", fmt.Sprintf(`{"id":%q,"status":"s","type":"t","event_id":%q,"callback_url":"https://cb.example/x?y=z"}`, id, id)).is(202)
	ev, _, err := f.db.LoadEvent(f.t.Context(), text(got["message_id"]))
	must(f.t, err)
	ev, err = f.db.LeaseEvent(f.t.Context(), ev.MessageID, ev.Rev, webhook.Claim{Targets: targets, Rev: "claimed"})
	must(f.t, err)
	return ev
}

func TestEventDeliveries(t *testing.T) {
	f := serve(t)
	tried := text(f.create(`{"url":"https://example.com/now"}`)["id"])
	waiting := text(f.create(`{"url":"https://example.com/waiting"}`)["id"])
	removed := "ep_removed"
	ev := f.claimed("e1", waiting, tried, removed, webhook.JobTarget)
	f.delivery(ev, tried, func(d *webhook.Delivery) {
		d.Status, d.NextAttemptAt = webhook.Retrying, f.clock().Add(time.Minute)
		d.Attempts = []webhook.Attempt{
			{Number: 1, At: f.clock(), Duration: 10 * time.Second, Reason: "timeout"},
			{Number: 2, At: f.clock(), Duration: 1999 * time.Microsecond, StatusCode: 503, Reason: "http_status", Response: "später <b>"},
		}
	})
	pending := func(target string, endpoint any, url string) map[string]any {
		return map[string]any{
			"id": ev.MessageID + "." + target, "message_id": ev.MessageID, "event_id": "e1", "endpoint_id": endpoint, "url": url,
			"status": "pending", "reason": nil, "attempts": []any{}, "next_attempt_at": nil, "created_at": "2040-02-29T11:30:15.123Z",
		}
	}
	retrying := pending(tried, tried, "https://example.com/at-the-time")
	retrying["status"], retrying["reason"], retrying["next_attempt_at"] = "retrying", "http_status", "2040-02-29T11:31:15.123Z"
	retrying["attempts"] = []any{
		map[string]any{"number": 1, "at": "2040-02-29T11:30:15.123Z", "duration_ms": 10000, "status_code": nil, "outcome": "failed", "reason": "timeout", "response": ""},
		map[string]any{"number": 2, "at": "2040-02-29T11:30:15.123Z", "duration_ms": 1, "status_code": 503, "outcome": "failed", "reason": "http_status", "response": "später <b>"},
	}
	same(t, "deliveries", f.do("GET", "/v1/accounts/acme/events/e1", "").is(200)["deliveries"], []any{
		pending(waiting, waiting, "https://example.com/waiting"), retrying, pending(removed, removed, ""), pending(webhook.JobTarget, nil, "https://cb.example/x?y=z"),
	})
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
				*d = d.Hold()
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
	for _, c := range []struct{ query, want string }{{"", "e6 e5 e4 e3 e2 e1 e0"}, {"&status=held", "e5 e3 e1"}, {"&status=delivered", "e6 e4 e2 e0"}, {"&status=failed", ""}} {
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
		must(t, f.aside.Send(t.Context(), queue.Message{Body: []byte(body), Reason: fmt.Sprint("reason ", i)}))
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

// A callback URL that nobody could post to is refused at once; one that may
// not be posted to is a delivery that fails, on record.
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
