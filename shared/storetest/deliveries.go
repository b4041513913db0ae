package storetest

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/jobhook/jobhook/shared/webhook"
)

func (f *fixture) event(t testing.TB, n int) webhook.Event {
	t.Helper()
	e := sampleEvent(n)
	_, err := f.InsertEvent(t.Context(), e)
	must(t, err)
	return e
}

func deliveryInsertAndLoad(t *testing.T, f *fixture) {
	e := f.event(t, 1)
	want := []webhook.Delivery{
		sampleDelivery(e, endpointID(1)),
		plainDelivery(e, endpointID(2)),
		{
			MessageID: e.MessageID, EventID: e.EventID, Account: e.Account, EndpointID: webhook.JobTarget,
			Status: webhook.Pending, CreatedAt: e.AcceptedAt, ExpiresAt: e.ExpiresAt, Rev: "r",
		},
	}
	for _, d := range want {
		must(t, f.InsertDelivery(t.Context(), d))
	}
	got, deliveries, err := f.LoadEvent(t.Context(), e.MessageID)
	must(t, err)
	sameEvent(t, "event", got, e)
	same(t, "deliveries", byTarget(deliveries), byTarget(want))
}

func deliveryInsertLost(t *testing.T, f *fixture) {
	e := f.event(t, 1)
	first := sampleDelivery(e, endpointID(1))
	second := plainDelivery(e, endpointID(1))
	must(t, f.InsertDelivery(t.Context(), first))
	wantErr(t, "second insert", f.InsertDelivery(t.Context(), second), webhook.ErrLost)
	f.delivery(t, "the first stands", first)
}

func (f *fixture) delivery(t testing.TB, what string, want webhook.Delivery) {
	t.Helper()
	got, err := f.LoadDelivery(t.Context(), want.MessageID, want.Account, want.EndpointID)
	must(t, err)
	same(t, what, got.Delivery, want)
}

func deliveryReplace(t *testing.T, f *fixture) {
	e := f.event(t, 1)
	for _, target := range []string{endpointID(1), webhook.JobTarget} {
		d := sampleDelivery(e, target)
		must(t, f.InsertDelivery(t.Context(), d))
		for n, status := range webhook.Statuses() {
			old := d.Rev
			d.Status, d.Rev, d.NextAttemptAt, d.Lease, d.Reason = status, fmt.Sprint("rev-", n), time.Time{}, webhook.Lease{}, ""
			d.Attempts = append(d.Attempts, webhook.Attempt{Number: len(d.Attempts) + 1, At: Start, StatusCode: 200})
			must(t, f.ReplaceDelivery(t.Context(), old, d))
			f.delivery(t, string(status), d)
		}
	}
}

func deliveryReplaceLost(t *testing.T, f *fixture) {
	e := f.event(t, 1)
	d := sampleDelivery(e, endpointID(1))
	next := d
	next.Status, next.Rev = webhook.Delivered, "rev-2"
	wantErr(t, "no such delivery", f.ReplaceDelivery(t.Context(), d.Rev, next), webhook.ErrLost)
	must(t, f.InsertDelivery(t.Context(), d))
	wantErr(t, "wrong rev", f.ReplaceDelivery(t.Context(), "not its rev", next), webhook.ErrLost)
	f.delivery(t, "unchanged", d)
}

func thirtyAttempts(t *testing.T, f *fixture) {
	e := f.event(t, 1)
	d := sampleDelivery(e, endpointID(1))
	d.Attempts = nil
	for n := range 31 { // schedule.MaxRetries and the first
		d.Attempts = append(d.Attempts, webhook.Attempt{
			Number: n + 1, At: Start.Add(time.Duration(n) * time.Hour), Duration: time.Duration(n) * time.Microsecond,
			StatusCode: 500 + n, Reason: "http_status", Response: strings.Repeat("é", 1024),
		})
	}
	must(t, f.InsertDelivery(t.Context(), d))
	f.delivery(t, "loaded", d)
}

// manyDeliveries needs more than 1 MB, a page of some databases.
func manyDeliveries(t *testing.T, f *fixture) {
	e := f.event(t, 1)
	var want []webhook.Delivery
	for n := range 120 {
		d := sampleDelivery(e, endpointID(n))
		d.Attempts[0].Response = strings.Repeat("x", 10<<10)
		want = append(want, d)
		must(t, f.InsertDelivery(t.Context(), d))
	}
	got, deliveries, err := f.LoadEvent(t.Context(), e.MessageID)
	must(t, err)
	sameEvent(t, "event", got, e)
	same(t, "deliveries", byTarget(deliveries), byTarget(want))
}

func loadDelivery(t *testing.T, f *fixture) {
	e := f.event(t, 1)
	endpoint := sampleEndpoint(1)
	must(t, f.InsertEndpoint(t.Context(), endpoint))
	for _, c := range []struct {
		name, target string
		endpoint     *webhook.Endpoint
	}{
		{"a registered endpoint", endpoint.ID, &endpoint},
		{"a removed endpoint", endpointID(99), nil},
		{"the job's own URL", webhook.JobTarget, nil},
	} {
		d := sampleDelivery(e, c.target)
		must(t, f.InsertDelivery(t.Context(), d))
		got, err := f.LoadDelivery(t.Context(), e.MessageID, account, c.target)
		must(t, err)
		sameEvent(t, c.name, got.Event, e)
		same(t, c.name, got, webhook.Loaded{Event: e, Delivery: d, Endpoint: c.endpoint})
	}
}

func loadDeliveryMissing(t *testing.T, f *fixture) {
	orphan := sampleEvent(2)
	must(t, f.InsertDelivery(t.Context(), sampleDelivery(orphan, endpointID(1))))
	_, err := f.LoadDelivery(t.Context(), orphan.MessageID, account, endpointID(1))
	wantErr(t, "no event", err, webhook.ErrNotFound)
	e := f.event(t, 1)
	_, err = f.LoadDelivery(t.Context(), e.MessageID, account, endpointID(1))
	wantErr(t, "no delivery", err, webhook.ErrNotFound)
}

// loadDeliveryForeign: an account that names another's delivery finds nothing.
func loadDeliveryForeign(t *testing.T, f *fixture) {
	e := f.event(t, 1)
	must(t, f.InsertDelivery(t.Context(), sampleDelivery(e, endpointID(1))))
	_, err := f.LoadDelivery(t.Context(), e.MessageID, "acct-2", endpointID(1))
	wantErr(t, "another account", err, webhook.ErrNotFound)
}
