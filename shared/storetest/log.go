package storetest

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/jobhook/jobhook/shared/webhook"
)

var logChecks = checks{
	"log/newest first in pages": logPages,
	"log/one millisecond":       logOneMillisecond,
	"log/more than a page":      logLarge,
	"log/pages while it grows":  logGrows,
	"log/by status":             logStatus,
	"log/status moves":          logMoves,
	"log/since and until":       logBounds,
	"log/of the job target":     logJobTarget,
	"log/only its own":          logOwn,
}

// ofEndpoint chooses all deliveries of an endpoint.
func ofEndpoint(n int) webhook.LogQuery {
	return webhook.LogQuery{Account: account, EndpointID: endpointID(n)}
}

// log is the delivery log that q chooses.
func (f *fixture) log(t testing.TB, q webhook.LogQuery) list[webhook.Delivery] {
	return func(limit int, cursor string) ([]webhook.Delivery, string, error) {
		q.Limit, q.Cursor = limit, cursor
		return f.EndpointDeliveries(t.Context(), q)
	}
}

func (f *fixture) logs(t testing.TB, what string, q webhook.LogQuery, limit int, want []webhook.Delivery) {
	t.Helper()
	same(t, what, pages(t, f.log(t, q), limit, nil), newest(want))
}

// logged is the nth delivery to an endpoint's log; several share a millisecond.
func logged(n int, status webhook.Status) webhook.Delivery {
	e := sampleEvent(n)
	e.AcceptedAt = tick(n / 3)
	return in(plainDelivery(e, endpointID(1)), status, tick(n), fmt.Sprint("logged-", n))
}

// fill writes the first n deliveries of a log in an order of its own, their
// statuses in turn.
func (f *fixture) fill(t testing.TB, n int, statuses ...webhook.Status) []webhook.Delivery {
	t.Helper()
	var all []webhook.Delivery
	var changes []webhook.Change
	for i := range n {
		i = i * 7 % n // every one once while n is no multiple of 7
		d := logged(i, statuses[i*i%len(statuses)])
		all, changes = append(all, d), append(changes, insertDelivery(d))
	}
	f.write(t, changes...)
	return all
}

// newest sorts as the log does.
func newest(deliveries []webhook.Delivery) []webhook.Delivery {
	return slices.SortedFunc(slices.Values(deliveries), func(a, b webhook.Delivery) int {
		return cmp.Or(b.AcceptedAt.Compare(a.AcceptedAt), strings.Compare(b.MessageID, a.MessageID))
	})
}

// which keeps the deliveries that fit.
func which(deliveries []webhook.Delivery, fits func(d webhook.Delivery) bool) []webhook.Delivery {
	return slices.DeleteFunc(slices.Clone(deliveries), func(d webhook.Delivery) bool { return !fits(d) })
}

func logPages(t *testing.T, f *fixture) {
	want := f.fill(t, 20, webhook.Delivered)
	for _, limit := range []int{1, 7, 20, 100} {
		f.logs(t, fmt.Sprint("pages of ", limit), ofEndpoint(1), limit, want)
	}
	f.logs(t, "a log without deliveries", ofEndpoint(9), 7, nil)
	_, cursor, err := f.log(t, ofEndpoint(1))(1, "")
	must(t, err)
	rest, _, err := f.log(t, ofEndpoint(1))(100, cursor) // another limit, the same list
	must(t, err)
	same(t, "behind the first page", rest, newest(want)[1:len(rest)+1])
}

func logOneMillisecond(t *testing.T, f *fixture) {
	var want []webhook.Delivery
	var changes []webhook.Change
	for n := range 50 {
		e := sampleEvent(n)
		e.AcceptedAt = Start
		want = append(want, plainDelivery(e, endpointID(1)))
		changes = append(changes, insertDelivery(want[n]))
	}
	f.write(t, changes...)
	for _, limit := range []int{1, 7, 100} {
		f.logs(t, fmt.Sprint("pages of ", limit), ofEndpoint(1), limit, want)
	}
}

