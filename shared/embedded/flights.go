package embedded

// flight is a message that was given out and has not been deleted.
type flight struct {
	at         place
	until      int64 // Unix nanoseconds: then it is visible again
	receives   int
	prev, next *flight
}

// flights are a queue's flights in the order in which they end. A queue has
// one visibility for all, so that a new one always ends last: a list serves,
// and a deleted message leaves nothing behind.
type flights struct {
	by   map[place]*flight
	ring flight // its next ends first
}

func newFlights() flights { return flights{by: map[place]*flight{}} }

func (f *flights) has(at place) bool { return f.by[at] != nil }

func (f *flights) receives(at place) int {
	if have := f.by[at]; have != nil {
		return have.receives
	}
	return 0
}

// start gives a message out, for the first time or once more.
func (f *flights) start(at place, until int64) *flight {
	have := f.by[at]
	if have == nil {
		have = &flight{at: at}
		f.by[at] = have
	} else {
		have.unlink()
	}
	have.until = until
	have.receives++
	f.append(have)
	return have
}

func (f *flights) append(one *flight) {
	if f.ring.next == nil {
		f.ring.next, f.ring.prev = &f.ring, &f.ring
	}
	one.prev, one.next = f.ring.prev, &f.ring
	one.prev.next, one.next.prev = one, one
}

func (one *flight) unlink() {
	one.prev.next, one.next.prev = one.next, one.prev
}

func (f *flights) end(at place) {
	if have := f.by[at]; have != nil {
		have.unlink()
		delete(f.by, at)
	}
}

// first is the flight that ends first, or nil.
func (f *flights) first() *flight {
	if len(f.by) == 0 {
		return nil
	}
	return f.ring.next
}
