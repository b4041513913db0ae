package dynamo_test

import (
	"strings"
	"testing"
	"time"

	"github.com/jobhook/jobhook/internal/emulators"
	"github.com/jobhook/jobhook/shared/webhook"
)

// TestCalls counts HTTP requests: each is a round trip and a line on the bill.
func TestCalls(t *testing.T) {
	calls := &emulators.Calls{}
	store, _ := open(t, time.Now, calls)
	event, delivery := sampleEvent("job-1"), sampleDelivery("job-1")
	claim := webhook.Claim{Targets: []string{endpointID}, Lease: webhook.Lease{Message: "m"}, Rev: "r2"}
	next := delivery
	next.Rev, next.Status = "r2", webhook.Failed
	lost := event
	lost.Rev = "lost"
	for _, c := range []struct {
		name string
		do   func() error
		want int
	}{
		{"a delivery that succeeds at once", func() error {
			if _, err := store.InsertEvent(t.Context(), event); err != nil {
				return err
			}
			return store.InsertDelivery(t.Context(), delivery)
		}, 2},
		{"a duplicate, with the event that stands", func() error {
			standing, err := store.InsertEvent(t.Context(), lost)
			if standing.Rev != event.Rev {
				t.Errorf("standing is %q, want %q", standing.Rev, event.Rev)
			}
			return ignore(err, webhook.ErrLost)
		}, 1},
		{"a lease", func() error { _, err := store.LeaseEvent(t.Context(), event.MessageID, event.Rev, claim); return err }, 1},
		{"an event with its deliveries", func() error { _, _, err := store.LoadEvent(t.Context(), event.MessageID); return err }, 1},
		{"what a retry needs", func() error {
			_, err := store.LoadDelivery(t.Context(), event.MessageID, account, endpointID)
			return err
		}, 1},
		{"an attempt's record", func() error { return store.ReplaceDelivery(t.Context(), delivery.Rev, next) }, 1},
		{"an account's endpoints", func() error { _, err := store.AccountEndpoints(t.Context(), account); return err }, 1},
		{"a page of the log", func() error {
			page, _, err := store.EndpointDeliveries(t.Context(), account, endpointID, webhook.Failed, 10, "")
			if len(page) != 1 {
				t.Errorf("%d entries, want 1", len(page))
			}
			return err
		}, 2},
		{"an item that is too large", func() error {
			large := sampleDelivery("job-2")
			large.URL = strings.Repeat("x", 500<<10)
			if err := store.InsertDelivery(t.Context(), large); err == nil {
				t.Error("no error")
			}
			return nil
		}, 0},
	} {
		before := calls.Total()
		if err := c.do(); err != nil {
			t.Fatalf("%s: %v", c.name, err)
		}
		if got := calls.Total() - before; got != c.want {
			t.Errorf("%s: %d calls, want %d", c.name, got, c.want)
		}
	}
	if scans := calls.Of("Scan"); scans != 0 {
		t.Errorf("%d scans", scans)
	}
}