// logLarge needs more than 1 MB, a page of some databases.
func logLarge(t *testing.T, f *fixture) {
	var want []webhook.Delivery
	var changes []webhook.Change
	for n := range 120 {
		d := logged(n, []webhook.Status{webhook.Delivered, webhook.Failed}[n/100])
		d.URL += strings.Repeat("x", 20<<10)
		want, changes = append(want, d), append(changes, insertDelivery(d))
	}
	f.write(t, changes...)
	f.logs(t, "all", ofEndpoint(1), 100, want)
	q := ofEndpoint(1)
	q.Status = webhook.Failed
	f.logs(t, "the few that failed", q, 100, want[100:])
}

// logGrows: what was there all along is neither skipped nor repeated.
func logGrows(t *testing.T, f *fixture) {
	want := f.fill(t, 20, webhook.Delivered)
	there := map[string]bool{}
	for _, d := range want {
		there[d.MessageID] = true
	}
	n := 20
	got := pages(t, f.log(t, ofEndpoint(1)), 4, func() {
		f.write(t, insertDelivery(logged(n, webhook.Failed)))
		n++
	})
	same(t, "those of the beginning", which(got, func(d webhook.Delivery) bool { return there[d.MessageID] }), newest(want))
}

func logStatus(t *testing.T, f *fixture) {
	all := f.fill(t, 24, webhook.Statuses()...)
	for _, status := range webhook.Statuses() {
		q := ofEndpoint(1)
		q.Status = status
		for _, limit := range []int{1, 3, 50} {
			f.logs(t, string(status), q, limit, which(all, func(d webhook.Delivery) bool { return d.Status == status }))
		}
	}
}

func logMoves(t *testing.T, f *fixture) {
	d := logged(1, webhook.Retrying)
	f.write(t, insertDelivery(d))
	for n, status := range []webhook.Status{webhook.Failed, webhook.Retrying, webhook.Held, webhook.Delivered} {
		old, now := ofEndpoint(1), ofEndpoint(1)
		old.Status, now.Status = d.Status, status
		next := in(d, status, tick(n), fmt.Sprint("rev-", n))
		f.write(t, replaceDelivery(d.Rev, next))
		d = next
		f.logs(t, "by its new status", now, 10, []webhook.Delivery{d})
		f.logs(t, "by its old one", old, 10, nil)
		f.logs(t, "all", ofEndpoint(1), 10, []webhook.Delivery{d})
	}
}

func logBounds(t *testing.T, f *fixture) {
	all := f.fill(t, 24, webhook.Delivered, webhook.Failed) // accepted in milliseconds 0 to 7
	for _, c := range bounds {
		for _, status := range []webhook.Status{"", webhook.Failed} {
			q := ofEndpoint(1)
			q.Since, q.Until, q.Status = c.since, c.until, status
			want := which(all, func(d webhook.Delivery) bool {
				return (status == "" || d.Status == status) && c.holds(d.AcceptedAt)
			})
			for _, limit := range []int{1, 7, 100} {
				f.logs(t, fmt.Sprintf("%s, status %q, pages of %d", c.name, status, limit), q, limit, want)
			}
		}
	}
}

func logJobTarget(t *testing.T, f *fixture) {
	e := sampleEvent(1)
	want := sampleDelivery(e, webhook.JobTarget)
	f.write(t, insertDelivery(want), insertDelivery(plainDelivery(e, endpointID(1))))
	f.logs(t, "job", webhook.LogQuery{Account: account, EndpointID: webhook.JobTarget}, 10, []webhook.Delivery{want})
}

// logOwn: the log of an endpoint holds neither other endpoints' deliveries, nor
// the job's own URLs', nor another account's.
func logOwn(t *testing.T, f *fixture) {
	want, e := logged(1, webhook.Delivered), sampleEvent(2)
	foreign := plainDelivery(ofJob(other, "job-3", 3), endpointID(1))
	longer := plainDelivery(ofJob(account+"#"+endpointID(1), "job-4", 4), endpointID(1))
	f.write(t, insertEvent(e), insertDelivery(want), insertDelivery(plainDelivery(e, endpointID(2))),
		insertDelivery(plainDelivery(e, webhook.JobTarget)), insertDelivery(foreign), insertDelivery(longer))
	f.logs(t, "log", ofEndpoint(1), 10, []webhook.Delivery{want})
	f.logs(t, "another account's", webhook.LogQuery{Account: other, EndpointID: endpointID(1)}, 10, []webhook.Delivery{foreign})
	f.logs(t, "a longer account's", webhook.LogQuery{Account: longer.Account, EndpointID: endpointID(1)}, 10, []webhook.Delivery{longer})
}
