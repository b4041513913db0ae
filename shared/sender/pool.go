package sender

import (
	"slices"
	"sync"
	"time"
)

// server is what a connection leads to; http:// and https:// never share one.
type server struct {
	tls        bool
	host, port string
}

// pool keeps idle connections. Whatever is older than idleLimit is closed when
// its server is next posted to, and otherwise by a timer, so that no connection
// needs a goroutine to watch it.
//
// Age is by the wall clock. Between invocations Lambda freezes the process: timers,
// which run on the monotonic clock, stop, and the endpoint meanwhile closes its
// side, perhaps unnoticed. The first POST after the thaw would be written into a
// dead connection and cost an attempt.
type pool struct {
	now          func() time.Time
	max, perHost int

	mu       sync.Mutex
	idle     []*conn // in the order of their last use, the oldest first
	sweeping bool    // a timer runs
}

// take returns the connection to s that was used last, or nil. It closes those
// that are old or that the endpoint has closed.
func (p *pool) take(s server) *conn {
	for {
		c := p.pop(s)
		if c == nil || !p.old(c) && c.quiet() {
			return c
		}
		c.close()
	}
}

func (p *pool) pop(s server) *conn {
	p.mu.Lock()
	defer p.mu.Unlock()
	for i, c := range slices.Backward(p.idle) {
		if c.to == s {
			p.idle = slices.Delete(p.idle, i, i+1)
			return c
		}
	}
	return nil
}

// put keeps c. Its server's oldest goes when there are too many to it, the
// oldest of all when there are too many.
func (p *pool) put(c *conn) {
	c.used = p.now().UnixNano()
	if excess := p.push(c); excess != nil {
		excess.close()
	}
}

func (p *pool) push(c *conn) (excess *conn) {
	p.mu.Lock()
	defer p.mu.Unlock()
	n, first := 0, -1
	for i, other := range p.idle {
		if other.to == c.to {
			if n++; first < 0 {
				first = i
			}
		}
	}
	switch {
	case n >= p.perHost:
		excess = p.idle[first]
		p.idle = slices.Delete(p.idle, first, first+1)
	case len(p.idle) >= p.max:
		excess = p.idle[0]
		p.idle = slices.Delete(p.idle, 0, 1)
	}
	p.idle = append(p.idle, c)
	if !p.sweeping {
		p.sweeping = true
		time.AfterFunc(idleLimit, p.sweep)
	}
	return excess
}

func (p *pool) sweep() {
	p.closeIf(p.old)
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.sweeping = len(p.idle) > 0; p.sweeping {
		time.AfterFunc(idleLimit, p.sweep)
	}
}

func (p *pool) old(c *conn) bool { return p.now().UnixNano()-c.used > int64(idleLimit) }

func (p *pool) closeIf(f func(*conn) bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.idle = slices.DeleteFunc(p.idle, func(c *conn) bool {
		if !f(c) {
			return false
		}
		c.close()
		return true
	})
}
