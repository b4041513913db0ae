package embedded

import "container/heap"

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

func newFlights() flights { return flights{by: map[place]*flight{}} }

func (f *flights) has(at place) bool { return f.by[at] != nil }

func (f *flights) receives(at place) int {
	if have := f.by[at]; have != nil {
		return have.receives
	}
	return 0
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
