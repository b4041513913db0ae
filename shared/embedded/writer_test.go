package embedded

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/jobhook/jobhook/shared/storetest"
	"github.com/jobhook/jobhook/shared/webhook"
)

func TestWritersShareSyncs(t *testing.T) {
	db, syncs := openCounting(t)
	release := block(db)
	before := syncs.Load()
	const writers = 200
	var all sync.WaitGroup
	for n := range writers {
		all.Go(func() {
			if err := insertEvent(t.Context(), db, event(n, time.Time{})); err != nil {
				t.Error(err)
			}
		})
	}
	waiting(db, writers)
	release()
	all.Wait()
	if n := syncs.Load() - before; n != 1 {
		t.Errorf("%d syncs, want 1 for all that waited", n)
	}
}

// TestLazyWaitsForNobody: claims and deletions are answered, and seen, while the
// disk is busy.
func TestLazyWaitsForNobody(t *testing.T) {
	db := openDB(t, t.TempDir(), time.Now)
	q := newQueue(t, db, "q", QueueConfig{})
	send(t, q, "m", 0)
	e := insert(t, db, event(1, time.Time{}))
	got := receive(t, q, 1)
	defer block(db)()
	_, claim := e.Claim([]string{"ep_1"}, webhook.Lease{}, "claimed")
	must(t, db.Write(t.Context(), claim)[0])
	if have, _ := lookUp(t, db, e); have.Rev != "claimed" {
		t.Errorf("claimed, stored is %+v", have)
	}
	must(t, q.Delete(t.Context(), got[0].ID))
	if q.Len() != 0 {
		t.Errorf("%d messages are left", q.Len())
	}
}

// TestLazyIsOnDiskSoon: also when nothing durable follows.
func TestLazyIsOnDiskSoon(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		dir := t.TempDir()
		db := openDB(t, dir, time.Now)
		q := newQueue(t, db, "q", QueueConfig{})
		send(t, q, "m", 0)
		must(t, q.Delete(t.Context(), receive(t, q, 1)[0].ID))
		for _, want := range []int{1, 0} {
			again, err := crashed(t, dir)
			must(t, err)
			if n := newQueue(t, again, "q", QueueConfig{}).Len(); n != want {
				t.Errorf("a crash leaves %d messages, want %d", n, want)
			}
			must(t, again.Close())
			time.Sleep(lazyFor)
			synctest.Wait()
		}
	})
}

// TestNothingIsToldBeforeItIsOnDisk: no message is received, and nobody is told
// that an event is there already, before a power cut could not take it back.
func TestNothingIsToldBeforeItIsOnDisk(t *testing.T) {
	db := openDB(t, t.TempDir(), time.Now)
	q := newQueue(t, db, "q", QueueConfig{})
	send(t, q, "first", 0)
	release := block(db)
	var all sync.WaitGroup
	for _, rev := range []string{"one", "another"} {
		e := event(1, time.Time{})
		e.Rev = rev
		all.Go(func() {
			if err := q.Accept(t.Context(), e, webhook.Message{Body: []byte("second")}); err != nil && !errors.Is(err, webhook.ErrLost) {
				t.Error(err)
			}
		})
	}
	waiting(db, 2) // the one that comes too late, too
	list, _, err := q.List(t.Context(), 10, "")
	must(t, err)
	for _, m := range list[1:] {
		must(t, q.Delete(t.Context(), m.ID))
	}
	if got := bodies(t, q, 10); len(got) != 1 || q.Len() != 1 {
		t.Errorf("received %q of %d, want the first alone", got, q.Len())
	}
	release()
	all.Wait()
	if got := bodies(t, q, 10); len(got) != 1 || got[0] != "second" {
		t.Errorf("received %q, want the second", got)
	}
}

func TestCanceledWhileWaiting(t *testing.T) {
	db := openDB(t, t.TempDir(), time.Now)
	release := block(db)
	ctx, cancel := context.WithCancel(t.Context())
	answer := make(chan error)
	go func() { answer <- insertEvent(ctx, db, event(1, time.Time{})) }()
	waiting(db, 1)
	cancel()
	if err := <-answer; !errors.Is(err, context.Canceled) {
		t.Errorf("got %v, want context.Canceled", err)
	}
	release()
	insert(t, db, event(1, time.Time{})) // the very same write: a success, landed or not
	if err := insertEvent(ctx, db, event(2, time.Time{})); !errors.Is(err, context.Canceled) {
		t.Errorf("with a context that has ended: %v", err)
	}
}

