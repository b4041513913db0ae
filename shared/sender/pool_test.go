package sender

import (
	"net"
	"slices"
	"testing"
	"testing/synctest"
	"time"
)

// Too many to one server: its oldest goes. Too many in all: the oldest.
func TestPoolBounds(t *testing.T) {
	t.Parallel()
	p := pool{now: time.Now, max: 4, perHost: 2, idle: map[server][]*conn{}}
	open := map[string]*conn{}
	for _, name := range []string{"a1", "a2", "b1", "a3", "b2", "c1", "d1"} {
		near, far := net.Pipe()
		go hang(far)
		open[name] = newConn(near, near, server{host: name[:1]})
		p.put(open[name])
	}
	var kept []string
	for _, host := range []string{"a", "b", "c", "d", "e"} {
		for c := p.take(server{host: host}); c != nil; c = p.take(server{host: host}) {
			for name, other := range open {
				if other == c {
					kept = append(kept, name)
				}
			}
		}
	}
	if want := []string{"a3", "b2", "c1", "d1"}; !slices.Equal(kept, want) {
		t.Errorf("kept %v, want %v", kept, want)
	}
	for name, c := range open {
		_, err := c.top.Write([]byte("x"))
		if closed := err != nil; closed == slices.Contains(kept, name) {
			t.Errorf("%s: closed %v", name, closed)
		}
	}
}

// Connections that nobody asks for again are closed by the timer, which ends
// with the last.
func TestPoolSweeps(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := pool{now: time.Now, max: 4, perHost: 4, idle: map[server][]*conn{}}
		gone := make(chan time.Duration, 2)
		start := time.Now()
		for range 2 {
			near, far := net.Pipe()
			go func() { hang(far); gone <- time.Since(start) }()
			p.put(newConn(near, near, server{host: "a"}))
			time.Sleep(15 * time.Second)
		}
		for range 2 {
			if d := <-gone; d > 15*time.Second+2*idleLimit {
				t.Errorf("closed after %v", d)
			}
		}
		time.Sleep(idleLimit)
		p.mu.Lock()
		defer p.mu.Unlock()
		if p.sweeping || len(p.idle) > 0 || p.kept != 0 {
			t.Error("it still sweeps")
		}
	})
}
