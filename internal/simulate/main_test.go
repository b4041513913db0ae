package main

import (
	"math/rand/v2"
	"os"
	"slices"
	"testing"

	"github.com/jobhook/jobhook/internal/marked"
)

func TestThePageHasTheOutput(t *testing.T) {
	page, err := os.ReadFile("../../docs/performance.md")
	if err != nil {
		t.Fatal(err)
	}
	part, err := marked.Part(string(page), "simulate")
	if err != nil {
		t.Fatal(err)
	}
	if part != output() {
		t.Error("docs/performance.md is not what the simulation says: run `make simulate`")
	}
}

// accountsOf receives everything, and says whose it was, in order.
func accountsOf(q *queue) (list []int) {
	for _, m := range q.receive(q.waiting) {
		list = append(list, m.account)
	}
	return list
}

func TestQueue(t *testing.T) {
	send := func(q *queue, accounts ...int) {
		for i, account := range accounts {
			q.send(message{account: account, queued: float64(i)})
		}
	}
	tests := []struct {
		name   string
		groups int
		before func(*queue)
		send   []int
		want   []int
	}{
		{"the oldest first", 3, func(*queue) {}, []int{2, 0, 1, 0}, []int{2, 0, 1, 0}},
		{"without groups too", 1, func(*queue) {}, []int{2, 0, 1, 0}, []int{2, 0, 1, 0}},
		{"a noisy group last: 30 in flight", 3, func(q *queue) { q.groups[0].inFlight, q.inFlight = 30, 40 }, []int{0, 0, 1}, []int{1, 0, 0}},
		{"29 in flight are not noisy", 3, func(q *queue) { q.groups[0].inFlight, q.inFlight = 28, 40 }, []int{0, 1}, []int{0, 1}},
		{"a tenth of all in flight is not noisy", 3, func(q *queue) { q.groups[0].inFlight, q.inFlight = 39, 400 }, []int{0, 1}, []int{0, 1}},
		{"a noisy group last: processing time", 3, func(q *queue) { q.groups[0].busy, q.busy = 2, 10 }, []int{0, 0, 1}, []int{1, 0, 0}},
		{
			"of noisy groups the one with the fewest in flight", 2,
			func(q *queue) { q.groups[0].inFlight, q.groups[1].inFlight, q.inFlight = 50, 40, 90 },
			[]int{0, 1},
			[]int{1, 0},
		},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			q := newQueue(tt.groups)
			tt.before(q)
			send(q, tt.send...)
			if got := accountsOf(q); !slices.Equal(got, tt.want) {
				t.Errorf("received %v, want %v", got, tt.want)
			}
		})
	}
}

func TestTheMappingRamps(t *testing.T) {
	var c clock
	m := newMapping(&c, newQueue(1), 12)
	most := map[int]int{} // by second
	m.invoke = func(*environment, []message) float64 {
		most[int(c.now)] = max(most[int(c.now)], m.running)
		return c.now + 0.75
	}
	for range 1000 {
		c.at(0, func() { m.send(message{}) })
	}
	c.run()
	for second, want := range []int{5, 10, 12, 12} {
		if most[second] != want {
			t.Errorf("%d invocations in second %d, want %d", most[second], second, want)
		}
	}
}

func TestSlowAfterTwoTimeouts(t *testing.T) {
	r := newRun(design{groups: true, slowLane: true, maximum: 2, slowMaximum: 2}, 2, 1)
	seen, other := r.fast.environment(), r.fast.environment()
	if r.knowsSlow(other, 0) {
		t.Fatal("slow before any timeout")
	}
	r.clock.now = 5
	r.timedOut(seen, 0)
	if r.knowsSlow(seen, 0) {
		t.Error("slow after one timeout")
	}
	r.timedOut(seen, 0)
	if !r.knowsSlow(seen, 0) {
		t.Error("not slow after two, where they were seen")
	}
	if r.knowsSlow(other, 0) {
		t.Error("another environment knows it from a record that it has not read")
	}
	r.clock.now = 10
	if !r.knowsSlow(other, 0) {
		t.Error("another environment does not know it once it has read the record")
	}
	r.clock.now = 65
	if r.knowsSlow(seen, 0) || r.knowsSlow(other, 0) {
		t.Error("still slow after a minute")
	}
}

// docs/performance.md says so.
func TestBesideAKnownSlowEndpointNobodyWaits(t *testing.T) {
	s := scenarios[1]
	r := newRun(designs[3], accounts, s.hanging)
	s.arrivals(r, rand.New(rand.NewPCG(9, 1)))
	r.clock.run()
	for account, list := range r.attempts[s.hanging:] {
		list = slices.DeleteFunc(list, func(a attempt) bool { return a.ended-a.took < 60 })
		if _, p99 := percentiles(list); p99 > 0.121 {
			t.Errorf("p99 of account %d after the first minute is %.3f s", account+s.hanging, p99)
		}
	}
}
