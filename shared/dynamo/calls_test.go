package dynamo_test

import (
	"errors"
	"testing"

	"github.com/jobhook/jobhook/internal/emulators"
	"github.com/jobhook/jobhook/shared/webhook"
)

// TestCalls counts HTTP requests: each is a round trip and a line on the bill.
func TestCalls(t *testing.T) {
	calls := &emulators.Calls{}
	store, _ := open(t, clock, calls)
	event, endpoint := sampleEvent("job-1"), sampleEndpoint()
	inserts := insertsOf(10)
	lost := insertsOf(10)
	for i := range lost {
		lost[i].Delivery.Rev = "lost"
	}
	one := func(errs []error) error { return errors.Join(errs...) }
	for _, c := range []struct {
		name string
		do   func() error
		want int
	}{
		{"an event", func() error { return one(store.Write(t.Context(), webhook.Change{Event: &event})) }, 1},
		{"ten deliveries", func() error { return one(store.Write(t.Context(), inserts...)) }, 1},
		{"the same again: what stands is read", func() error { return one(store.Write(t.Context(), inserts...)) }, 2},
		{"ten that lose", func() error { return ignore(one(store.Write(t.Context(), lost...)), webhook.ErrLost) }, 2},
		{"a replacement", func() error { return one(store.Write(t.Context(), replaced(inserts[0], "r2"))) }, 1},
		{"events and generations", func() error {
			_, _, err := store.Arrivals(t.Context(), []string{event.MessageID}, []string{account, "acct-2"})
			return err
		}, 1},
		{"what ten retries need", func() error {
			var keys []webhook.DeliveryKey
			for _, c := range inserts {
				keys = append(keys, c.Delivery.DeliveryKey)
			}
			_, err := store.Load(t.Context(), keys...)
			return err
		}, 1},
		{"an endpoint's insertion", func() error { return store.InsertEndpoint(t.Context(), endpoint) }, 1},
		{"its health", func() error {
			return store.SetHealth(t.Context(), account, endpointID, webhook.Health{SlowUntil: created})
		}, 1},
		{"an account's endpoints", func() error { _, err := store.AccountEndpoints(t.Context(), account); return err }, 1},
		{"a job's events", func() error { _, err := store.JobEvents(t.Context(), account, "job-1"); return err }, 1},
		{"a page of the log", func() error {
			page, _, err := store.EndpointDeliveries(t.Context(), webhook.LogQuery{Account: account, EndpointID: endpointID, Limit: 10})
			if len(page) != 10 {
				t.Errorf("%d deliveries, want 10", len(page))
			}
			return err
		}, 4},
		{"what is recoverable of an endpoint", func() error {
			page, _, err := store.Recoverable(t.Context(), webhook.LogQuery{Account: account, EndpointID: endpointID, Limit: 10})
			if len(page) != 1 {
				t.Errorf("%d deliveries, want 1", len(page))
			}
			return err
		}, 5},
	} {
		before := calls.Total()
		if err := c.do(); err != nil {
			t.Fatalf("%s: %v", c.name, err)
		}
		if got := calls.Total() - before; got != c.want {
			t.Errorf("%s: %d calls, want %d", c.name, got, c.want)
		}
	}
	if calls.Of("Scan")+calls.Of("DeleteItem")+calls.Of("GetItem") != 0 {
		t.Error("a call that no role allows")
	}
}
