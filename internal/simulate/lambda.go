package main

// What AWS says of an SQS event source mapping: five concurrent invocations at
// first, up to 300 more a minute while messages wait, up to MaximumConcurrency
// or 1,250. That it goes back to five when traffic is low is not modelled.
const (
	firstConcurrency = 5
	moreEachSecond   = 300 / 60
	batchSize        = 10
)

// mapping invokes a function with batches of a queue.
type mapping struct {
	clock   *clock
	queue   *queue
	allowed int // concurrent invocations now
	maximum int
	running int
	growing bool
	idle    []*environment // the one used last is used first
	invoke  func(*environment, []message) (ends float64)
}

// environment is one execution environment, and what it remembers of endpoints
// that are slow: from attempts of its own, and from their records as it read them.
type environment struct {
	timeouts map[int]float64 // when the account's endpoint last timed out here
	slow     map[int]float64 // until when
	read     map[int]float64 // when the record was read
}

func newMapping(c *clock, q *queue, maximum int) *mapping {
	return &mapping{clock: c, queue: q, allowed: min(firstConcurrency, maximum), maximum: maximum}
}

// send puts a message on the queue, to be taken by an invocation that may run.
func (m *mapping) send(msg message) {
	msg.queued = m.clock.now
	m.queue.send(msg)
	m.poll()
}

// poll starts invocations while there are messages and invocations are allowed.
func (m *mapping) poll() {
	for m.running < m.allowed && m.queue.waiting > 0 {
		m.start(m.queue.receive(batchSize))
	}
	if m.queue.waiting > 0 && !m.growing && m.allowed < m.maximum {
		m.growing = true
		m.clock.at(m.clock.now+1, func() {
			m.growing = false
			if m.queue.waiting > 0 {
				m.allowed = min(m.allowed+moreEachSecond, m.maximum)
			}
			m.poll()
		})
	}
}

func (m *mapping) start(batch []message) {
	m.running++
	env := m.environment()
	began := m.clock.now
	m.clock.at(m.invoke(env, batch), func() {
		m.queue.done(batch, began, m.clock.now)
		m.running--
		m.idle = append(m.idle, env)
		m.poll()
	})
}

func (m *mapping) environment() *environment {
	if last := len(m.idle) - 1; last >= 0 {
		env := m.idle[last]
		m.idle = m.idle[:last]
		return env
	}
	return &environment{timeouts: map[int]float64{}, slow: map[int]float64{}, read: map[int]float64{}}
}
