package storetest

import (
	"slices"
	"testing"

	"github.com/jobhook/jobhook/shared/webhook"
)

var jobChecks = checks{
	"jobs/all events in order":    jobEvents,
	"jobs/more than a page":       jobEventsLarge,
	"jobs/at most MaxJobEvents":   jobEventsMost,
	"jobs/expired ones left out":  jobEventsExpired,
	"jobs/as they are by a claim": jobEventsClaimed,
}

func (f *fixture) job(t testing.TB, account, jobID string) []webhook.Event {
	t.Helper()
	got, err := f.JobEvents(t.Context(), account, jobID)
	must(t, err)
	return got
}

func jobEvents(t *testing.T, f *fixture) {
	var want []webhook.Event
	for _, n := range []int{4, 2, 9, 1, 7} {
		e := ofJob(account, "job/42 é", n)
		want = append(want, e)
		f.write(t, insertEvent(e))
	}
	// Neither the delivery of an event, nor another job's, nor another account's.
	f.write(t, insertDelivery(sampleDelivery(want[0], endpointID(1))),
		insertEvent(ofJob(account, "job/42", 3)), insertEvent(ofJob(other, "job/42 é", 3)))
	slices.SortFunc(want, func(a, b webhook.Event) int { return a.OccurredAt.Compare(b.OccurredAt) })
	same(t, "events", f.job(t, account, "job/42 é"), want)
	same(t, "a job without events", f.job(t, account, "job-43"), nil)
}

// jobEventsLarge needs more than 1 MB, a page of some databases.
func jobEventsLarge(t *testing.T, f *fixture) {
	var want []webhook.Event
	for n := range 15 {
		e := ofJob(account, "job-1", n)
		e.Result = incompressible(100 << 10)
		want = append(want, e)
		f.write(t, insertEvent(e))
	}
	same(t, "events", f.job(t, account, "job-1"), want)
}

func jobEventsMost(t *testing.T, f *fixture) {
	var changes []webhook.Change
	for n := range webhook.MaxJobEvents + 5 {
		changes = append(changes, insertEvent(ofJob(account, "job-1", n)))
	}
	f.write(t, changes...)
	got := f.job(t, account, "job-1")
	if len(got) != webhook.MaxJobEvents {
		t.Errorf("%d events, want %d", len(got), webhook.MaxJobEvents)
	}
	for i := range got[1:] {
		if !got[i].OccurredAt.Before(got[i+1].OccurredAt) {
			t.Fatalf("event %d at %v, the next at %v: want them in order, each once", i, got[i].OccurredAt, got[i+1].OccurredAt)
		}
	}
}

func jobEventsExpired(t *testing.T, f *fixture) {
	short, long := ofJob(account, "job-1", 1), ofJob(account, "job-1", 2)
	short.ExpiresAt = expiry().Add(-hour)
	f.write(t, insertEvent(short), insertEvent(long))
	same(t, "both", f.job(t, account, "job-1"), []webhook.Event{short, long})
	f.clock.Set(short.ExpiresAt)
	same(t, "one expired", f.job(t, account, "job-1"), []webhook.Event{long})
	f.clock.Set(expiry().Add(1000 * day))
	same(t, "all expired", f.job(t, account, "job-1"), nil)
}

func jobEventsClaimed(t *testing.T, f *fixture) {
	e := ofJob(account, "job-1", 1)
	e.Targets = nil
	f.write(t, insertEvent(e))
	claimed, change := e.Claim([]string{endpointID(3)}, webhook.Lease{Message: "m", Until: tick(1)}, "rev-2")
	f.write(t, change)
	same(t, "claimed", f.job(t, account, "job-1"), []webhook.Event{claimed})
}
