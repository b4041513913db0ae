package storetest

import (
	"fmt"
	"slices"
	"testing"

	"github.com/jobhook/jobhook/shared/webhook"
)

var failingChecks = checks{
	"failing/longest first over accounts": failingOrder,
	"failing/leaves the list":             failingLeaves,
	"failing/same time":                   failingSameTime,
}

// failing is the list of failing endpoints.
func (f *fixture) failing(t testing.TB) list[webhook.Endpoint] {
	return func(limit int, cursor string) ([]webhook.Endpoint, string, error) {
		return f.Failing(t.Context(), limit, cursor)
	}
}

// fail inserts the nth endpoint, of one of several accounts, failing since the
// sinceth millisecond.
func (f *fixture) fail(t testing.TB, n, since int) webhook.Endpoint {
	t.Helper()
	e := sampleEndpoint(n)
	e.Account = fmt.Sprint("acct-", n%4)
	f.endpoints(t, e)
	e.Health = webhook.Health{FailingSince: tick(since), SlowUntil: tick(since + 9)}
	must(t, f.SetHealth(t.Context(), e.Account, e.ID, e.Health))
	return e
}

func failingOrder(t *testing.T, f *fixture) {
	same(t, "none", pages(t, f.failing(t), 10, nil), nil)
	var want []webhook.Endpoint
	for n := range 20 {
		want = append(want, f.fail(t, n, n*7%20))
	}
	slow := sampleEndpoint(30)
	f.endpoints(t, slow)
	must(t, f.SetHealth(t.Context(), account, slow.ID, webhook.Health{SlowUntil: tick(1), PausedUntil: tick(2)}))
	slices.SortFunc(want, func(a, b webhook.Endpoint) int { return a.Health.FailingSince.Compare(b.Health.FailingSince) })
	for _, limit := range []int{1, 7, 100} {
		same(t, fmt.Sprint("pages of ", limit), pages(t, f.failing(t), limit, nil), want)
	}
}

func failingLeaves(t *testing.T, f *fixture) {
	ctx := t.Context()
	cleared, gone, stays := f.fail(t, 1, 1), f.fail(t, 2, 2), f.fail(t, 3, 3)
	must(t, f.SetHealth(ctx, cleared.Account, cleared.ID, webhook.Health{}))
	must(t, f.RemoveEndpoint(ctx, gone.Account, gone.ID, tick(9), expiry()))
	next := stays
	next.Rev, next.Enabled, next.Health = "rev-2", false, webhook.Health{}
	must(t, f.ReplaceEndpoint(ctx, stays.Rev, next))
	next.Health = stays.Health
	same(t, "the one that stays, replaced", pages(t, f.failing(t), 10, nil), []webhook.Endpoint{next})
	again := webhook.Health{FailingSince: tick(2)}
	must(t, f.SetHealth(ctx, cleared.Account, cleared.ID, again))
	cleared.Health = again
	same(t, "failing again", pages(t, f.failing(t), 1, nil), []webhook.Endpoint{cleared, next})
}

func failingSameTime(t *testing.T, f *fixture) {
	var want []webhook.Endpoint
	for n := range 20 {
		want = append(want, f.fail(t, n, 5))
	}
	for _, limit := range []int{1, 7, 100} {
		same(t, fmt.Sprint("pages of ", limit), byID(pages(t, f.failing(t), limit, nil)), byID(want))
	}
}
