package main

import "container/heap"

// clock runs what is planned, in the order of time. Seconds are counted from
// the first arrival.
type clock struct {
	now     float64
	planned plans
	count   int
}

type plan struct {
	at    float64
	order int // of two at one time, the one that was planned first
	do    func()
}

// at plans do.
func (c *clock) at(t float64, do func()) {
	c.count++
	heap.Push(&c.planned, plan{t, c.count, do})
}

// run ends when nothing is planned any more.
func (c *clock) run() {
	for len(c.planned) > 0 {
		next := heap.Pop(&c.planned).(plan) //nolint:forcetypeassert // nothing else is pushed
		c.now = next.at
		next.do()
	}
}

// plans is a heap.
type plans []plan

func (p plans) Len() int { return len(p) }
func (p plans) Less(i, j int) bool {
	return p[i].at < p[j].at || p[i].at == p[j].at && p[i].order < p[j].order
}
func (p plans) Swap(i, j int) { p[i], p[j] = p[j], p[i] }
func (p *plans) Push(x any)   { *p = append(*p, x.(plan)) } //nolint:forcetypeassert // see at
func (p *plans) Pop() any {
	last := len(*p) - 1
	x := (*p)[last]
	*p = (*p)[:last]
	return x
}
