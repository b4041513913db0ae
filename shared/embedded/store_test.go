package embedded_test

import (
	"context"
	"testing"
	"time"

	"github.com/jobhook/jobhook/shared/embedded"
	"github.com/jobhook/jobhook/shared/storetest"
	"github.com/jobhook/jobhook/shared/webhook"
)

// open opens a data file of its own that ends with the test.
func open(t testing.TB, now func() time.Time) *embedded.DB {
	t.Helper()
	return openIn(t, t.TempDir(), now)
}

func openIn(t testing.TB, dir string, now func() time.Time) *embedded.DB {
	t.Helper()
	db, err := embedded.Open(embedded.Config{Dir: dir, Now: now})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = db.Close() })
	return db
}

func openQueue(t testing.TB, db *embedded.DB, name string, cfg embedded.QueueConfig) *embedded.Queue {
	t.Helper()
	q, err := db.Queue(name, cfg)
	if err != nil {
		t.Fatal(err)
	}
	return q
}

func TestStore(t *testing.T) {
	storetest.Run(t, func(t testing.TB, now func() time.Time) webhook.Store { return open(t, now) })
}

func TestStoreAcrossCheckpoints(t *testing.T) {
	storetest.Run(t, func(t testing.TB, now func() time.Time) webhook.Store {
		db, err := embedded.OpenSmall(embedded.Config{Dir: t.TempDir(), Now: now})
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = db.Close() })
		return db
	})
}

func TestQueue(t *testing.T) {
	storetest.RunQueue(t, func(t testing.TB) storetest.QueueHarness {
		clock := &storetest.Clock{}
		clock.Set(storetest.Start)
		db := open(t, clock.Now)
		return storetest.QueueHarness{
			Queue: contractQueue{openQueue(t, db, "completions", embedded.QueueConfig{
				Visibility: 30 * time.Second, MaxReceives: 3, DeadLetters: "dead",
			})},
			Dead:        contractQueue{openQueue(t, db, "dead", embedded.QueueConfig{Visibility: 30 * time.Second})},
			Pass:        func(d time.Duration) { clock.Set(clock.Now().Add(d)) },
			Visibility:  30 * time.Second,
			MaxReceives: 3,
		}
	})
}

// contractQueue shows a queue as the contract knows it.
type contractQueue struct{ q *embedded.Queue }

func (c contractQueue) Send(ctx context.Context, ms ...webhook.Message) []error {
	return c.q.Send(ctx, ms...)
}

func (c contractQueue) ChangeVisibility(ctx context.Context, after map[string]time.Duration) error {
	return c.q.ChangeVisibility(ctx, after)
}

func (c contractQueue) Delete(ctx context.Context, r storetest.Received) error {
	return c.q.Delete(ctx, r.Handle)
}

func (c contractQueue) Receive(ctx context.Context, max int) ([]storetest.Received, error) {
	got, err := c.q.Receive(ctx, max)
	all := make([]storetest.Received, 0, len(got))
	for _, r := range got {
		all = append(all, storetest.Received{
			ID: r.ID, Body: string(r.Body), Reason: r.Reason, Receives: r.Receives, Handle: r.ID,
		})
	}
	return all, err
}
