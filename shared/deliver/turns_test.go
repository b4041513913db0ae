package deliver_test

import (
	"context"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/jobhook/jobhook/shared/deliver"
)

// TestTurnsAndSlotsDoNotWaitForEachOther: with more targets than slots, and a
// neighbour that bounds the turns, nobody waits for a slot with a turn in hand,
// for which others wait that have a slot.
func TestTurnsAndSlotsDoNotWaitForEachOther(t *testing.T) {
	bubble(t, "16 deliveries of 200 ms over 8 slots", func(t *testing.T) {
		w := newWorld(t, func(c *deliver.Config) { c.Concurrency, c.Turns = 8, deliver.NewTurns(2) })
		w.endpoint("ep_a", nil)
		w.endpoint("ep_b", nil)
		w.net.during = func(string) { time.Sleep(200 * time.Millisecond) }
		dispatch := func(group, body string, n int) {
			ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
			defer cancel()
			w.dispatcher.Dispatch(ctx, []deliver.Message{{ID: fmt.Sprint(group, "-", n), Group: group, Body: []byte(body)}})
		}
		neighbour := func(n int) {
			dispatch("beta", strings.Replace(job(1000+n), `"acme"`, `"beta","callback_url":"https://beta.example/"`, 1), n)
		}
		began := time.Now()
		neighbour(0)
		var acme, beta sync.WaitGroup
		for n := range 10 { // one each 300 ms
			beta.Go(func() { time.Sleep(time.Duration(n) * 300 * time.Millisecond); neighbour(n + 1) })
		}
		for n := range 8 {
			acme.Go(func() { dispatch("acme", job(n), n) })
		}
		acme.Wait()
		if took := time.Since(began); took > 2*time.Second {
			t.Errorf("they took %s", took)
		}
		beta.Wait()
		if a, b := len(w.net.to("ep_a.example")), len(w.net.to("ep_b.example")); a != 8 || b != 8 {
			t.Errorf("%d and %d POSTs, want 8 each", a, b)
		}
	})
}
