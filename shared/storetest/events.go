package storetest

import (
	"encoding/base64"
	"encoding/json"
	"math/rand/v2"
	"strings"
	"testing"
	"time"

	"github.com/jobhook/jobhook/shared/webhook"
)

func insertAndLoad(t *testing.T, f *fixture) {
	e := sampleEvent(1)
	_, err := f.InsertEvent(t.Context(), e)
	must(t, err)
	got, deliveries, err := f.LoadEvent(t.Context(), e.MessageID)
	must(t, err)
	sameEvent(t, "loaded", got, e)
	if len(deliveries) != 0 {
		t.Errorf("%d deliveries, want none", len(deliveries))
	}
}

func payloadForms(t *testing.T, f *fixture) {
	random := make([]byte, 225<<10) // base64 makes 300 KB of it, hard to compress
	_, _ = rand.NewChaCha8([32]byte{1}).Read(random)
	for n, c := range []struct {
		name          string
		result, fault json.RawMessage
	}{
		{"neither", nil, nil},
		{"a result of JSON null", json.RawMessage(`null`), nil},
		{"an error of JSON null", nil, json.RawMessage(`null`)},
		{"an error text", nil, json.RawMessage(`"it broke"`)},
		{"an error object", nil, json.RawMessage(`{"code":7,"error":"it broke"}`)},
		{"a text", json.RawMessage(`"<\u0000\ud800>"`), nil},
		{"false", json.RawMessage(`false`), nil},
		{"an empty text", json.RawMessage(`""`), nil},
		{"300 KB that compress", json.RawMessage(`"` + strings.Repeat("日本語 ", 30<<10) + `"`), nil},
		{"300 KB that hardly compress", json.RawMessage(`"` + base64.StdEncoding.EncodeToString(random) + `"`), nil},
	} {
		e := sampleEvent(n)
		e.Result, e.Error = c.result, c.fault
		_, err := f.InsertEvent(t.Context(), e)
		must(t, err)
		got, _, err := f.LoadEvent(t.Context(), e.MessageID)
		must(t, err)
		sameEvent(t, c.name, got, e)
	}
}

func targetsForms(t *testing.T, f *fixture) {
	for n, targets := range [][]string{nil, {}, {webhook.JobTarget}} {
		e := sampleEvent(n)
		e.Targets = targets
		if targets == nil { // as the API stores it: nobody holds it yet
			e.Lease, e.CallbackURL, e.CallbackProfile, e.OccurredAt = webhook.Lease{}, "", "", time.Time{}
		}
		_, err := f.InsertEvent(t.Context(), e)
		must(t, err)
		got, _, err := f.LoadEvent(t.Context(), e.MessageID)
		must(t, err)
		sameEvent(t, "loaded", got, e)
	}
}

func insertLost(t *testing.T, f *fixture) {
	first, second := sampleEvent(1), sampleEvent(1)
	second.Rev, second.Hash, second.Result, second.Targets = "another", "another", nil, nil
	_, err := f.InsertEvent(t.Context(), first)
	must(t, err)
	standing, err := f.InsertEvent(t.Context(), second)
	wantErr(t, "second insert", err, webhook.ErrLost)
	sameEvent(t, "standing", standing, first)
	got, _, err := f.LoadEvent(t.Context(), first.MessageID)
	must(t, err)
	sameEvent(t, "loaded", got, first)
}

func insertTwice(t *testing.T, f *fixture) {
	e := sampleEvent(1)
	for range 2 {
		_, err := f.InsertEvent(t.Context(), e)
		must(t, err)
	}
	d := sampleDelivery(e, webhook.JobTarget)
	for range 2 {
		must(t, f.InsertDelivery(t.Context(), d))
	}
	d.Status = webhook.Delivered
	old := d.Rev
	d.Rev = "delivery-rev-2"
	for range 2 {
		must(t, f.ReplaceDelivery(t.Context(), old, d))
	}
	claim := webhook.Claim{Targets: []string{}, Lease: e.Lease, Rev: "event-rev-2"}
	for range 2 {
		got, err := f.LeaseEvent(t.Context(), e.MessageID, e.Rev, claim)
		must(t, err)
		if got.Rev != claim.Rev {
			t.Errorf("leased event has Rev %q, want %q", got.Rev, claim.Rev)
		}
	}
}

func leaseMoves(t *testing.T, f *fixture) {
	for n, targets := range [][]string{{}, {endpointID(7), webhook.JobTarget}} {
		e := sampleEvent(n)
		e.Targets, e.Lease = nil, webhook.Lease{}
		_, err := f.InsertEvent(t.Context(), e)
		must(t, err)
		claim := webhook.Claim{Targets: targets, Lease: webhook.Lease{Message: "m-9", Until: Start.Add(time.Minute + 1)}, Rev: "rev-2"}
		got, err := f.LeaseEvent(t.Context(), e.MessageID, e.Rev, claim)
		must(t, err)
		e.Targets, e.Lease, e.Rev = claim.Targets, claim.Lease, claim.Rev
		sameEvent(t, "answer", got, e)
		loaded, _, err := f.LoadEvent(t.Context(), e.MessageID)
		must(t, err)
		sameEvent(t, "loaded", loaded, e)
	}
}

func leaseKeepsTargets(t *testing.T, f *fixture) {
	for n, targets := range [][]string{{}, {endpointID(7)}} {
		e := sampleEvent(n)
		e.Targets = targets
		_, err := f.InsertEvent(t.Context(), e)
		must(t, err)
		claim := webhook.Claim{Targets: []string{endpointID(8)}, Lease: webhook.Lease{Message: "m-9", Until: Start.Add(time.Minute)}, Rev: "rev-2"}
		got, err := f.LeaseEvent(t.Context(), e.MessageID, e.Rev, claim)
		must(t, err)
		e.Lease, e.Rev = claim.Lease, claim.Rev
		sameEvent(t, "answer", got, e)
	}
}

func leaseLost(t *testing.T, f *fixture) {
	e := sampleEvent(1)
	_, err := f.InsertEvent(t.Context(), e)
	must(t, err)
	claim := webhook.Claim{Targets: []string{}, Lease: webhook.Lease{Message: "m-9", Until: Start}, Rev: "rev-2"}
	_, err = f.LeaseEvent(t.Context(), e.MessageID, "not its rev", claim)
	wantErr(t, "wrong rev", err, webhook.ErrLost)
	_, err = f.LeaseEvent(t.Context(), sampleEvent(2).MessageID, e.Rev, claim)
	wantErr(t, "no such event", err, webhook.ErrNotFound)
	_, _, err = f.LoadEvent(t.Context(), sampleEvent(2).MessageID)
	wantErr(t, "a lease makes no event", err, webhook.ErrNotFound)
	got, _, err := f.LoadEvent(t.Context(), e.MessageID)
	must(t, err)
	sameEvent(t, "loaded", got, e)
}

func eventUnknown(t *testing.T, f *fixture) {
	_, _, err := f.LoadEvent(t.Context(), sampleEvent(1).MessageID)
	wantErr(t, "load", err, webhook.ErrNotFound)
}
