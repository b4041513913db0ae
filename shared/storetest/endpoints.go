package storetest

import (
	"slices"
	"strings"
	"testing"

	"github.com/jobhook/jobhook/shared/webhook"
)

var endpointChecks = checks{
	"endpoints/every field":             endpointFields,
	"endpoints/the second insert loses": endpointInsertLost,
	"endpoints/replace":                 endpointReplace,
	"endpoints/health":                  endpointHealth,
	"endpoints/accounts are apart":      endpointAccounts,
	"endpoints/all of an account":       endpointAll,
	"endpoints/pages":                   endpointPages,
	"endpoints/the job record":          endpointJob,
}

func endpointFields(t *testing.T, f *fixture) {
	bare := webhook.Endpoint{ID: endpointID(2), Account: account, URL: "https://example.com", CreatedAt: Start, Rev: "r"}
	for _, want := range []webhook.Endpoint{sampleEndpoint(1), bare} {
		f.endpoints(t, want, want) // the same write twice is a success
		f.hasEndpoint(t, "inserted", want)
	}
	_, err := f.Endpoint(t.Context(), account, endpointID(3))
	wantErr(t, "unknown", err, webhook.ErrNotFound)
}

func endpointInsertLost(t *testing.T, f *fixture) {
	first, second := sampleEndpoint(1), sampleEndpoint(1)
	second.Rev, second.URL = "another", "https://example.org"
	f.endpoints(t, first)
	wantErr(t, "second insert", f.InsertEndpoint(t.Context(), second), webhook.ErrLost)
	f.hasEndpoint(t, "the first stays", first)
}

func endpointReplace(t *testing.T, f *fixture) {
	e := sampleEndpoint(1)
	next := webhook.Endpoint{ID: e.ID, Account: account, URL: "https://example.org", Events: []string{"*"}, CreatedAt: e.CreatedAt, UpdatedAt: Start, Rev: "rev-2"}
	wantErr(t, "no such endpoint", f.ReplaceEndpoint(t.Context(), e.Rev, next), webhook.ErrLost)
	f.endpoints(t, e)
	wantErr(t, "wrong rev", f.ReplaceEndpoint(t.Context(), "not its rev", next), webhook.ErrLost)
	f.hasEndpoint(t, "unchanged", e)
	for range 2 { // the same write twice is a success
		must(t, f.ReplaceEndpoint(t.Context(), e.Rev, next))
	}
	f.hasEndpoint(t, "replaced", next)
	wantErr(t, "the insert again", f.InsertEndpoint(t.Context(), e), webhook.ErrLost)
	e.Rev = "rev-3"
	must(t, f.ReplaceEndpoint(t.Context(), next.Rev, e))
	f.hasEndpoint(t, "replaced again", e)
}

// endpointHealth: health and the rest are written apart from each other.
func endpointHealth(t *testing.T, f *fixture) {
	e := sampleEndpoint(1)
	wantErr(t, "no such endpoint", f.SetHealth(t.Context(), account, e.ID, sampleHealth()), webhook.ErrNotFound)
	_, err := f.Endpoint(t.Context(), account, e.ID)
	wantErr(t, "health makes no endpoint", err, webhook.ErrNotFound)
	f.endpoints(t, e)
	for _, health := range []webhook.Health{sampleHealth(), {SlowUntil: tick(5)}, {FailingSince: tick(6)}, {}, sampleHealth()} {
		must(t, f.SetHealth(t.Context(), account, e.ID, health))
		e.Health = health // and neither its Rev nor anything else
		f.hasEndpoint(t, "with health", e)
	}
	next := sampleEndpoint(2)
	next.ID, next.Rev = e.ID, "rev-2"
	next.Health = webhook.Health{PausedUntil: tick(77)} // as it was read before
	must(t, f.ReplaceEndpoint(t.Context(), e.Rev, next))
	next.Health = sampleHealth()
	f.hasEndpoint(t, "a replace keeps it", next)
}

