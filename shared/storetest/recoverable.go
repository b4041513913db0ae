package storetest

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/jobhook/jobhook/shared/webhook"
)

var recoverableChecks = checks{
	"recoverable/failed and held alone":     recoverableAlone,
	"recoverable/one millisecond":           recoverableOneMillisecond,
	"recoverable/by account and endpoint":   recoverableOwn,
	"recoverable/by status":                 recoverableStatus,
	"recoverable/since and until":           recoverableBounds,
	"recoverable/leaves when delivered":     recoverableLeaves,
	"recoverable/pages while some leave it": recoverableShrinks,
}

// bounds are Since and Until on the milliseconds 0 to 7.
var bounds = []interval{
	{"no bound", time.Time{}, time.Time{}},
	{"since", tick(3), time.Time{}},
	{"until", time.Time{}, tick(3)},
	{"both", tick(2), tick(5)},
	{"one millisecond", tick(4), tick(5)},
	{"nothing between", tick(4), tick(4)},
	{"all", tick(-1), tick(8)},
	{"before all", time.Time{}, tick(0)},
	{"after all", tick(8), time.Time{}},
}

type interval struct {
	name         string
	since, until time.Time
}

func (i interval) holds(at time.Time) bool {
	return !at.Before(i.since) && (i.until.IsZero() || at.Before(i.until))
}

// recoverable is the list that q chooses.
func (f *fixture) recoverable(t testing.TB, q webhook.LogQuery) list[webhook.Delivery] {
	return func(limit int, cursor string) ([]webhook.Delivery, string, error) {
		q.Limit, q.Cursor = limit, cursor
		return f.Recoverable(t.Context(), q)
	}
}

// recovers compares a whole list with want, whose order is ours where SettledAt
// is equal.
func (f *fixture) recovers(t testing.TB, what string, q webhook.LogQuery, limit int, want []webhook.Delivery) {
	t.Helper()
	latestFirst(t, what, pages(t, f.recoverable(t, q), limit, nil), want)
}

func latestFirst(t testing.TB, what string, got, want []webhook.Delivery) {
	t.Helper()
	if !slices.IsSortedFunc(got, func(a, b webhook.Delivery) int { return b.SettledAt.Compare(a.SettledAt) }) {
		t.Errorf("%s: not by SettledAt, latest first", what)
	}
	same(t, what, byDelivery(got), byDelivery(want))
}

func byDelivery(deliveries []webhook.Delivery) []webhook.Delivery {
	return slices.SortedFunc(slices.Values(deliveries), func(a, b webhook.Delivery) int { return strings.Compare(a.ID(), b.ID()) })
}

// settle writes 24 deliveries, three in each of the milliseconds 0 to 7 of
// SettledAt, in turn failed and held, to two endpoints and the job target.
func (f *fixture) settle(t testing.TB) []webhook.Delivery {
	t.Helper()
	const n = 24
	var all []webhook.Delivery
	var changes []webhook.Change
	targets := []string{endpointID(1), endpointID(2), webhook.JobTarget}
	for i := range n {
		i = i * 7 % n
		d := in(sampleDelivery(sampleEvent(i), targets[i%3]), []webhook.Status{webhook.Failed, webhook.Held}[i%2], tick(i/3), fmt.Sprint("settled-", i))
		all, changes = append(all, d), append(changes, insertDelivery(d))
	}
	f.write(t, changes...)
	return all
}

func ofAccount() webhook.LogQuery { return webhook.LogQuery{Account: account} }

func recoverableAlone(t *testing.T, f *fixture) {
	all := f.fill(t, 24, webhook.Statuses()...)
	want := which(all, func(d webhook.Delivery) bool { return recoverable(d.Status) })
	for _, limit := range []int{1, 7, 100} {
		f.recovers(t, "the account's", ofAccount(), limit, want)
		f.recovers(t, "the endpoint's", ofEndpoint(1), limit, want)
	}
}

func recoverableOneMillisecond(t *testing.T, f *fixture) {
	var want []webhook.Delivery
	var changes []webhook.Change
	for n := range 50 {
		want = append(want, in(sampleDelivery(sampleEvent(n), endpointID(1)), webhook.Failed, Start, fmt.Sprint("rev-", n)))
		changes = append(changes, insertDelivery(want[n]))
	}
	f.write(t, changes...)
	for _, limit := range []int{1, 7, 100} {
		f.recovers(t, "the account's", ofAccount(), limit, want)
		f.recovers(t, "the endpoint's", ofEndpoint(1), limit, want)
	}
}

