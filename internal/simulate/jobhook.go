package main

// What jobhook does in an invocation, in seconds. A batch has fewer messages
// than an invocation has slots (32), so all its POSTs start at once, and it ends
// with the slowest.
const (
	overhead    = 0.02 // to read, claim and record
	healthyPOST = 0.1
	timeout     = 10.0

	slowWindow    = 60.0  // an endpoint is slow after two timeouts within it
	slowFirst     = 60.0  // for so long,
	slowLongest   = 600.0 // twice as long each time that it still is, up to this
	endpointCache = 10.0  // how old an endpoint's record may be that dispatch goes by
)

// delays of the default schedule, 1m,5m,15m.
var delays = []float64{60, 300, 900}

// design is what is compared.
type design struct {
	name             string
	groups, slowLane bool
	maximum          int // MaximumConcurrency of dispatch
	slowMaximum      int // and of retry's mapping for the slow queue
}

// run is one run of a scenario.
type run struct {
	clock    clock
	design   design
	hanging  int // accounts 0 to hanging-1
	fast     *mapping
	retries  *mapping
	slow     *mapping
	until    map[int]float64 // the endpoints' records: slow until
	slowFor  map[int]float64
	attempts [][]attempt // first attempts by account
}

// attempt is when a first attempt ended, and how long after the arrival.
type attempt struct{ ended, took float64 }

func newRun(d design, accounts, hanging int) *run {
	r := &run{
		design: d, hanging: hanging, until: map[int]float64{}, slowFor: map[int]float64{}, attempts: make([][]attempt, accounts),
	}
	groups := 1
	if d.groups {
		groups = accounts
	}
	r.fast = newMapping(&r.clock, newQueue(groups), d.maximum)
	r.fast.invoke = r.dispatch
	r.retries = newMapping(&r.clock, newQueue(groups), d.maximum)
	r.retries.invoke = r.retry
	r.slow = newMapping(&r.clock, newQueue(groups), d.slowMaximum)
	r.slow.invoke = r.retry
	return r
}

// arrive plans an arrival.
func (r *run) arrive(account int, at float64) {
	r.clock.at(at, func() { r.fast.send(message{account: account, arrived: at}) })
}

// dispatch makes the first attempts, but those to endpoints that it knows to be
// slow: they go to the slow queue.
func (r *run) dispatch(env *environment, batch []message) (ends float64) {
	ends = r.clock.now + overhead
	for _, m := range batch {
		if r.design.slowLane && r.knowsSlow(env, m.account) {
			r.clock.at(r.clock.now+overhead, func() { r.slow.send(m) })
			continue
		}
		ends = max(ends, r.post(env, m))
	}
	return ends
}

// retry makes the later attempts, and all to endpoints that are slow.
func (r *run) retry(env *environment, batch []message) (ends float64) {
	for _, m := range batch {
		ends = max(ends, r.post(env, m))
	}
	return ends
}

func (r *run) post(env *environment, m message) (ends float64) {
	ends = r.clock.now + overhead + healthyPOST
	if m.account < r.hanging {
		ends = r.clock.now + overhead + timeout
		r.clock.at(ends, func() {
			r.timedOut(env, m.account)
			r.again(m)
		})
	}
	if m.failed == 0 {
		r.attempts[m.account] = append(r.attempts[m.account], attempt{ends, ends - m.arrived})
	}
	return ends
}

// again plans the next attempt, if the schedule has one. When it is due, a slow
// endpoint's takes the slow queue.
func (r *run) again(m message) {
	if m.failed == len(delays) {
		return
	}
	delay := delays[m.failed]
	m.failed++
	r.clock.at(r.clock.now+delay, func() {
		if r.design.slowLane && r.clock.now < r.until[m.account] {
			r.slow.send(m)
		} else {
			r.retries.send(m)
		}
	})
}

// knowsSlow goes by what the environment has seen, and by the record as of at
// most endpointCache ago.
func (r *run) knowsSlow(env *environment, account int) bool {
	if at, known := env.read[account]; !known || r.clock.now-at >= endpointCache {
		env.read[account] = r.clock.now
		env.slow[account] = max(env.slow[account], r.until[account])
	}
	return r.clock.now < env.slow[account]
}

// timedOut marks an endpoint slow, there and on its record, when it is the
// second timeout within slowWindow that the environment has seen.
func (r *run) timedOut(env *environment, account int) {
	last, before := env.timeouts[account]
	env.timeouts[account] = r.clock.now
	if !before || r.clock.now-last > slowWindow {
		return
	}
	if left := r.until[account] - r.clock.now; left < r.slowFor[account]/2 || r.slowFor[account] == 0 {
		r.slowFor[account] = min(max(2*r.slowFor[account], slowFirst), slowLongest)
		r.until[account] = r.clock.now + r.slowFor[account]
	}
	env.slow[account] = r.until[account]
}
