package storetest

import (
	"encoding/json"
	"strings"
	"testing"
	"time"

	"github.com/jobhook/jobhook/shared/webhook"
)

var eventChecks = checks{
	"events/insert and read":           eventInsert,
	"events/forms of a payload":        payloadForms,
	"events/targets before and after":  targetsForms,
	"events/a claim writes its fields": claimFields,
	"events/no targets, no payload":    claimDropsPayload,
	"events/the second insert loses":   eventInsertLost,
	"events/a claim loses":             claimLost,
	"events/aligned answers":           eventsAligned,
}

func eventInsert(t *testing.T, f *fixture) {
	bare := webhook.Event{
		MessageID: webhook.MessageID(account, "j", "e"), EventID: "e", Account: account, Job: webhook.Job{ID: "j"},
		AcceptedAt: Start, ExpiresAt: expiry(), Rev: "r",
	}
	for _, e := range []webhook.Event{sampleEvent(1), accepted(2), bare} {
		f.write(t, insertEvent(e))
		f.hasEvent(t, "inserted", e)
	}
}

func payloadForms(t *testing.T, f *fixture) {
	for n, c := range []struct {
		name           string
		result, reason json.RawMessage
	}{
		{"neither", nil, nil},
		{"a result of JSON null", json.RawMessage(`null`), nil},
		{"an error of JSON null", nil, json.RawMessage(`null`)},
		{"an error string", nil, json.RawMessage(`"it broke"`)},
		{"an error object", nil, json.RawMessage(`{"code":7,"error":"it broke"}`)},
		{"a string", json.RawMessage(`"<\u0000\ud800>"`), nil},
		{"false", json.RawMessage(`false`), nil},
		{"an empty string", json.RawMessage(`""`), nil},
		{"300 KB that compress", json.RawMessage(`"` + strings.Repeat("日本語 ", 30<<10) + `"`), nil},
		{"300 KB that hardly compress", incompressible(225 << 10), nil},
	} {
		e := sampleEvent(n)
		e.Result, e.Error = c.result, c.reason
		f.write(t, insertEvent(e))
		f.hasEvent(t, c.name, e)
	}
}

func targetsForms(t *testing.T, f *fixture) {
	for n, targets := range [][]string{nil, {}, {webhook.JobTarget}} {
		e := sampleEvent(n)
		e.Targets = targets
		f.write(t, insertEvent(e))
		f.hasEvent(t, "inserted", e)
	}
}

// claimFields: of a stored event only targets, which of them are handed over, lease
// and Rev are replaced.
func claimFields(t *testing.T, f *fixture) {
	for n, before := range []webhook.Event{accepted(0), sampleEvent(1)} {
		f.write(t, insertEvent(before))
		after := sampleEvent(7)
		after.MessageID, after.Account, after.Job.ID = before.MessageID, before.Account, before.Job.ID
		after.Type, after.Hash, after.CallbackURL, after.CallbackProfile = "other.type", "other", "", ""
		after.Result, after.Error, after.ResultOmitted = json.RawMessage(`"other"`), nil, false
		after.OccurredAt, after.ExpiresAt = Start, before.ExpiresAt.Add(time.Hour)
		after.HandedOver = []string{endpointID(7)}
		after.Targets, after.Lease, after.Rev = []string{endpointID(7)}, webhook.Lease{Message: "m-9", Until: tick(60_001)}, "rev-2"
		f.write(t, replaceEvent(before.Rev, after))
		want := before
		want.Targets, want.HandedOver, want.Lease, want.Rev = after.Targets, after.HandedOver, after.Lease, after.Rev
		f.hasEvent(t, []string{"first claim", "taken over"}[n], want)
	}
}

func claimDropsPayload(t *testing.T, f *fixture) {
	e := accepted(1)
	f.write(t, insertEvent(e))
	claimed, change := e.Claim(nil, webhook.Lease{Message: "m", Until: tick(9)}, "rev-2")
	f.write(t, change)
	if claimed.Result != nil || claimed.Error != nil || claimed.Targets == nil {
		t.Fatalf("the claim of an event without targets is %+v", claimed)
	}
	f.hasEvent(t, "claimed", claimed)
	again, change := claimed.Claim([]string{endpointID(1)}, webhook.Lease{Message: "m-2"}, "rev-3")
	f.write(t, change)
	f.hasEvent(t, "taken over", again)
}

func eventInsertLost(t *testing.T, f *fixture) {
	first, second := sampleEvent(1), sampleEvent(1)
	second.Rev, second.Hash, second.Result, second.Targets = "another", "another", nil, nil
	f.write(t, insertEvent(first))
	wantErr(t, "second insert", f.one(t, insertEvent(second)), webhook.ErrLost)
	f.hasEvent(t, "the first stays", first)
}

func claimLost(t *testing.T, f *fixture) {
	e := sampleEvent(1)
	f.write(t, insertEvent(e))
	next := e
	next.Rev = "rev-2"
	wantErr(t, "wrong rev", f.one(t, replaceEvent("not its rev", next)), webhook.ErrLost)
	f.hasEvent(t, "unchanged", e)
	wantErr(t, "no such event", f.one(t, replaceEvent(e.Rev, sampleEvent(2))), webhook.ErrLost)
	f.hasNoEvent(t, "a claim makes no event", sampleEvent(2).MessageID)
}

// eventsAligned asks for more than 100 ids, a call's maximum in some databases,
// some of them twice, some of them unknown.
func eventsAligned(t *testing.T, f *fixture) {
	var changes []webhook.Change
	var ids []string
	for n := range 130 {
		e := sampleEvent(n)
		ids = append(ids, e.MessageID)
		if n%3 > 0 {
			changes = append(changes, insertEvent(e))
		}
	}
	f.write(t, changes...)
	ids = append(ids, ids[20:40]...)
	for i, got := range f.events(t, ids...) {
		n := i
		if i >= 130 {
			n = i - 110
		}
		switch {
		case n%3 == 0 && got != nil:
			t.Errorf("entry %d: found %s, which was never written", i, got.MessageID)
		case n%3 > 0 && got == nil:
			t.Errorf("entry %d: not found", i)
		case got != nil:
			sameEvent(t, "event", *got, sampleEvent(n))
		}
	}
	f.events(t) // of none
}
