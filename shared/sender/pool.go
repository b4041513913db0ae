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
	idle     map[server][]*conn // in the order of their last use, the oldest first
	kept     int                // in all
	sweeping bool               // a timer runs
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
	if n := len(p.idle[s]); n > 0 {
		return p.remove(s, n-1)
	}
	return nil
}

func (p *pool) remove(s server, i int) *conn {
	list := p.idle[s]
	c := list[i]
	if p.kept--; len(list) == 1 {
		delete(p.idle, s)
	} else {
		p.idle[s] = slices.Delete(list, i, i+1)
	}
	return c
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
	switch {
	case len(p.idle[c.to]) >= p.perHost:
		excess = p.remove(c.to, 0)
	case p.kept >= p.max:
		oldest := c.to
		for s, list := range p.idle {
			if of := p.idle[oldest]; len(of) == 0 || list[0].used < of[0].used {
				oldest = s
			}
		}
		excess = p.remove(oldest, 0)
	}
	p.idle[c.to] = append(p.idle[c.to], c)
	p.kept++
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
	if p.sweeping = p.kept > 0; p.sweeping {
		time.AfterFunc(idleLimit, p.sweep)
	}
}

func (p *pool) old(c *conn) bool { return p.now().UnixNano()-c.used > int64(idleLimit) }

func (p *pool) closeIf(f func(*conn) bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for s, list := range p.idle {
		left := slices.DeleteFunc(list, func(c *conn) bool {
			if !f(c) {
				return false
			}
			p.kept--
			c.close()
			return true
		})
		if p.idle[s] = left; len(left) == 0 {
			delete(p.idle, s)
		}
	}
}
