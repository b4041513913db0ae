package main

import "math"

// What AWS says of fair queues: a group is noisy while it has more than a tenth
// of the messages in flight and at least 30, or more than a tenth of the recent
// processing time. How long "recent" is it does not say.
const (
	noisyShare    = 0.1
	noisyInFlight = 30
	recent        = 60 // seconds after which processing time counts 1/e: our assumption
)

// message is one completion on a queue.
type message struct {
	account int
	failed  int     // attempts so far
	arrived float64 // at the first queue
	queued  float64 // at this one
}

// queue is an SQS standard queue, fair when its messages have groups. It gives
// out the oldest message; of those in quiet groups while there are any, else of
// the noisy group with the fewest in flight.
type queue struct {
	groups   []group // by account; a queue without groups has one
	waiting  int
	inFlight int
	busy     float64 // processing time of all groups, the later the heavier
}

type group struct {
	waiting  []message
	inFlight int
	busy     float64
}

func newQueue(groups int) *queue { return &queue{groups: make([]group, groups)} }

// of is a message's group.
func (q *queue) of(m message) *group { return &q.groups[m.account%len(q.groups)] }

func (q *queue) send(m message) {
	g := q.of(m)
	g.waiting = append(g.waiting, m)
	q.waiting++
}

// receive gives out at most limit messages.
func (q *queue) receive(limit int) (batch []message) {
	for range min(limit, q.waiting) {
		g := q.next()
		batch = append(batch, g.waiting[0])
		g.waiting = g.waiting[1:]
		g.inFlight++
		q.inFlight++
		q.waiting--
	}
	return batch
}

// next is the group whose oldest message is given out.
func (q *queue) next() *group {
	var quiet, noisy *group
	for i := range q.groups {
		g := &q.groups[i]
		switch {
		case len(g.waiting) == 0:
		case q.isNoisy(g):
			if noisy == nil || g.inFlight < noisy.inFlight {
				noisy = g
			}
		case quiet == nil || g.waiting[0].queued < quiet.waiting[0].queued:
			quiet = g
		}
	}
	if quiet != nil {
		return quiet
	}
	return noisy
}

func (q *queue) isNoisy(g *group) bool {
	return g.inFlight >= noisyInFlight && float64(g.inFlight) > noisyShare*float64(q.inFlight) ||
		g.busy > noisyShare*q.busy
}

// done deletes a batch that was received when it began.
func (q *queue) done(batch []message, began, now float64) {
	busy := (now - began) * math.Exp(now/recent)
	for _, m := range batch {
		g := q.of(m)
		g.inFlight--
		q.inFlight--
		g.busy += busy
		q.busy += busy
	}
}
