package storetest

import (
	"slices"
	"testing"
	"time"

	"github.com/jobhook/jobhook/shared/webhook"
)

// pages reads a whole log. between runs after each page.
func (f *fixture) pages(t testing.TB, status webhook.Status, limit int, between func()) []webhook.Delivery {
	t.Helper()
	var all []webhook.Delivery
	cursor := ""
	for range 1000 {
		page, next, err := f.EndpointDeliveries(t.Context(), account, endpointID(1), status, limit, cursor)
		must(t, err)
		if len(page) > limit {
			t.Fatalf("a page of %d, limit %d", len(page), limit)
		}
		all = append(all, page...)
		if next == "" {
			return all
		}
		cursor = next
		between()
	}
	t.Fatal("the pages don't end")
	return nil
}

// logged inserts the nth delivery of the log; several share a time of creation.
func (f *fixture) logged(t testing.TB, n int, status webhook.Status) webhook.Delivery {
	t.Helper()
	e := f.event(t, n)
	d := plainDelivery(e, endpointID(1))
	d.Status, d.CreatedAt = status, Start.Add(time.Duration(n/3)*time.Nanosecond)
	must(t, f.InsertDelivery(t.Context(), d))
	return d
}

// newest sorts as the log does.
func newest(deliveries []webhook.Delivery) []webhook.Delivery {
	return slices.SortedFunc(slices.Values(deliveries), func(a, b webhook.Delivery) int {
		if order := b.CreatedAt.Compare(a.CreatedAt); order != 0 {
			return order
		}
		return slices.Compare([]byte(b.MessageID), []byte(a.MessageID))
	})
}

func logPages(t *testing.T, f *fixture) {
	var want []webhook.Delivery
	for n := range 20 {
		want = append(want, f.logged(t, n, webhook.Delivered))
	}
	for _, limit := range []int{1, 7, 10, 20, 100} {
		same(t, "log", f.pages(t, "", limit, func() {}), newest(want))
	}
}

func logGrows(t *testing.T, f *fixture) {
	var want []webhook.Delivery
	for n := range 20 {
		want = append(want, f.logged(t, n, webhook.Delivered))
	}
	n := 20
	got := f.pages(t, "", 4, func() { f.logged(t, n, webhook.Failed); n++ })
	same(t, "log as it was when the reading began", got, newest(want))
}

func logStatus(t *testing.T, f *fixture) {
	want := map[webhook.Status][]webhook.Delivery{}
	for n := range 24 {
		status := webhook.Statuses()[n*n%len(webhook.Statuses())]
		want[status] = append(want[status], f.logged(t, n, status))
	}
	for _, status := range webhook.Statuses() {
		for _, limit := range []int{1, 3, 50} {
			same(t, string(status), f.pages(t, status, limit, func() {}), newest(want[status]))
		}
	}
}

func logMoves(t *testing.T, f *fixture) {
	d := f.logged(t, 1, webhook.Retrying)
	for n, status := range []webhook.Status{webhook.Failed, webhook.Retrying, webhook.Delivered} {
		old := d.Rev
		before := d.Status
		d.Status, d.Rev = status, d.Rev+string(rune('a'+n))
		must(t, f.ReplaceDelivery(t.Context(), old, d))
		same(t, "under its new status", f.pages(t, status, 10, func() {}), []webhook.Delivery{d})
		same(t, "under its old one", f.pages(t, before, 10, func() {}), nil)
		same(t, "under all", f.pages(t, "", 10, func() {}), []webhook.Delivery{d})
	}
}

// logOwn: the log of an endpoint holds neither the job's own URLs, nor other
// endpoints' deliveries, nor another account's.
func logOwn(t *testing.T, f *fixture) {
	want := f.logged(t, 1, webhook.Delivered)
	e := f.event(t, 2)
	must(t, f.InsertDelivery(t.Context(), plainDelivery(e, endpointID(2))))
	must(t, f.InsertDelivery(t.Context(), plainDelivery(e, webhook.JobTarget)))
	foreign := plainDelivery(f.event(t, 3), endpointID(1))
	foreign.Account = "acct-2"
	must(t, f.InsertDelivery(t.Context(), foreign))
	same(t, "log", f.pages(t, "", 10, func() {}), []webhook.Delivery{want})
}

func logBadCursor(t *testing.T, f *fixture) {
	f.logged(t, 1, webhook.Delivered)
	for _, cursor := range badCursors {
		_, _, err := f.EndpointDeliveries(t.Context(), account, endpointID(1), "", 10, cursor)
		wantErr(t, "cursor "+cursor[:min(len(cursor), 20)], err, webhook.ErrCursor)
	}
}
