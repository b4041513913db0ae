package embedded

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/jobhook/jobhook/shared/storetest"
	"github.com/jobhook/jobhook/shared/webhook"
)

func TestWritersShareCommits(t *testing.T) {
	db := openDB(t, t.TempDir(), time.Now)
	release := block(t, db)
	before := db.Stats()
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
	after := db.Stats()
	if n := after.Writes - before.Writes; n != writers+1 { // and the one that blocked
		t.Errorf("%d writes, want %d", n, writers+1)
	}
	if n := after.Commits - before.Commits; n != 1 {
		t.Errorf("%d commits, want 1 for all that waited", n)
	}
}

func TestBatchIsBounded(t *testing.T) {
	db := openDB(t, t.TempDir(), time.Now)
	q := newQueue(t, db, "q", QueueConfig{})
	release := block(t, db)
	before := db.Stats()
	const messages = 20
	var all sync.WaitGroup
	for range messages {
		all.Go(func() {
			if err := q.Send(t.Context(), webhook.Message{Body: make([]byte, MaxBody)})[0]; err != nil {
				t.Error(err)
			}
		})
	}
	waiting(db, messages)
	release()
	all.Wait()
	if n := db.Stats().Commits - before.Commits; n < messages*MaxBody/(maxBatchBytes+MaxBody) {
		t.Errorf("%d commits held %d MiB", n, messages)
	}
	if err := q.Send(t.Context(), webhook.Message{Body: make([]byte, MaxBody+1)})[0]; !errors.Is(err, ErrTooLarge) {
		t.Errorf("a byte more: %v, want ErrTooLarge", err)
	}
}

// TestFaultIsItsOwn: within one transaction, an op that loses and one whose
// write fails leave their neighbours alone.
func TestFaultIsItsOwn(t *testing.T) {
	db := openDB(t, t.TempDir(), time.Now)
	insert(t, db, event(1, time.Time{}))
	loser := event(1, time.Time{})
	loser.Rev = "another"
	faulty := event(2, time.Time{})
	faulty.MessageID = string(slices.Repeat([]byte("x"), 40<<10)) // no key may be so long
	release := block(t, db)
	ops := []webhook.Event{event(3, time.Time{}), loser, event(4, time.Time{}), faulty, event(5, time.Time{})}
	errs := make([]error, len(ops))
	var all sync.WaitGroup
	for n, e := range ops {
		all.Go(func() { errs[n] = insertEvent(t.Context(), db, e) })
		waiting(db, n+1) // so that their order is this one
	}
	release()
	all.Wait()
	if errs[0] != nil || errs[2] != nil || errs[4] != nil {
		t.Errorf("neighbours: %v, %v, %v", errs[0], errs[2], errs[4])
	}
	if !errors.Is(errs[1], webhook.ErrLost) {
		t.Errorf("loser: %v, want ErrLost", errs[1])
	}
	if errs[3] == nil || errors.Is(errs[3], webhook.ErrLost) {
		t.Errorf("faulty: %v, want its fault", errs[3])
	}
	for _, n := range []int{3, 4, 5} {
		if have, _ := lookUp(t, db, event(n, time.Time{})); have == nil {
			t.Errorf("event %d is not there", n)
		}
	}
}

func TestCanceledWhileWaiting(t *testing.T) {
	db := openDB(t, t.TempDir(), time.Now)
	release := block(t, db)
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
	release := block(t, db)
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
