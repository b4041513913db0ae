package embedded

import (
	"context"
	"math"
	"time"
)

const never = math.MaxInt64

// flight is a message that was received and not deleted: in flight, or, when
// that has ended, among its group's returned ones.
type flight struct {
	at       place
	group    *group
	until    int64 // Unix nanoseconds: then it is visible again
	receives int
	idle     bool // its receiver has given it back for later
	order    order[flight]
}

func newFlights() sorted[flight] {
	return sorted[flight]{
		order: func(f *flight) *order[flight] { return &f.order },
		less: func(a, b *flight) bool {
			return a.until < b.until || a.until == b.until && a.at.less(b.at)
		},
	}
}

// start counts a receive of the message and hides it until then.
func (q *Queue) start(g *group, at place, until int64) *flight {
	f := q.flights[at]
	if f == nil {
		f = &flight{at: at, group: g}
		q.flights[at] = f
		g.flights++
	}
	q.land(f)
	f.receives++
	f.until = until
	q.flying.put(f)
	g.flying++
	q.turn++
	g.served = q.turn
	return f
}

// land takes a flight out of the order that it is in, if any.
func (q *Queue) land(f *flight) {
	if f.order.in == &q.flying && !f.idle {
		f.group.flying--
	}
	f.idle = false
	f.order.leave()
}

// end forgets a flight whose message is gone. It leaves filing the group to
// its caller.
func (q *Queue) end(f *flight) {
	q.land(f)
	f.group.flights--
	delete(q.flights, f.at)
}

// advance returns to their groups the messages that were not deleted in time,
// and makes groups ready whose next message is visible by now.
func (q *Queue) advance(now int64) {
	q.now = now
	for f := q.flying.first(); f != nil && f.until <= now; f = q.flying.first() {
		q.land(f)
		f.group.returned.put(f)
		q.file(f.group)
	}
	for g := q.waiting.first(); g != nil && g.due() <= now; g = q.waiting.first() {
		q.file(g)
	}
}

// ChangeVisibility makes messages that were received visible again after these
// times from now, 0 for at once, by the ids they were received with. Those that
// are not in flight are ignored. It is not durable: when the file is opened
// again, all that was in flight is visible at once. They count no longer as
// their group's messages in flight: nobody works on them.
func (q *Queue) ChangeVisibility(_ context.Context, visibility map[string]time.Duration) error {
	q.mu.Lock()
	defer q.mu.Unlock()
	now := q.db.now()
	for id, d := range visibility {
		at, ok := parsePlace(id)
		f := q.flights[at]
		if !ok || f == nil {
			continue
		}
		q.land(f)
		f.until, f.idle = now.Add(max(d, 0)).UnixNano(), true
		q.flying.put(f)
		q.file(f.group)
	}
	q.wake()
	return nil
}

// Wait returns when a message may be visible: at once if one is. It may
// return without there being one; Receive tells.
func (q *Queue) Wait(ctx context.Context) error { return q.WaitBelow(ctx, math.MaxInt) }

// WaitBelow is Wait for what ReceiveBelow would receive.
func (q *Queue) WaitBelow(ctx context.Context, below int) error {
	for {
		q.mu.Lock()
		if q.changed == nil {
			q.changed = make(chan struct{})
		}
		wait, changed := q.due(below)-q.db.now().UnixNano(), q.changed
		q.mu.Unlock()
		if wait <= 0 {
			return ctx.Err()
		}
		select {
		case <-changed:
		case <-time.After(time.Duration(wait)):
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

// NextVisible says from when on a message may be visible, which may be in the
// past; ok is false when the queue is empty.
func (q *Queue) NextVisible() (at time.Time, ok bool) {
	q.mu.Lock()
	defer q.mu.Unlock()
	due := q.due(math.MaxInt)
	return time.Unix(0, due).UTC(), due != never
}

// due is when a message of a group with fewer than below in flight may be visible.
func (q *Queue) due(below int) int64 {
	due := int64(never)
	if g := q.ready.first(); g != nil && g.flying < below {
		due = g.due()
	}
	if g := q.waiting.first(); g != nil {
		due = min(due, g.due())
	}
	if f := q.flying.first(); f != nil {
		due = min(due, f.until)
	}
	return due
}

// wake tells all who wait that there may be something to receive earlier.
func (q *Queue) wake() {
	if q.changed != nil {
		close(q.changed)
		q.changed = nil
	}
}
