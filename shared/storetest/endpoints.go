package storetest

import (
	"slices"
	"strings"
	"testing"

	"github.com/jobhook/jobhook/shared/webhook"
)

func endpointFields(t *testing.T, f *fixture) {
	bare := webhook.Endpoint{ID: endpointID(2), Account: account, URL: "https://example.com", CreatedAt: Start, Rev: "r"}
	for _, want := range []webhook.Endpoint{sampleEndpoint(1), bare} {
		for range 2 { // the same write twice is a success
			must(t, f.InsertEndpoint(t.Context(), want))
		}
		got, err := f.Endpoint(t.Context(), account, want.ID)
		must(t, err)
		same(t, "endpoint", got, want)
	}
	_, err := f.Endpoint(t.Context(), account, endpointID(3))
	wantErr(t, "unknown", err, webhook.ErrNotFound)
}

func endpointInsertLost(t *testing.T, f *fixture) {
	first, second := sampleEndpoint(1), sampleEndpoint(1)
	second.Rev, second.URL = "another", "https://example.org"
	must(t, f.InsertEndpoint(t.Context(), first))
	wantErr(t, "second insert", f.InsertEndpoint(t.Context(), second), webhook.ErrLost)
	got, err := f.Endpoint(t.Context(), account, first.ID)
	must(t, err)
	same(t, "the first stands", got, first)
}

func endpointReplace(t *testing.T, f *fixture) {
	e := sampleEndpoint(1)
	old := e.Rev
	next := webhook.Endpoint{ID: e.ID, Account: account, URL: "https://example.org", Events: []string{"*"}, CreatedAt: e.CreatedAt, UpdatedAt: Start, Rev: "rev-2"}
	wantErr(t, "no such endpoint", f.ReplaceEndpoint(t.Context(), old, next), webhook.ErrLost)
	must(t, f.InsertEndpoint(t.Context(), e))
	wantErr(t, "wrong rev", f.ReplaceEndpoint(t.Context(), "not its rev", next), webhook.ErrLost)
	got, err := f.Endpoint(t.Context(), account, e.ID)
	must(t, err)
	same(t, "unchanged", got, e)
	for range 2 { // the same write twice is a success
		must(t, f.ReplaceEndpoint(t.Context(), old, next))
	}
	got, err = f.Endpoint(t.Context(), account, e.ID)
	must(t, err)
	same(t, "replaced", got, next)
}

func endpointDelete(t *testing.T, f *fixture) {
	e := sampleEndpoint(1)
	wantErr(t, "unknown", f.DeleteEndpoint(t.Context(), account, e.ID), webhook.ErrNotFound)
	must(t, f.InsertEndpoint(t.Context(), e))
	event := f.event(t, 1)
	must(t, f.InsertDelivery(t.Context(), sampleDelivery(event, e.ID)))
	must(t, f.DeleteEndpoint(t.Context(), account, e.ID))
	wantErr(t, "deleted", f.DeleteEndpoint(t.Context(), account, e.ID), webhook.ErrNotFound)
	_, err := f.Endpoint(t.Context(), account, e.ID)
	wantErr(t, "show", err, webhook.ErrNotFound)
	wantErr(t, "replace", f.ReplaceEndpoint(t.Context(), e.Rev, e), webhook.ErrLost)
	listed, err := f.AccountEndpoints(t.Context(), account)
	must(t, err)
	if len(listed) != 0 {
		t.Errorf("still listed: %v", listed)
	}
	log, _, err := f.EndpointDeliveries(t.Context(), account, e.ID, "", 10, "")
	must(t, err)
	if len(log) != 1 {
		t.Errorf("%d deliveries of the removed endpoint, want 1", len(log))
	}
	must(t, f.InsertEndpoint(t.Context(), e)) // the id is free again
}

// endpointAccounts: the same id in another account is another endpoint, and one
// account's name may begin with another's.
func endpointAccounts(t *testing.T, f *fixture) {
	mine, other, longer := sampleEndpoint(1), sampleEndpoint(1), sampleEndpoint(1)
	other.Account, other.Rev = "acct-2", "other"
	longer.Account, longer.Rev = account+"#"+endpointID(1), "longer"
	for _, e := range []webhook.Endpoint{mine, other, longer} {
		must(t, f.InsertEndpoint(t.Context(), e))
	}
	must(t, f.DeleteEndpoint(t.Context(), other.Account, other.ID))
	for _, want := range []webhook.Endpoint{mine, longer} {
		got, err := f.Endpoint(t.Context(), want.Account, want.ID)
		must(t, err)
		same(t, "endpoint", got, want)
		listed, err := f.AccountEndpoints(t.Context(), want.Account)
		must(t, err)
		same(t, "list", listed, []webhook.Endpoint{want})
	}
}

// endpointAll needs more than 1 MB, a page of some databases.
func endpointAll(t *testing.T, f *fixture) {
	var want []webhook.Endpoint
	for n := range 120 {
		e := sampleEndpoint(n)
		e.Description = strings.Repeat("d", 10<<10)
		e.Enabled = n%2 == 0 // the disabled ones are listed too
		want = append(want, e)
		must(t, f.InsertEndpoint(t.Context(), e))
	}
	got, err := f.AccountEndpoints(t.Context(), account)
	must(t, err)
	same(t, "all", byID(got), byID(want))
	none, err := f.AccountEndpoints(t.Context(), "nobody")
	must(t, err)
	if len(none) != 0 {
		t.Errorf("an account without endpoints lists %d", len(none))
	}
}

func byID(endpoints []webhook.Endpoint) []webhook.Endpoint {
	return slices.SortedFunc(slices.Values(endpoints), func(a, b webhook.Endpoint) int { return strings.Compare(a.ID, b.ID) })
}

func endpointPages(t *testing.T, f *fixture) {
	var want []webhook.Endpoint
	for n := range 12 {
		want = append(want, sampleEndpoint(n))
	}
	for _, n := range []int{5, 0, 11, 3, 1, 9, 2, 4, 8, 6, 7, 10} {
		must(t, f.InsertEndpoint(t.Context(), want[n]))
	}
	foreign := sampleEndpoint(50)
	foreign.Account = "acct-2"
	must(t, f.InsertEndpoint(t.Context(), foreign))
	for _, limit := range []int{1, 5, 6, 12, 100} {
		var got []webhook.Endpoint
		cursor, pages := "", 0
		for {
			page, next, err := f.ListEndpoints(t.Context(), account, limit, cursor)
			must(t, err)
			if len(page) > limit {
				t.Fatalf("a page of %d, limit %d", len(page), limit)
			}
			got = append(got, page...)
			if cursor, pages = next, pages+1; next == "" || pages > 20 {
				break
			}
		}
		same(t, "pages", byID(got), byID(want))
	}
	page, next, err := f.ListEndpoints(t.Context(), "nobody", 10, "")
	must(t, err)
	if len(page) != 0 || next != "" {
		t.Errorf("nobody has %d endpoints, cursor %q", len(page), next)
	}
}

// badCursors come from nobody's list.
var badCursors = []string{"x", "not a cursor!", "AAAA", "ep_", "e30=", "..", strings.Repeat("A", 4096)}

func endpointBadCursor(t *testing.T, f *fixture) {
	must(t, f.InsertEndpoint(t.Context(), sampleEndpoint(1)))
	for _, cursor := range badCursors {
		_, _, err := f.ListEndpoints(t.Context(), account, 10, cursor)
		wantErr(t, "cursor "+cursor[:min(len(cursor), 20)], err, webhook.ErrCursor)
	}
}
