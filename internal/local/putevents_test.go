package local_test

import (
	"encoding/json"
	"strings"
	"testing"
)

// putEvents sends what the AWS CLI sends; the CLI itself does so in
// tools/awscli-check.
func (w *world) putEvents(body string, headers ...string) reply {
	w.t.Helper()
	return w.do("POST", "/", body, append([]string{
		"Content-Type", "application/x-amz-json-1.1", "X-Amz-Target", "AWSEvents.PutEvents",
	}, headers...)...)
}

type putEntry struct {
	Source     string
	DetailType string
	Detail     string
	Time       any `json:",omitempty"`
}

func entries(list ...putEntry) string {
	raw, err := json.Marshal(map[string]any{"Entries": list})
	if err != nil {
		panic(err)
	}
	return string(raw)
}

const completion = `{"id":"j1","status":"success","type":"translate","account":"acme","result":"<&>"}`

func TestPutEventsDelivers(t *testing.T) {
	w, r := run(t), receive(t, always(200))
	made := w.endpoint(`{"url":"` + r.URL + `","profile":"sharpapi"}`)
	answer := w.putEvents(entries(putEntry{"me", "Job Completed", completion, 1763640000.25}))
	equal(t, "content type", answer.header.Get("Content-Type"), "application/x-amz-json-1.1")
	said := answer.is(200)
	equal(t, "failed", said.text("FailedEntryCount"), "0")
	if id := said.list("Entries")[0].text("EventId"); len(id) < 20 {
		t.Errorf("EventId %q", id)
	}
	h := r.next(t)
	verified(t, "sharpapi", made.text("secret"), h)
	equal(t, "body", string(h.body), `{"id":"j1","status":"success","type":"translate","result":"<&>"}`)
	w.await("msg", "delivery.attempted", "status", "delivered")
	equal(t, "occurred_at", w.event("translate.success/j1/success").text("occurred_at"), "2025-11-20T12:00:00.000Z")
}

func TestPutEventsTakesEachEntryByItself(t *testing.T) {
	w, r := run(t), receive(t, always(200))
	w.endpoint(`{"url":"` + r.URL + `"}`)
	said := w.putEvents(entries(
		putEntry{"me", "Job Completed", `{"id":`, nil},
		putEntry{"me", "Job Completed", `"text"`, nil},
		putEntry{"me", "", completion, nil},
		putEntry{"", "Job Completed", "", nil},
		putEntry{"me", "Other\x1b[2J", completion, nil},
		putEntry{"me", "Job Completed", `{"id":"j2","status":"s"}`, nil},
		putEntry{"me", "Job Completed", completion, nil},
	)).is(200)
	equal(t, "failed", said.text("FailedEntryCount"), "4")
	var codes []string
	for _, e := range said.list("Entries") {
		code, _ := e["ErrorCode"].(string)
		codes = append(codes, code)
		if (code == "") != (e["EventId"] != nil) {
			t.Errorf("entry %v: an error or an id", e)
		}
	}
	equal(t, "codes", strings.Join(codes, ","), "MalformedDetail,MalformedDetail,InvalidArgument,InvalidArgument,,,")
	w.await("msg", "event.unmatched", "detail_type", "Other\x1b[2J", "level", "WARN")
	r.next(t)
	w.await("msg", "completion.rejected")
	rejected := w.do("GET", "/v1/rejected", "").is(200).list("data")
	equal(t, "rejected", len(rejected), 1)
	if reason := rejected[0].text("reason"); !strings.HasPrefix(reason, "type: is missing") {
		t.Errorf("reason %q", reason)
	}
	w.stop()
	r.none(t)
}

func TestPutEventsRefuses(t *testing.T) {
	w := run(t)
	var eleven []putEntry
	for range 11 {
		eleven = append(eleven, putEntry{"me", "Job Completed", completion, nil})
	}
	for _, c := range []struct {
		name, body, kind, says string
		status                 int
	}{
		{"none", `{"Entries":[]}`, "ValidationException", "1 to 10", 400},
		{"no list", `{}`, "ValidationException", "1 to 10", 400},
		{"eleven", entries(eleven...), "ValidationException", "1 to 10", 400},
		{"not JSON", `{"Entries":`, "SerializationException", "PutEvents", 400},
		{"a wrong type", `{"Entries":[{"Source":5}]}`, "SerializationException", "Source is a JSON number", 400},
		{"CBOR", "\xa1gEntries\x80", "SerializationException", "PutEvents", 400},
		{"over a MiB", entries(putEntry{"me", "Job Completed", `{"r":"` + strings.Repeat("x", 1<<20) + `"}`, nil}), "ValidationException", "1 MiB", 400},
		{"far over", strings.Repeat(" ", 5<<20), "ValidationException", "1 MiB", 413},
	} {
		t.Run(c.name, func(t *testing.T) {
			answer := w.putEvents(c.body)
			said := answer.is(c.status)
			equal(t, "kind", said.text("__type"), c.kind)
			equal(t, "error type", answer.header.Get("X-Amzn-Errortype"), c.kind)
			if !strings.Contains(said.text("message"), c.says) {
				t.Errorf("message %q, want one that says %q", said.text("message"), c.says)
			}
		})
	}
	other := w.putEvents(`{}`, "X-Amz-Target", "AWSEvents.ListRules").is(400)
	equal(t, "another operation", other.text("__type"), "UnknownOperationException")
	equal(t, "no target", w.do("POST", "/", `{}`).is(400).text("__type"), "UnknownOperationException")
}

func TestPutEventsTime(t *testing.T) {
	for name, at := range map[string]any{"none": nil, "far": 1e300, "before 1970": -5, "a string of digits": "1763640000"} {
		t.Run(name, func(t *testing.T) {
			w := run(t)
			w.putEvents(entries(putEntry{"me", "Job Completed", completion, at})).is(200)
			w.stop() // dispatched or not: nothing was lost or refused
			w = w.again()
			if n := w.do("GET", "/v1/rejected", "").is(200).list("data"); len(n) != 0 {
				t.Errorf("rejected: %v", n)
			}
		})
	}
}
