package storetest

import (
	"testing"

	"github.com/jobhook/jobhook/shared/webhook"
)

var tombstoneChecks = checks{
	"tombstones/what is left":             tombstoneLeft,
	"tombstones/neither replaced nor set": tombstoneFinal,
	"tombstones/its log stays":            tombstoneLog,
	"tombstones/expire":                   tombstoneExpires,
}

func tombstoneLeft(t *testing.T, f *fixture) {
	e := sampleEndpoint(1)
	wantErr(t, "unknown", f.RemoveEndpoint(t.Context(), account, e.ID, tick(99), expiry()), webhook.ErrNotFound)
	f.endpoints(t, e, sampleEndpoint(2))
	must(t, f.RemoveEndpoint(t.Context(), account, e.ID, tick(99), expiry()))
	_, err := f.Endpoint(t.Context(), account, e.ID)
	wantErr(t, "one", err, webhook.ErrNotFound)
	same(t, "list", pages(t, f.listed(t, account), 10, nil), []webhook.Endpoint{sampleEndpoint(2)})
	all, err := f.AccountEndpoints(t.Context(), account)
	must(t, err)
	if all = byID(all); len(all) != 2 {
		t.Fatalf("%d endpoints, want the tombstone and the other one", len(all))
	}
	sameTombstone(t, "all", all[0], removed(e))
	if len(all[0].Secrets) != 0 {
		t.Errorf("its secrets are still there: %d", len(all[0].Secrets))
	}
}

func tombstoneFinal(t *testing.T, f *fixture) {
	e := sampleEndpoint(1)
	f.endpoints(t, e)
	must(t, f.RemoveEndpoint(t.Context(), account, e.ID, tick(99), expiry()))
	all, err := f.AccountEndpoints(t.Context(), account)
	must(t, err)
	if len(all) != 1 {
		t.Fatalf("%d endpoints, want the tombstone", len(all))
	}
	next, again := e, e
	next.Rev, again.Rev = "rev-2", "another"
	wantErr(t, "replace at the rev before", f.ReplaceEndpoint(t.Context(), e.Rev, next), webhook.ErrLost)
	wantErr(t, "replace at the tombstone's rev", f.ReplaceEndpoint(t.Context(), all[0].Rev, next), webhook.ErrLost)
	wantErr(t, "its id is taken", f.InsertEndpoint(t.Context(), again), webhook.ErrLost)
	wantErr(t, "health", f.SetHealth(t.Context(), account, e.ID, sampleHealth()), webhook.ErrNotFound)
	wantErr(t, "removed again", f.RemoveEndpoint(t.Context(), account, e.ID, tick(100), expiry().Add(hour)), webhook.ErrNotFound)
	all, err = f.AccountEndpoints(t.Context(), account)
	must(t, err)
	sameTombstone(t, "unchanged", all[0], removed(e))
}

func tombstoneLog(t *testing.T, f *fixture) {
	e := sampleEndpoint(1)
	f.endpoints(t, e)
	before, after := sampleDelivery(sampleEvent(1), e.ID), sampleDelivery(sampleEvent(2), e.ID)
	f.write(t, insertDelivery(before))
	must(t, f.RemoveEndpoint(t.Context(), account, e.ID, tick(99), expiry()))
	f.write(t, insertDelivery(after)) // what was in flight is recorded
	f.logs(t, "log", ofEndpoint(1), 10, []webhook.Delivery{before, after})
	f.recovers(t, "recoverable", ofEndpoint(1), 10, []webhook.Delivery{before, after})
	f.hasDelivery(t, "delivery", before)
}

func tombstoneExpires(t *testing.T, f *fixture) {
	e, event := sampleEndpoint(1), sampleEvent(1)
	event.ExpiresAt = expiry().Add(hour)
	d := sampleDelivery(event, e.ID)
	f.endpoints(t, e)
	f.write(t, insertEvent(event), insertDelivery(d))
	must(t, f.RemoveEndpoint(t.Context(), account, e.ID, tick(99), expiry()))
	f.clock.Set(expiry().Add(-1))
	if all, err := f.AccountEndpoints(t.Context(), account); err != nil || len(all) != 1 {
		t.Errorf("before it expires: %d endpoints (%v), want the tombstone", len(all), err)
	}
	f.clock.Set(expiry())
	all, err := f.AccountEndpoints(t.Context(), account)
	must(t, err)
	same(t, "all", all, nil)
	f.loads(t, "load", d.DeliveryKey, webhook.Loaded{Event: &event, Delivery: &d})
	wantErr(t, "remove", f.RemoveEndpoint(t.Context(), account, e.ID, tick(99), expiry().Add(hour)), webhook.ErrNotFound)
	before := e.Rev
	e.Rev = "second life"
	wantErr(t, "replace", f.ReplaceEndpoint(t.Context(), before, e), webhook.ErrLost)
	f.endpoints(t, e)
	f.hasEndpoint(t, "second life", e)
}
