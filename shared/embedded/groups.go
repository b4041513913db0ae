package embedded

// group is what a queue keeps in memory of a group that has messages: nothing
// of each that waits.
type group struct {
	id       groupID
	count    int            // messages in the file
	head     place          // no message before it waits for its first receive
	returned sorted[flight] // received before, and visible again
	flying   int            // messages in flight
	flights  int            // these, the returned ones, and those given back for later
	served   uint64         // the turn of the last receive; 0: none since the group was empty
	order    order[group]
}

// due is when the group's next message is visible.
func (g *group) due() int64 {
	if f := g.returned.first(); f != nil {
		return f.until
	}
	return g.head.visible()
}

// reset makes the queue empty.
func (q *Queue) reset() {
	its := func(g *group) *order[group] { return &g.order }
	q.count, q.last, q.groups, q.flights, q.flying = 0, 0, map[groupID]*group{}, map[place]*flight{}, newFlights()
	q.handed, q.handedBytes = map[place]*Received{}, 0
	q.waiting = sorted[group]{order: its, less: func(a, b *group) bool { return a.due() < b.due() }}
	q.ready = sorted[group]{order: its, less: func(a, b *group) bool {
		switch {
		case a.flying != b.flying:
			return a.flying < b.flying
		case a.served != b.served:
			return a.served < b.served
		}
		return a.due() < b.due()
	}}
}

// add counts a message; sooner says whether its group is due earlier by it.
func (q *Queue) add(at place) (sooner bool) {
	g := q.groups[at.group()]
	if g == nil {
		g = &group{id: at.group(), head: nowhere, returned: newFlights()}
		q.groups[g.id] = g
	}
	q.last = max(q.last, at.seq())
	q.count++
	g.count++
	if !at.less(g.head) {
		return false
	}
	g.head = at
	q.file(g)
	return true
}

// remove counts a message that is gone, and forgets its group with the last one.
func (q *Queue) remove(at place) {
	q.count--
	q.takeOver(at)
	if f := q.flights[at]; f != nil {
		q.end(f)
	}
	g := q.groups[at.group()]
	if g.count--; g.count == 0 && g.flights == 0 {
		g.order.leave()
		delete(q.groups, g.id)
		return
	}
	q.file(g)
	if g.order.in == &q.ready { // it has fewer in flight now: see WaitBelow
		q.wake()
	}
}

// file puts a group where it belongs after something about it has changed.
func (q *Queue) file(g *group) {
	switch due := g.due(); {
	case due == never:
		g.order.leave()
	case due <= q.now:
		q.ready.put(g)
	default:
		q.waiting.put(g)
	}
}
