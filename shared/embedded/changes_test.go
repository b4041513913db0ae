package embedded

import (
	"errors"
	"slices"
	"testing"
	"time"

	"github.com/jobhook/jobhook/shared/storetest"
	"github.com/jobhook/jobhook/shared/webhook"
)

// TestChangesOfOneCall: each has its own answer, also beside one whose record
// cannot be written at all; those that land do so in one transaction.
func TestChangesOfOneCall(t *testing.T) {
	db := openDB(t, t.TempDir(), time.Now)
	taken := insert(t, db, event(1, time.Time{}))
	loser, faulty, next := taken, event(2, time.Time{}), event(3, time.Time{})
	loser.Rev = "another"
	faulty.MessageID = string(slices.Repeat([]byte("x"), 40<<10)) // no key may be so long
	d := delivery(next, "ep_1")
	claimed, claim := next.Claim([]string{"ep_1"}, webhook.Lease{Message: "m"}, "r")
	before := db.Commits()
	errs := db.Write(t.Context(), webhook.Change{Event: &loser}, webhook.Change{Event: &next}, webhook.Change{Event: &faulty}, claim, webhook.Change{Delivery: &d})
	if errs[1] != nil || errs[3] != nil || errs[4] != nil || !errors.Is(errs[0], webhook.ErrLost) || errs[2] == nil || errors.Is(errs[2], webhook.ErrLost) {
		t.Errorf("answers: %v", errs)
	}
	if n := db.Commits() - before; n != 1 {
		t.Errorf("%d commits, want 1", n)
	}
	have, deliveries := lookUp(t, db, claimed, "ep_1")
	if have == nil || have.Rev != "r" || len(deliveries) != 1 {
		t.Errorf("stored is %+v with %d deliveries", have, len(deliveries))
	}
}

// TestNobodyWantsIt: the payload goes from the file, not only from the answer.
func TestNobodyWantsIt(t *testing.T) {
	db := openDB(t, t.TempDir(), time.Now)
	e := insert(t, db, event(1, time.Time{}))
	size := func() (n int) {
		must(t, db.view(func(t *txn) error { n = len(t.get(events, seqKey(1))); return nil }))
		return n
	}
	before := size()
	_, first := e.Claim(nil, webhook.Lease{}, "r1")
	must(t, db.Write(t.Context(), first)[0])
	have, _ := lookUp(t, db, e)
	if have == nil || have.Result != nil || have.Targets == nil || have.Rev != "r1" || have.Hash != e.Hash {
		t.Fatalf("stored is %+v", have)
	}
	if after := size(); after > before-len(e.Result) {
		t.Errorf("the record has %d bytes, had %d with its payload", after, before)
	}
	_, again := have.Claim(nil, webhook.Lease{Message: "m"}, "r2")
	must(t, db.Write(t.Context(), again)[0])
	if have, _ = lookUp(t, db, e); have.Rev != "r2" || have.Lease.Message != "m" {
		t.Errorf("claimed again, stored is %+v", have)
	}
}

// TestListsHoldWhatTheyShould: a delivery that succeeds at once is in the log
// alone; each state it moves through leaves no entry behind.
func TestListsHoldWhatTheyShould(t *testing.T) {
	db := openDB(t, t.TempDir(), newClock().Now)
	e := insert(t, db, event(1, storetest.Start.Add(time.Hour)))
	d := delivery(e, "ep_1")
	from := ""
	for n, status := range []webhook.Status{
		webhook.Pending, webhook.Failed, webhook.Failed, webhook.Held, webhook.Retrying, webhook.Delivered, webhook.Held,
	} {
		d.Status, d.Rev, d.SettledAt = status, string(rune('a'+n)), time.Time{}
		want := 0
		if status == webhook.Failed || status == webhook.Held {
			d.SettledAt, want = storetest.Start.Add(time.Duration(n)*time.Second), 2
		}
		must(t, db.Write(t.Context(), webhook.Change{Delivery: &d, From: from})[0])
		from = d.Rev
		if log, some := records(t, db, deliverLog), records(t, db, recoverable); log != 1 || some != want {
			t.Errorf("%s: %d entries in the log, %d of the recoverable, want 1 and %d", status, log, some, want)
		}
	}
	sweep(t, db, e.ExpiresAt, 1)
	if n := records(t, db, work) + records(t, db, deliverLog) + records(t, db, recoverable); n != 0 {
		t.Errorf("%d records are left", n)
	}
}
