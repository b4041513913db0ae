package deliver

import (
	"context"
	"sync"

	"github.com/jobhook/jobhook/shared/webhook"
)

// slots bounds the POSTs in flight, and shares them out: whoever has the fewest
// in flight is next, first among groups, then among a group's targets. Nothing
// is kept free while somebody waits: a lone target may use every slot. A POST
// cannot be taken back from an endpoint that hangs, so there is a spare, a
// quarter as many again, for groups that have less than a quarter of the slots:
// they need not wait for the POSTs of those that came first.
type slots struct {
	size int

	mu       sync.Mutex
	used     int
	byGroup  map[string]int
	byTarget map[target]int
	waiting  []*waiter // in the order in which they came
}

type waiter struct {
	group   string
	target  target
	granted chan struct{}
}

func newSlots(size int) *slots {
	return &slots{size: size, byGroup: map[string]int{}, byTarget: map[target]int{}}
}

// acquire waits for a slot; ok is false when ctx ends first.
func (s *slots) acquire(ctx context.Context, group string, t target) (release func(), ok bool) {
	w := &waiter{group, t, make(chan struct{})}
	s.mu.Lock()
	s.waiting = append(s.waiting, w)
	s.grant()
	s.mu.Unlock()
	select {
	case <-w.granted:
		return func() { s.release(w) }, true
	case <-ctx.Done():
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	for i, other := range s.waiting {
		if other == w {
			s.waiting = append(s.waiting[:i], s.waiting[i+1:]...)
			return nil, false
		}
	}
	s.end(w) // granted at the same moment
	return nil, false
}

func (s *slots) release(w *waiter) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.end(w)
}

func (s *slots) end(w *waiter) {
	s.used--
	if s.byGroup[w.group]--; s.byGroup[w.group] == 0 {
		delete(s.byGroup, w.group)
	}
	if s.byTarget[w.target]--; s.byTarget[w.target] == 0 {
		delete(s.byTarget, w.target)
	}
	s.grant()
}

// grant gives what is free to those that wait.
func (s *slots) grant() {
	for {
		next := -1
		for i, w := range s.waiting {
			if s.mayHave(w) && (next < 0 || s.before(w, s.waiting[next])) {
				next = i
			}
		}
		if next < 0 {
			return
		}
		w := s.waiting[next]
		s.waiting = append(s.waiting[:next], s.waiting[next+1:]...)
		s.used++
		s.byGroup[w.group]++
		s.byTarget[w.target]++
		close(w.granted)
	}
}

func (s *slots) mayHave(w *waiter) bool {
	spare := max(s.size/4, 1)
	return s.used < s.size || s.used < s.size+spare && s.byGroup[w.group] < spare
}

func (s *slots) before(a, b *waiter) bool {
	if s.byGroup[a.group] != s.byGroup[b.group] {
		return s.byGroup[a.group] < s.byGroup[b.group]
	}
	return s.byTarget[a.target] < s.byTarget[b.target]
}

// target is what answers: an endpoint or, since each of an account's jobs may
// have a URL of its own, such a URL's server.
type target struct{ account, name string }

func targetOf(d webhook.Delivery) target {
	if d.EndpointID == webhook.JobTarget {
		return target{d.Account, origin(d.URL)}
	}
	return target{d.Account, d.EndpointID}
}

// groupOf is whose share of the slots and of the queues a delivery takes: its
// account's. All that names no account is of the default one, so there it is
// the server's.
func groupOf(d webhook.Delivery) string {
	if d.Account == webhook.DefaultAccount && d.EndpointID == webhook.JobTarget {
		return origin(d.URL)
	}
	return d.Account
}
