package embedded

import (
	"context"
	"time"
)

// Wait returns when a message may be visible: at once if one is. It may
// return without there being one; Receive tells.
func (q *Queue) Wait(ctx context.Context) error {
	for {
		due, changed := q.watch()
		if due == never {
			select {
			case <-changed:
			case <-ctx.Done():
				return ctx.Err()
			}
			continue
		}
		wait := due - q.db.now().UnixNano()
		if wait <= 0 {
			return ctx.Err()
		}
		timer := time.NewTimer(time.Duration(wait))
		select {
		case <-changed:
		case <-timer.C:
		case <-ctx.Done():
			timer.Stop()
			return ctx.Err()
		}
		timer.Stop()
	}
}

// NextVisible says from when on a message may be visible, which may be in the
// past; ok is false when the queue is empty.
func (q *Queue) NextVisible() (at time.Time, ok bool) {
	q.mu.Lock()
	defer q.mu.Unlock()
	due := q.due()
	return time.Unix(0, due).UTC(), due != never
}

func (q *Queue) due() int64 {
	if one := q.flights.first(); one != nil {
		return min(q.next, one.until)
	}
	return q.next
}

func (q *Queue) watch() (due int64, changed <-chan struct{}) {
	q.mu.Lock()
	defer q.mu.Unlock()
	if q.changed == nil {
		q.changed = make(chan struct{})
	}
	return q.due(), q.changed
}

// wake tells all who wait that next has moved forward.
func (q *Queue) wake() {
	if q.changed != nil {
		close(q.changed)
		q.changed = nil
	}
}
