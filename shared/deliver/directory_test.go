package deliver

import (
	"context"
	"fmt"
	"testing"
	"time"

	"github.com/jobhook/jobhook/shared/webhook"
)

// accounts is a store of accounts with a hundred endpoints each.
type accounts struct {
	Store
	reads map[string]int
}

func (a *accounts) AccountEndpoints(_ context.Context, name string) ([]webhook.Endpoint, error) {
	a.reads[name]++
	all := make([]webhook.Endpoint, 100)
	for i := range all {
		all[i].ID = fmt.Sprint("ep_", i)
	}
	return all, nil
}

// What is remembered is bounded by endpoints, not accounts, and what was read
// longest ago goes first.
func TestTheDirectoryIsBounded(t *testing.T) {
	now := time.Now()
	store := &accounts{reads: map[string]int{}}
	d := directory{store: store, ttl: time.Hour, now: func() time.Time { return now }, known: map[string]account{}}
	const many = 3 * maxEndpoints / 100
	for n := range many {
		now = now.Add(time.Second)
		if _, err := d.current(t.Context(), fmt.Sprint(n), 0); err != nil {
			t.Fatal(err)
		}
		size := 0
		for _, a := range d.known {
			size += 1 + len(a.endpoints)
		}
		if size != d.size || size > maxEndpoints {
			t.Fatalf("%d endpoints of %d accounts are kept and counted as %d; the maximum is %d", size, len(d.known), d.size, maxEndpoints)
		}
	}
	newest, oldest := fmt.Sprint(many-1), "0"
	for _, name := range []string{newest, oldest} {
		if _, err := d.current(t.Context(), name, 0); err != nil {
			t.Fatal(err)
		}
	}
	if store.reads[newest] != 1 || store.reads[oldest] != 2 || len(d.known) < maxEndpoints/100/2 {
		t.Errorf("the newest was read %d times, the oldest %d times, %d are kept", store.reads[newest], store.reads[oldest], len(d.known))
	}
}