func TestCloseFinishesWhatItWasGiven(t *testing.T) {
	dir := t.TempDir()
	db := openDB(t, dir, time.Now)
	release := block(db)
	errs := make([]error, 20)
	var all sync.WaitGroup
	for n := range errs {
		all.Go(func() { errs[n] = insertEvent(t.Context(), db, event(n, time.Time{})) })
	}
	waiting(db, len(errs))
	all.Go(func() { must(t, db.Close()) })
	release()
	all.Wait()
	if err := insertEvent(t.Context(), db, event(99, time.Time{})); !errors.Is(err, ErrClosed) {
		t.Errorf("write after Close: %v", err)
	}
	if _, err := db.Events(t.Context(), event(0, time.Time{}).MessageID); !errors.Is(err, ErrClosed) {
		t.Errorf("read after Close: %v", err)
	}
	must(t, db.Close()) // again
	db = openDB(t, dir, time.Now)
	for n, err := range errs {
		must(t, err)
		if have, _ := lookUp(t, db, event(n, time.Time{})); have == nil {
			t.Errorf("event %d is not there", n)
		}
	}
}

func TestLeasesEndWithTheirOpening(t *testing.T) {
	dir := t.TempDir()
	clock := newClock()
	db := openDB(t, dir, clock.Now)
	lease := webhook.Lease{Message: "m", Until: clock.Now().Add(time.Hour)}
	first := event(1, time.Time{})
	first.Lease = lease // given as the event was stored
	insert(t, db, first)
	second := insert(t, db, event(2, time.Time{}))
	_, claim := second.Claim([]string{"ep_1"}, lease, "r")
	d := delivery(second, "ep_1")
	d.Lease = lease
	must(t, errors.Join(db.Write(t.Context(), claim, webhook.Change{Delivery: &d})...))

	check := func(active bool) {
		t.Helper()
		for _, want := range []webhook.Event{first, second} {
			e, deliveries := lookUp(t, db, want, "ep_1")
			if e.Lease.Active(clock.Now()) != active || e.Lease.Message != "m" {
				t.Errorf("%s: lease %+v, want active: %v", e.EventID, e.Lease, active)
			}
			for _, d := range deliveries {
				if d.Lease.Active(clock.Now()) != active {
					t.Errorf("%s: lease %+v, want active: %v", d.ID(), d.Lease, active)
				}
			}
		}
	}
	check(true)
	must(t, db.Close())
	db = openDB(t, dir, clock.Now)
	check(false)
}

// Whatever is written at once, each of it is there afterwards.
func TestEveryAnsweredWriteIsThere(t *testing.T) {
	db := openDB(t, t.TempDir(), time.Now)
	q := newQueue(t, db, "q", QueueConfig{})
	var all sync.WaitGroup
	for w := range 16 {
		all.Go(func() {
			for n := range 25 {
				e := event(w*100+n, storetest.Start)
				if err := insertEvent(t.Context(), db, e); err != nil {
					t.Error(err)
				}
				if err := errors.Join(q.Send(t.Context(), webhook.Message{Body: []byte(e.MessageID)})[0], insertDelivery(t.Context(), db, delivery(e, "ep_1"))); err != nil {
					t.Error(err)
				}
			}
		})
	}
	all.Wait()
	seen := map[string]bool{}
	for {
		got := receive(t, q, 7)
		if len(got) == 0 {
			break
		}
		for _, r := range got {
			have, deliveries := lookUp(t, db, webhook.Event{MessageID: string(r.Body), Account: "acct", AcceptedAt: storetest.Start}, "ep_1")
			if have == nil || len(deliveries) != 1 || seen[string(r.Body)] {
				t.Errorf("%s: %+v, %d deliveries, seen %v", r.Body, have, len(deliveries), seen[string(r.Body)])
			}
			seen[string(r.Body)] = true
		}
	}
	if len(seen) != 400 || q.Len() != 400 {
		t.Error(fmt.Sprint(len(seen), q.Len()), "messages, want 400")
	}
}
