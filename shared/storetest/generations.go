package storetest

import (
	"fmt"
	"testing"

	"github.com/jobhook/jobhook/shared/webhook"
)

var generationChecks = checks{
	"generations/raised by each change": generationRaised,
	"generations/kept otherwise":        generationKept,
	"generations/many accounts":         generationMany,
}

// generations reads generations; the answer is one number for each account.
func (f *fixture) generations(t testing.TB, accounts ...string) []int64 {
	t.Helper()
	got, err := f.Generations(t.Context(), accounts...)
	must(t, err)
	if len(got) != len(accounts) {
		t.Fatalf("%d generations for %d accounts", len(got), len(accounts))
	}
	return got
}

func generationRaised(t *testing.T, f *fixture) {
	same(t, "before", f.generations(t, account, other), []int64{0, 0})
	e, record := sampleEndpoint(1), sampleJobRecord()
	next, third, nextRecord := e, e, record
	next.Rev, third.Rev, nextRecord.Rev = "rev-2", "rev-3", "job-rev-2"
	last := int64(0)
	for _, step := range []struct {
		name string
		make func() error
	}{
		{"insert", func() error { return f.InsertEndpoint(t.Context(), e) }},
		{"insert another", func() error { return f.InsertEndpoint(t.Context(), sampleEndpoint(2)) }},
		{"replace", func() error { return f.ReplaceEndpoint(t.Context(), e.Rev, next) }},
		{"set the job record", func() error { return f.InsertEndpoint(t.Context(), record) }},
		{"replace the job record", func() error { return f.ReplaceEndpoint(t.Context(), record.Rev, nextRecord) }},
		{"replace once more", func() error { return f.ReplaceEndpoint(t.Context(), next.Rev, third) }},
		{"remove", func() error { return f.RemoveEndpoint(t.Context(), account, e.ID, tick(9), expiry()) }},
	} {
		must(t, step.make())
		now := f.generations(t, account)[0]
		if now <= last {
			t.Errorf("%s: generation %d, was %d: want it raised", step.name, now, last)
		}
		last = now
	}
	same(t, "another account's", f.generations(t, other), []int64{0})
	f.hasEndpoint(t, "the job record", nextRecord)
	f.clock.Set(expiry().Add(day)) // the tombstone expires, the number does not
	same(t, "later", f.generations(t, account), []int64{last})
}

func generationKept(t *testing.T, f *fixture) {
	e, gone := sampleEndpoint(1), sampleEndpoint(2)
	taken, back := e, gone
	taken.Rev, back.Rev = "another", "rev-2"
	ctx := t.Context()
	f.endpoints(t, e, gone)
	must(t, f.RemoveEndpoint(ctx, account, gone.ID, tick(9), expiry()))
	before := f.generations(t, account)
	for _, step := range []struct {
		name string
		make func() error
		want error
	}{
		{"health", func() error { return f.SetHealth(ctx, account, e.ID, sampleHealth()) }, nil},
		{"health of none", func() error { return f.SetHealth(ctx, account, endpointID(9), sampleHealth()) }, webhook.ErrNotFound},
		{"insert lost", func() error { return f.InsertEndpoint(ctx, taken) }, webhook.ErrLost},
		{"replace lost", func() error { return f.ReplaceEndpoint(ctx, "not its rev", taken) }, webhook.ErrLost},
		{"replace of a removed one", func() error { return f.ReplaceEndpoint(ctx, gone.Rev, back) }, webhook.ErrLost},
		{"remove of none", func() error { return f.RemoveEndpoint(ctx, account, endpointID(9), tick(9), expiry()) }, webhook.ErrNotFound},
		{"an event and a delivery", func() error {
			return f.one(t, insertDelivery(sampleDelivery(f.inserted(t, 1), e.ID)))
		}, nil},
	} {
		wantErr(t, step.name, step.make(), step.want)
		same(t, step.name, f.generations(t, account), before)
	}
}

// inserted writes the nth sample event.
func (f *fixture) inserted(t testing.TB, n int) webhook.Event {
	t.Helper()
	e := sampleEvent(n)
	f.write(t, insertEvent(e))
	return e
}

// generationMany asks for more than 100 accounts, a call's maximum in some
// databases, one of them twice.
func generationMany(t *testing.T, f *fixture) {
	var accounts []string
	for n := range 150 {
		name := fmt.Sprint("acct-", n)
		accounts = append(accounts, name)
		if n%5 == 0 {
			e := sampleEndpoint(n)
			e.Account = name
			f.endpoints(t, e)
		}
	}
	accounts = append(accounts, accounts[5])
	for i, got := range f.generations(t, accounts...) {
		if raised := i%5 == 0; (got > 0) != raised {
			t.Errorf("entry %d, %s: generation %d", i, accounts[i], got)
		}
	}
	f.generations(t) // of none
}
