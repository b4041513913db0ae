package storetest

import (
	"testing"

	"github.com/jobhook/jobhook/shared/webhook"
)

var expiryChecks = checks{
	"expiry/reads":           expiredReads,
	"expiry/writes":          expiredWrites,
	"expiry/insert over it":  expiredInsert,
	"expiry/lists":           expiredLists,
	"expiry/years later":     expiredLong,
	"expiry/one of one call": expiredVerdicts,
}

// live writes an event with one delivery and moves the clock to just before
// they expire.
func (f *fixture) live(t testing.TB) (webhook.Event, webhook.Delivery) {
	t.Helper()
	e := sampleEvent(1)
	d := sampleDelivery(e, endpointID(1))
	f.write(t, insertEvent(e), insertDelivery(d))
	f.clock.Set(e.ExpiresAt.Add(-1))
	f.loads(t, "just before", d.DeliveryKey, webhook.Loaded{Event: &e, Delivery: &d})
	f.recovers(t, "just before", ofEndpoint(1), 10, []webhook.Delivery{d})
	return e, d
}

// gone requires that no read finds the event or the delivery.
func (f *fixture) gone(t testing.TB, e webhook.Event, d webhook.Delivery) {
	t.Helper()
	f.hasNoEvent(t, "event", e.MessageID)
	f.hasNoDelivery(t, "delivery", d.DeliveryKey)
	f.loads(t, "load", d.DeliveryKey, webhook.Loaded{})
	same(t, "job", f.job(t, account, e.Job.ID), nil)
	f.logs(t, "log", ofEndpoint(1), 10, nil)
	f.recovers(t, "recoverable of the endpoint", ofEndpoint(1), 10, nil)
	f.recovers(t, "recoverable of the account", ofAccount(), 10, nil)
}

func expiredReads(t *testing.T, f *fixture) {
	e, d := f.live(t)
	f.clock.Set(e.ExpiresAt)
	f.gone(t, e, d)
}

func expiredLong(t *testing.T, f *fixture) {
	e, d := f.live(t)
	f.clock.Set(e.ExpiresAt.Add(1000 * day))
	f.gone(t, e, d)
}

func expiredWrites(t *testing.T, f *fixture) {
	e, d := f.live(t)
	f.clock.Set(e.ExpiresAt)
	_, claim := e.Claim(nil, webhook.Lease{Message: "m"}, "rev-2")
	wantErr(t, "claim", f.one(t, claim), webhook.ErrLost)
	wantErr(t, "replace", f.one(t, replaceDelivery(d.Rev, in(d, webhook.Delivered, Start, "rev-2"))), webhook.ErrLost)
	f.gone(t, e, d)
}

func expiredInsert(t *testing.T, f *fixture) {
	e, d := f.live(t)
	f.clock.Set(e.ExpiresAt)
	e.Rev, e.ExpiresAt, e.Result, e.Targets = "second life", e.ExpiresAt.Add(hour), nil, nil
	f.write(t, insertEvent(e))
	f.hasEvent(t, "second life", e)
	f.hasNoDelivery(t, "of the first life", d.DeliveryKey)
	d = in(d, webhook.Held, tick(7), "second life")
	d.ExpiresAt = e.ExpiresAt
	f.write(t, insertDelivery(d))
	f.hasDelivery(t, "second life", d)
	f.logs(t, "second life", ofEndpoint(1), 10, []webhook.Delivery{d})
	f.recovers(t, "second life", ofEndpoint(1), 10, []webhook.Delivery{d})
	d2 := in(d, webhook.Delivered, Start, "rev-2")
	f.write(t, replaceDelivery(d.Rev, d2))
	f.hasDelivery(t, "second life goes on", d2)
}

// expiredVerdicts: what has expired is replaced in a call that does more.
func expiredVerdicts(t *testing.T, f *fixture) {
	e, d := f.live(t)
	f.clock.Set(e.ExpiresAt)
	late, lost := sampleEvent(2), in(d, webhook.Delivered, Start, "lost")
	e.Rev, e.ExpiresAt, late.ExpiresAt = "second life", e.ExpiresAt.Add(hour), e.ExpiresAt.Add(hour)
	claimed, claim := e.Claim(nil, webhook.Lease{Message: "m"}, "third")
	f.verdicts(t, "one call",
		[]webhook.Change{replaceDelivery(d.Rev, lost), insertEvent(e), insertEvent(late), claim},
		[]error{webhook.ErrLost, nil, nil, nil})
	f.hasEvent(t, "second life", claimed)
	f.hasEvent(t, "another event", late)
}

// expiredLists: what has expired takes no place in a page from what has not.
func expiredLists(t *testing.T, f *fixture) {
	var all, want []webhook.Delivery
	for n := range 30 {
		e := sampleEvent(n)
		if n%3 == 0 {
			e.ExpiresAt = e.ExpiresAt.Add(hour)
		}
		d := sampleDelivery(e, endpointID(1))
		d.SettledAt = tick(n)
		all = append(all, d)
		if n%3 == 0 {
			want = append(want, d)
		}
		f.write(t, insertDelivery(d))
	}
	f.clock.Set(expiry().Add(-1))
	for _, limit := range []int{1, 7, 100} {
		f.logs(t, "log before", ofEndpoint(1), limit, all)
	}
	f.clock.Set(expiry())
	for _, limit := range []int{1, 7, 100} {
		failed := ofEndpoint(1)
		failed.Status = webhook.Failed
		f.logs(t, "log", ofEndpoint(1), limit, want)
		f.logs(t, "log by status", failed, limit, want)
		f.recovers(t, "recoverable of the endpoint", ofEndpoint(1), limit, want)
		f.recovers(t, "recoverable of the account", ofAccount(), limit, want)
	}
}