// endpointAccounts: the same id in another account is another endpoint, and one
// account's name may begin with another's.
func endpointAccounts(t *testing.T, f *fixture) {
	mine, foreign, longer := sampleEndpoint(1), sampleEndpoint(1), sampleEndpoint(1)
	foreign.Account, foreign.Rev = other, "foreign"
	longer.Account, longer.Rev = account+"#"+endpointID(1), "longer"
	f.endpoints(t, mine, foreign, longer)
	must(t, f.RemoveEndpoint(t.Context(), other, foreign.ID, tick(1), expiry()))
	for _, want := range []webhook.Endpoint{mine, longer} {
		f.hasEndpoint(t, "endpoint", want)
		listed, err := f.AccountEndpoints(t.Context(), want.Account)
		must(t, err)
		same(t, "all", listed, []webhook.Endpoint{want})
		same(t, "list", pages(t, f.listed(t, want.Account), 10, nil), []webhook.Endpoint{want})
	}
}

// endpointAll needs more than 1 MB, a page of some databases.
func endpointAll(t *testing.T, f *fixture) {
	var want []webhook.Endpoint
	for n := range 120 {
		e := sampleEndpoint(n)
		e.Description = strings.Repeat("d", 10<<10)
		e.Enabled = n%2 == 0 // the disabled ones are read too
		want = append(want, e)
	}
	f.endpoints(t, want...)
	got, err := f.AccountEndpoints(t.Context(), account)
	must(t, err)
	same(t, "all", byID(got), byID(want))
	none, err := f.AccountEndpoints(t.Context(), "nobody")
	must(t, err)
	same(t, "an account without endpoints", none, nil)
}

func byID(endpoints []webhook.Endpoint) []webhook.Endpoint {
	return slices.SortedFunc(slices.Values(endpoints), func(a, b webhook.Endpoint) int { return strings.Compare(a.ID, b.ID) })
}

// listed is ListEndpoints of one account.
func (f *fixture) listed(t testing.TB, account string) list[webhook.Endpoint] {
	return func(limit int, cursor string) ([]webhook.Endpoint, string, error) {
		return f.ListEndpoints(t.Context(), account, limit, cursor)
	}
}

func endpointPages(t *testing.T, f *fixture) {
	var want []webhook.Endpoint
	for _, n := range []int{5, 0, 11, 3, 1, 9, 2, 4, 8, 6, 7, 10} {
		want = append(want, sampleEndpoint(n))
	}
	gone, foreign := sampleEndpoint(12), sampleEndpoint(50)
	foreign.Account = other
	f.endpoints(t, append(want, gone, foreign, sampleJobRecord())...)
	must(t, f.RemoveEndpoint(t.Context(), account, gone.ID, tick(1), expiry()))
	for _, limit := range []int{1, 5, 6, 12, 100} {
		same(t, "by id", pages(t, f.listed(t, account), limit, nil), byID(want))
	}
	same(t, "nobody's", pages(t, f.listed(t, "nobody"), 10, nil), nil)
}

// endpointJob: what a store keeps for an account beside its endpoints is no job
// record; that is there when it is set, and then is one of its endpoints.
func endpointJob(t *testing.T, f *fixture) {
	e, record := sampleEndpoint(1), sampleJobRecord()
	f.endpoints(t, e)
	_, err := f.Endpoint(t.Context(), account, webhook.JobTarget)
	wantErr(t, "not set", err, webhook.ErrNotFound)
	wantErr(t, "health, not set", f.SetHealth(t.Context(), account, webhook.JobTarget, sampleHealth()), webhook.ErrNotFound)
	next := record
	next.URL, next.Headers, next.Secrets, next.Rev = "", nil, nil, "job-rev-2"
	wantErr(t, "replace, not set", f.ReplaceEndpoint(t.Context(), "", next), webhook.ErrLost)
	all, err := f.AccountEndpoints(t.Context(), account)
	must(t, err)
	same(t, "all, not set", all, []webhook.Endpoint{e})

	f.endpoints(t, record, record)
	f.hasEndpoint(t, "set", record)
	must(t, f.ReplaceEndpoint(t.Context(), record.Rev, next))
	f.hasEndpoint(t, "replaced", next)
	wantErr(t, "the second insert", f.InsertEndpoint(t.Context(), record), webhook.ErrLost)
	e.Rev, e.URL = "rev-2", "https://example.org"
	must(t, f.ReplaceEndpoint(t.Context(), sampleEndpoint(1).Rev, e))
	f.hasEndpoint(t, "after another endpoint's change", next)
	all, err = f.AccountEndpoints(t.Context(), account)
	must(t, err)
	same(t, "all", byID(all), byID([]webhook.Endpoint{e, next}))
	same(t, "list", pages(t, f.listed(t, account), 10, nil), []webhook.Endpoint{e})
}
