package storetest

import (
	"errors"
	"testing"

	"github.com/jobhook/jobhook/shared/webhook"
)

// fixture is the store under test with short forms of its most used methods.
type fixture struct {
	webhook.Store
	clock *Clock
}

func insertEvent(e webhook.Event) webhook.Change       { return webhook.Change{Event: &e} }
func insertDelivery(d webhook.Delivery) webhook.Change { return webhook.Change{Delivery: &d} }

// replaceEvent and replaceDelivery write over the record whose Rev is from.
func replaceEvent(from string, e webhook.Event) webhook.Change {
	return webhook.Change{Event: &e, From: from}
}

func replaceDelivery(from string, d webhook.Delivery) webhook.Change {
	return webhook.Change{Delivery: &d, From: from}
}

// write makes the changes in one call; all must succeed.
func (f *fixture) write(t testing.TB, changes ...webhook.Change) {
	t.Helper()
	f.verdicts(t, "write", changes, make([]error, len(changes)))
}

// verdicts makes the changes in one call and compares its answers; nil is success.
func (f *fixture) verdicts(t testing.TB, what string, changes []webhook.Change, want []error) {
	t.Helper()
	got := f.Write(t.Context(), changes...)
	if len(got) != len(changes) {
		t.Fatalf("%s: %d answers for %d changes", what, len(got), len(changes))
	}
	for i, err := range got {
		if !errors.Is(err, want[i]) {
			t.Fatalf("%s: change %d: got error %v, want %v", what, i, err, want[i])
		}
	}
}

// one makes one change and returns its answer.
func (f *fixture) one(t testing.TB, change webhook.Change) error {
	t.Helper()
	got := f.Write(t.Context(), change)
	if len(got) != 1 {
		t.Errorf("%d answers for one change", len(got))
		return errAnswers
	}
	return got[0]
}

var errAnswers = errors.New("not one answer for one change")

// events reads events; the answer is one entry for each id.
func (f *fixture) events(t testing.TB, ids ...string) []*webhook.Event {
	t.Helper()
	got, err := f.Events(t.Context(), ids...)
	must(t, err)
	if len(got) != len(ids) {
		t.Fatalf("%d events for %d ids: want an entry for each", len(got), len(ids))
	}
	return got
}

// hasEvent requires want to be stored just so.
func (f *fixture) hasEvent(t testing.TB, what string, want webhook.Event) {
	t.Helper()
	got := f.events(t, want.MessageID)[0]
	if got == nil {
		t.Fatalf("%s: the event is not found", what)
	}
	sameEvent(t, what, *got, want)
}

func (f *fixture) hasNoEvent(t testing.TB, what, id string) {
	t.Helper()
	if got := f.events(t, id)[0]; got != nil {
		t.Fatalf("%s: found %+v, want none", what, got)
	}
}

// deliveries reads deliveries; the answer is one entry for each key.
func (f *fixture) deliveries(t testing.TB, keys ...webhook.DeliveryKey) []*webhook.Delivery {
	t.Helper()
	got, err := f.Deliveries(t.Context(), keys...)
	must(t, err)
	if len(got) != len(keys) {
		t.Fatalf("%d deliveries for %d keys: want an entry for each", len(got), len(keys))
	}
	return got
}

// hasDelivery requires want to be stored just so.
func (f *fixture) hasDelivery(t testing.TB, what string, want webhook.Delivery) {
	t.Helper()
	same(t, what, f.deliveries(t, want.DeliveryKey), []*webhook.Delivery{&want})
}

func (f *fixture) hasNoDelivery(t testing.TB, what string, key webhook.DeliveryKey) {
	t.Helper()
	same(t, what, f.deliveries(t, key), []*webhook.Delivery{nil})
}

// load reads what retries need; the answer is one entry for each key.
func (f *fixture) load(t testing.TB, keys ...webhook.DeliveryKey) []webhook.Loaded {
	t.Helper()
	got, err := f.Load(t.Context(), keys...)
	must(t, err)
	if len(got) != len(keys) {
		t.Fatalf("%d entries for %d keys: want one for each", len(got), len(keys))
	}
	return got
}

// endpoints inserts endpoints.
func (f *fixture) endpoints(t testing.TB, endpoints ...webhook.Endpoint) {
	t.Helper()
	for _, e := range endpoints {
		must(t, f.InsertEndpoint(t.Context(), e))
	}
}

// hasEndpoint requires want to be stored just so.
func (f *fixture) hasEndpoint(t testing.TB, what string, want webhook.Endpoint) {
	t.Helper()
	got, err := f.Endpoint(t.Context(), want.Account, want.ID)
	must(t, err)
	same(t, what, got, want)
}

// list is one of the store's lists with its query: all but limit and cursor.
type list[T any] func(limit int, cursor string) ([]T, string, error)

// pages reads a whole list. between, if any, runs after each page but the last.
func pages[T any](t testing.TB, read list[T], limit int, between func()) []T {
	t.Helper()
	var all []T
	cursor := ""
	for range 1000 {
		page, next, err := read(limit, cursor)
		must(t, err)
		if len(page) > limit {
			t.Fatalf("a page of %d, limit %d", len(page), limit)
		}
		all = append(all, page...)
		if next == "" {
			return all
		}
		cursor = next
		if between != nil {
			between()
		}
	}
	t.Fatal("the pages don't end")
	return nil
}
