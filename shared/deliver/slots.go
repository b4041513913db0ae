package deliver

import (
	"context"
	"slices"
	"sync"
	"time"

	"github.com/jobhook/jobhook/shared/webhook"
)

// slots bounds the POSTs in flight, and shares them out: whoever has the fewest
// in flight is next, first among groups, then among a group's targets. Nothing
// is kept free while somebody waits: a lone target may use every slot. A POST
// cannot be taken back from an endpoint that hangs, so there is a spare, a
// quarter as many again, for groups that have less than a quarter of the slots:
// they need not wait for the POSTs of those that came first.
type slots struct {
	size  int
	share int // what a group may have of them while it is not alone; 0: all

	mu     sync.Mutex
	used   int
	queued int    // who waits, in all
	turn   uint64 // counts the slots that were granted
	groups map[string]*group
	latest [2]struct { // of two groups, when they had or wanted a slot
		group string
		at    time.Time
	}
}

// aloneAfter is how long no other group must have had a slot for one to be alone.
const aloneAfter = time.Second

// share is what a group or a target has, and wants.
type share struct {
	used, waiting int
	served        uint64 // the turn of the latest slot; 0: none yet
}

type group struct {
	share
	name  string
	lines map[target]*line
}

// line is of those that wait for a slot to post to one target.
type line struct {
	share
	first []chan struct{} // in the order in which they came; closed when granted
}

func (s *share) its() *share { return s }

func newSlots(size int) *slots { return &slots{size: size, groups: map[string]*group{}} }

// place finds where a group's target waits, or makes it.
func (s *slots) place(name string, t target) (*group, *line) {
	g := s.groups[name]
	if g == nil {
		g = &group{name: name, lines: map[target]*line{}}
		s.groups[name] = g
	}
	l := g.lines[t]
	if l == nil {
		l = &line{}
		g.lines[t] = l
	}
	return g, l
}

// try takes a slot if there is one at once.
func (s *slots) try(name string, t target) (ok bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	g, l := s.place(name, t)
	if ok = s.queued == 0 && s.mayHave(g); ok {
		s.give(g, l)
	}
	s.forget(name, t)
	return ok
}

// acquire waits for a slot, which release gives back; ok is false when ctx ends
// first, or when it is too late: zero for never.
func (s *slots) acquire(ctx context.Context, tooLate time.Time, name string, t target) (ok bool) {
	s.mu.Lock()
	g, l := s.place(name, t)
	granted := make(chan struct{})
	l.first = append(l.first, granted)
	s.wants(g, l, 1)
	s.grant()
	s.mu.Unlock()
	if !tooLate.IsZero() {
		var cancel context.CancelFunc
		ctx, cancel = context.WithDeadline(ctx, tooLate)
		defer cancel()
	}
	select {
	case <-granted:
		return true
	case <-ctx.Done():
	}
	s.mu.Lock()
	at := slices.Index(l.first, granted)
	if at >= 0 {
		l.first = slices.Delete(l.first, at, at+1)
		s.wants(g, l, -1)
		s.end(name, t)
	}
	s.mu.Unlock()
	if at < 0 { // granted at the same moment
		s.release(name, t)
	}
	return false
}

func (s *slots) release(name string, t target) {
	s.mu.Lock()
	defer s.mu.Unlock()
	g := s.groups[name]
	s.used--
	g.used--
	g.lines[t].used--
	s.end(name, t)
}

// end hands on what is free.
func (s *slots) end(name string, t target) {
	s.forget(name, t)
	s.grant()
}

// forget drops those that have and want nothing any more.
func (s *slots) forget(name string, t target) {
	g := s.groups[name]
	if l := g.lines[t]; l.used+l.waiting == 0 {
		delete(g.lines, t)
	}
	if len(g.lines) == 0 {
		delete(s.groups, name)
	}
}

// grant gives what is free to those that wait.
func (s *slots) grant() {
	for s.queued > 0 {
		g := next(s.groups)
		if !s.mayHave(g) {
			return
		}
		l := next(g.lines)
		close(l.first[0])
		l.first = l.first[1:]
		s.wants(g, l, -1)
		s.give(g, l)
	}
}

func (s *slots) mayHave(g *group) bool {
	spare := max(s.size/4, 1)
	if s.used >= s.size+spare || s.used >= s.size && g.used >= spare {
		return false
	}
	return s.share == 0 || s.alone(g.name) || g.used < s.share
}

func (s *slots) wants(g *group, l *line, n int) {
	s.queued += n
	g.waiting += n
	l.waiting += n
}

func (s *slots) give(g *group, l *line) {
	s.used++
	s.turn++
	g.used++
	l.used++
	g.served, l.served = s.turn, s.turn
}

// alone says whether only this group has had or wanted slots of late. It notes
// that it does now.
func (s *slots) alone(name string) bool {
	if s.latest[0].group != name {
		s.latest[0], s.latest[1] = s.latest[1], s.latest[0]
		s.latest[0].group = name
	}
	s.latest[0].at = time.Now()
	return s.latest[0].at.Sub(s.latest[1].at) >= aloneAfter
}

// next is whoever has the fewest of those that wait, and of several such the
// one served least recently.
func next[K comparable, S interface {
	comparable
	its() *share
}](all map[K]S) (found S) {
	var none S
	for _, one := range all {
		if s := one.its(); s.waiting > 0 && (found == none || s.before(found.its())) {
			found = one
		}
	}
	return found
}

func (s *share) before(o *share) bool {
	return s.used < o.used || s.used == o.used && s.served < o.served
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
