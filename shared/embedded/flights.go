package embedded

import (
	"bytes"
	"container/heap"
	"context"
	"encoding/binary"
	"encoding/hex"
	"math"
	"time"
)

// place is a message's place in its queue, its id, and the end of its key: by
// when it is visible, in Unix nanoseconds, then by the number it was sent with.
type place [16]byte

const never = math.MaxInt64

func (p place) visible() int64 { return int64(ordered(int64(binary.BigEndian.Uint64(p[:])))) }

func (p place) less(q place) bool { return bytes.Compare(p[:], q[:]) < 0 }

func (p place) key(prefix []byte) []byte {
	return append(append(make([]byte, 0, len(prefix)+len(p)), prefix...), p[:]...)
}

func (p place) id() string { return hex.EncodeToString(p[:]) }

// placeIn reads the place out of a key of the queue; ok is false beyond its end.
func placeIn(key, prefix []byte) (at place, ok bool) {
	if len(key) != len(prefix)+len(at) || !bytes.HasPrefix(key, prefix) {
		return place{}, false
	}
	return place(key[len(prefix):]), true
}

func parsePlace(id string) (at place, ok bool) {
	raw, err := hex.DecodeString(id)
	at, ok = placeIn(raw, nil)
	return at, ok && err == nil
}

// flight is a message in flight: received and not deleted.
type flight struct {
	at       place
	until    int64 // Unix nanoseconds: then it is visible again
	receives int
	index    int // in flights.order
}

// flights are a queue's messages in flight. A deleted one leaves nothing behind.
type flights struct {
	by    map[place]*flight
	order flightHeap
}

// start counts a receive of the message and hides it until then.
func (f *flights) start(at place, until int64) *flight {
	have := f.by[at]
	if have == nil {
		have = &flight{at: at, until: until}
		f.by[at] = have
		heap.Push(&f.order, have)
	}
	have.receives++
	f.move(at, until)
	return have
}

// move changes when a message in flight is visible again.
func (f *flights) move(at place, until int64) {
	if have := f.by[at]; have != nil {
		have.until = until
		heap.Fix(&f.order, have.index)
	}
}

func (f *flights) end(at place) {
	if have := f.by[at]; have != nil {
		heap.Remove(&f.order, have.index)
		delete(f.by, at)
	}
}

// first is the flight that ends first, or nil.
func (f *flights) first() *flight {
	if len(f.order) == 0 {
		return nil
	}
	return f.order[0]
}

// flightHeap orders flights by when they end, then by their place.
type flightHeap []*flight

func (h flightHeap) Len() int { return len(h) }

func (h flightHeap) Less(i, j int) bool {
	return h[i].until < h[j].until || h[i].until == h[j].until && h[i].at.less(h[j].at)
}

func (h flightHeap) Swap(i, j int) {
	h[i], h[j] = h[j], h[i]
	h[i].index, h[j].index = i, j
}

// Push is for package heap.
func (h *flightHeap) Push(one any) {
	added := one.(*flight) //nolint:forcetypeassert // nothing else is pushed
	added.index = len(*h)
	*h = append(*h, added)
}

// Pop is for package heap.
func (h *flightHeap) Pop() any {
	old := *h
	last := old[len(old)-1]
	old[len(old)-1] = nil
	*h = old[:len(old)-1]
	return last
}

// ChangeVisibility makes messages that were received visible again after these
// times from now, 0 for at once, by the ids they were received with. Those that
// are not in flight are ignored. It is not durable: when the file is opened
// again, all that was in flight is visible at once.
func (q *Queue) ChangeVisibility(_ context.Context, visibility map[string]time.Duration) error {
	q.mu.Lock()
	defer q.mu.Unlock()
	before, now := q.due(), q.db.now()
	for id, d := range visibility {
		if at, ok := parsePlace(id); ok {
			q.flights.move(at, now.Add(max(d, 0)).UnixNano())
		}
	}
	if q.due() < before {
		q.wake()
	}
	return nil
}

// Wait returns when a message may be visible: at once if one is. It may
// return without there being one; Receive tells.
func (q *Queue) Wait(ctx context.Context) error {
	for {
		q.mu.Lock()
		if q.changed == nil {
			q.changed = make(chan struct{})
		}
		wait, changed := q.due()-q.db.now().UnixNano(), q.changed
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
	due := q.due()
	return time.Unix(0, due).UTC(), due != never
}

func (q *Queue) due() int64 {
	if one := q.flights.first(); one != nil {
		return min(q.next, one.until)
	}
	return q.next
}

// wake tells all who wait that next has moved forward.
func (q *Queue) wake() {
	if q.changed != nil {
		close(q.changed)
		q.changed = nil
	}
}