func recoverableOwn(t *testing.T, f *fixture) {
	all := f.settle(t)
	foreign := sampleDelivery(ofJob(other, "job-50", 50), endpointID(1))
	longer := sampleDelivery(ofJob(account+"#"+endpointID(1), "job-51", 51), endpointID(1))
	f.write(t, insertDelivery(foreign), insertDelivery(longer))
	f.recovers(t, "the account's", ofAccount(), 7, all)
	for _, target := range []string{endpointID(1), endpointID(2), webhook.JobTarget} {
		q := webhook.LogQuery{Account: account, EndpointID: target}
		f.recovers(t, target, q, 7, which(all, func(d webhook.Delivery) bool { return d.EndpointID == target }))
	}
	f.recovers(t, "another account's", webhook.LogQuery{Account: other}, 7, []webhook.Delivery{foreign})
	f.recovers(t, "a longer account's", webhook.LogQuery{Account: longer.Account}, 7, []webhook.Delivery{longer})
	f.recovers(t, "nobody's", webhook.LogQuery{Account: "nobody"}, 7, nil)
}

func recoverableStatus(t *testing.T, f *fixture) {
	all := f.settle(t)
	for _, status := range webhook.Statuses() {
		want := which(all, func(d webhook.Delivery) bool { return d.Status == status })
		q := ofAccount()
		q.Status = status
		f.recovers(t, "the account's "+string(status), q, 3, want)
		q.EndpointID = endpointID(1)
		f.recovers(t, "the endpoint's "+string(status), q, 3, which(want, func(d webhook.Delivery) bool { return d.EndpointID == endpointID(1) }))
	}
}

func recoverableBounds(t *testing.T, f *fixture) {
	all := f.settle(t)
	for _, c := range bounds {
		want := which(all, func(d webhook.Delivery) bool { return c.holds(d.SettledAt) })
		for _, limit := range []int{1, 7, 100} {
			q := ofAccount()
			q.Since, q.Until = c.since, c.until
			f.recovers(t, "the account's: "+c.name, q, limit, want)
			q.EndpointID = endpointID(1)
			f.recovers(t, "the endpoint's: "+c.name, q, limit, which(want, func(d webhook.Delivery) bool { return d.EndpointID == endpointID(1) }))
		}
	}
}

// recoverableLeaves: a replay takes a delivery off the list when its status is
// another, and back with another time when it fails again.
func recoverableLeaves(t *testing.T, f *fixture) {
	d := sampleDelivery(sampleEvent(1), endpointID(1))
	f.write(t, insertDelivery(d))
	for n, status := range []webhook.Status{webhook.Held, webhook.Pending, webhook.Failed, webhook.Retrying, webhook.Failed, webhook.Canceled, webhook.Held, webhook.Delivered} {
		next := in(d, status, tick(5000+n), fmt.Sprint("rev-", n))
		f.write(t, replaceDelivery(d.Rev, next))
		d = next
		want := which([]webhook.Delivery{d}, func(d webhook.Delivery) bool { return recoverable(d.Status) })
		f.recovers(t, "the account's, "+string(status), ofAccount(), 10, want)
		f.recovers(t, "the endpoint's, "+string(status), ofEndpoint(1), 10, want)
	}
}

// recoverableShrinks: a recovery reads the list while what it replays leaves it.
func recoverableShrinks(t *testing.T, f *fixture) {
	all := f.settle(t)
	got := map[string]int{}
	read := f.recoverable(t, ofAccount())
	var page []webhook.Delivery
	pages(t, func(limit int, cursor string) (_ []webhook.Delivery, next string, err error) {
		page, next, err = read(limit, cursor)
		for _, d := range page {
			got[d.ID()]++
		}
		return page, next, err
	}, 5, func() {
		for _, d := range page {
			f.write(t, replaceDelivery(d.Rev, in(d, webhook.Delivered, Start, d.Rev+"-replayed")))
		}
	})
	for _, d := range all {
		if got[d.ID()] != 1 {
			t.Errorf("%s was listed %d times, want once", d.ID(), got[d.ID()])
		}
	}
}
