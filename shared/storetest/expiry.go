package storetest

import (
	"testing"
	"time"

	"github.com/jobhook/jobhook/shared/webhook"
)

// live inserts an event with one delivery and moves the clock to just before
// they expire.
func (f *fixture) live(t testing.TB) (webhook.Event, webhook.Delivery) {
	t.Helper()
	e := f.event(t, 1)
	d := sampleDelivery(e, endpointID(1))
	must(t, f.InsertDelivery(t.Context(), d))
	f.clock.Set(e.ExpiresAt.Add(-time.Second))
	_, deliveries, err := f.LoadEvent(t.Context(), e.MessageID)
	must(t, err)
	same(t, "a second before", deliveries, []webhook.Delivery{d})
	return e, d
}

func expiredReads(t *testing.T, f *fixture) {
	e, d := f.live(t)
	f.clock.Set(e.ExpiresAt)
	_, _, err := f.LoadEvent(t.Context(), e.MessageID)
	wantErr(t, "LoadEvent", err, webhook.ErrNotFound)
	_, err = f.LoadDelivery(t.Context(), e.MessageID, account, d.EndpointID)
	wantErr(t, "LoadDelivery", err, webhook.ErrNotFound)
}

func expiredWrites(t *testing.T, f *fixture) {
	e, d := f.live(t)
	f.clock.Set(e.ExpiresAt)
	_, err := f.LeaseEvent(t.Context(), e.MessageID, e.Rev, webhook.Claim{Targets: []string{}, Rev: "rev-2"})
	wantErr(t, "LeaseEvent", err, webhook.ErrNotFound)
	next := d
	next.Rev = "rev-2"
	wantErr(t, "ReplaceDelivery", f.ReplaceDelivery(t.Context(), d.Rev, next), webhook.ErrLost)
}

func expiredInsert(t *testing.T, f *fixture) {
	e, d := f.live(t)
	f.clock.Set(e.ExpiresAt)
	e.Rev, e.ExpiresAt, e.Result = "second life", e.ExpiresAt.Add(time.Hour), nil
	_, err := f.InsertEvent(t.Context(), e)
	must(t, err)
	got, deliveries, err := f.LoadEvent(t.Context(), e.MessageID)
	must(t, err)
	sameEvent(t, "second life", got, e)
	if len(deliveries) != 0 {
		t.Errorf("%d deliveries of its first life show", len(deliveries))
	}
	d.Rev, d.ExpiresAt = "second life", e.ExpiresAt
	must(t, f.InsertDelivery(t.Context(), d))
	f.delivery(t, "delivery's second life", d)
}

func expiredLog(t *testing.T, f *fixture) {
	e, _ := f.live(t)
	later := sampleEvent(2)
	later.ExpiresAt = e.ExpiresAt.Add(time.Hour)
	_, err := f.InsertEvent(t.Context(), later)
	must(t, err)
	want := sampleDelivery(later, endpointID(1))
	must(t, f.InsertDelivery(t.Context(), want))
	never := sampleEvent(3)
	never.ExpiresAt = time.Time{}
	_, err = f.InsertEvent(t.Context(), never)
	must(t, err)
	forever := sampleDelivery(never, endpointID(1))
	must(t, f.InsertDelivery(t.Context(), forever))
	f.clock.Set(e.ExpiresAt)
	for _, status := range []webhook.Status{"", webhook.Retrying} {
		same(t, "log", f.pages(t, status, 1, func() {}), []webhook.Delivery{forever, want})
	}
	f.clock.Set(e.ExpiresAt.Add(1000 * 24 * time.Hour))
	same(t, "log years later", f.pages(t, "", 10, func() {}), []webhook.Delivery{forever})
	f.delivery(t, "without an end", forever)
}
