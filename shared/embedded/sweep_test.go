package embedded

import (
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/jobhook/jobhook/shared/webhook"
)

func sweep(t *testing.T, db *DB, now time.Time, want int) {
	t.Helper()
	got, err := db.Sweep(t.Context(), now)
	must(t, err)
	if got != want {
		t.Errorf("swept %d events at %s, want %d", got, now, want)
	}
}

func TestSweep(t *testing.T) {
	clock := newClock()
	db := openDB(t, t.TempDir(), clock.Now)
	start := clock.Now()
	for n := range 40 { // they expire one by one, some within a minute, in no order
		insert(t, db, event(n, start.Add(time.Duration(n*7%40)*10*time.Second)), "ep_1", "ep_2")
	}
	insert(t, db, event(100, time.Time{}), "ep_1")
	sweep(t, db, start.Add(-time.Second), 0)
	sweep(t, db, start.Add(95*time.Second), 10)
	sweep(t, db, start.Add(95*time.Second), 0)
	sweep(t, db, start.Add(100*time.Second), 1)
	if n := records(t, db, work); n != 2*29+1 {
		t.Errorf("%d deliveries are left, want %d", n, 2*29+1)
	}
	sweep(t, db, start.Add(time.Hour), 29)
	for b, want := range map[table]int{ids: 1, events: 1, work: 1, deliverLog: 1, expiry: 0} {
		if n := records(t, db, b); n != want {
			t.Errorf("%s: %d records are left, want %d", tableNames[b], n, want)
		}
	}
	_, deliveries := lookUp(t, db, event(100, time.Time{}), "ep_1")
	if len(deliveries) != 1 {
		t.Errorf("%d deliveries of the one without an end", len(deliveries))
	}
}

func TestSweepOfManyTakesManyCommits(t *testing.T) {
	clock := newClock()
	db := openDB(t, t.TempDir(), clock.Now)
	for n := range 60 {
		var targets []string
		for k := range 50 {
			targets = append(targets, fmt.Sprint("ep_", k))
		}
		e := event(n, clock.Now())
		must(t, db.write(t.Context(), &write{apply: func(txn *txn) error {
			seq := txn.number(e.MessageID)
			txn.put(events, seqKey(seq), encodeEvent(e))
			txn.noteExpiry(e.ExpiresAt, seq)
			for _, id := range targets {
				d := delivery(e, id)
				txn.putDelivery(seq, nil, &d, encodeDelivery(d))
			}
			return nil
		}}))
	}
	before := db.Commits()
	sweep(t, db, clock.Now(), 60)
	if n := db.Commits() - before; n < 6 {
		t.Errorf("%d commits for 6,000 records", n)
	}
	if n := records(t, db, work) + records(t, db, deliverLog) + records(t, db, ids); n != 0 {
		t.Errorf("%d records are left", n)
	}
}

// TestSecondLife: a message id is used again after its event expired, before
// the sweeper came.
func TestSecondLife(t *testing.T) {
	clock := newClock()
	db := openDB(t, t.TempDir(), clock.Now)
	e := insert(t, db, event(1, clock.Now().Add(time.Minute)), "ep_1", "ep_2")
	clock.Set(clock.Now().Add(time.Hour))
	e.Rev, e.ExpiresAt = "second", clock.Now().Add(time.Hour)
	insert(t, db, e, "ep_1")
	sweep(t, db, clock.Now(), 0)
	_, deliveries := lookUp(t, db, e, "ep_1", "ep_2")
	if len(deliveries) != 1 || records(t, db, work) != 1 || records(t, db, deliverLog) != 1 {
		t.Errorf("%d deliveries, %d and %d records, want 1 each", len(deliveries), records(t, db, work), records(t, db, deliverLog))
	}
	sweep(t, db, clock.Now().Add(time.Hour), 1)
}

// TestSweepOfDeliveriesWithoutEvent: they go when the last of them expires.
func TestSweepOfDeliveriesWithoutEvent(t *testing.T) {
	clock := newClock()
	db := openDB(t, t.TempDir(), clock.Now)
	e := event(1, clock.Now().Add(time.Minute))
	first, second := delivery(e, "ep_1"), delivery(e, "ep_2")
	second.ExpiresAt = clock.Now().Add(time.Hour)
	must(t, errors.Join(db.Write(t.Context(), webhook.Change{Delivery: &first}, webhook.Change{Delivery: &second})...))
	if have, _ := lookUp(t, db, e); have != nil {
		t.Errorf("an event that nobody inserted: %+v", have)
	}
	sweep(t, db, clock.Now().Add(2*time.Minute), 0)
	if n := records(t, db, work); n != 2 {
		t.Errorf("%d deliveries are left, want 2", n)
	}
	sweep(t, db, clock.Now().Add(time.Hour+time.Minute), 1)
	if n := records(t, db, work) + records(t, db, ids) + records(t, db, expiry); n != 0 {
		t.Errorf("%d records are left", n)
	}
}

// TestSweepOfRecords: notes, tombstones and receipts go when they expire, in
// bounded commits; what was given another end has only that one.
func TestSweepOfRecords(t *testing.T) {
	clock := newClock()
	db := openDB(t, t.TempDir(), clock.Now)
	start := clock.Now()
	e := webhook.Endpoint{ID: "ep_1", Account: "acct", Rev: "r", Secrets: []webhook.SealedSecret{{Ref: "s"}}}
	must(t, errors.Join(
		db.InsertEndpoint(t.Context(), e),
		db.RemoveEndpoint(t.Context(), "acct", "ep_1", start, start.Add(time.Minute)),
		db.InsertNote(t.Context(), webhook.Note{Kind: webhook.NoteLink, Owner: "o", ID: "moved", ExpiresAt: start.Add(time.Second), Rev: "1"}),
		db.ReplaceNote(t.Context(), "1", webhook.Note{Kind: webhook.NoteLink, Owner: "o", ID: "moved", ExpiresAt: start.Add(time.Hour), Rev: "2"}),
		db.InsertNote(t.Context(), webhook.Note{Kind: webhook.NoteAudit, Owner: "o", ID: "forever", Rev: "1"}),
	))
	_, err := db.Receipts().Claim(t.Context(), webhook.Receipt{Key: webhook.ReceiptKey{Source: "s", ID: "r"}, Owner: "o", ExpiresAt: start.Add(time.Minute)}, start)
	must(t, err)
	sweep(t, db, start.Add(time.Minute-1), 0)
	if n := records(t, db, endpoints) + records(t, db, notes) + records(t, db, receipts); n != 5 { // with the generation
		t.Errorf("%d records before any expires, want 5", n)
	}
	sweep(t, db, start.Add(time.Minute), 0)
	for b, want := range map[table]int{endpoints: 1, notes: 2, receipts: 0, expiring: 1} {
		if n := records(t, db, b); n != want {
			t.Errorf("%s: %d records are left, want %d", tableNames[b], n, want)
		}
	}
	sweep(t, db, start.Add(time.Hour), 0)
	if records(t, db, notes) != 1 || records(t, db, expiring) != 0 {
		t.Errorf("%d notes are left, %d to expire; want the one without an end", records(t, db, notes), records(t, db, expiring))
	}
}
