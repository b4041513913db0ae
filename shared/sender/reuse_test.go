package sender

import (
	"context"
	"crypto/tls"
	"errors"
	"io"
	"maps"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/jobhook/jobhook/shared/webhook"
)

// counted serves and counts the connections that were opened.
func counted(t testing.TB, h http.HandlerFunc) (url string, conns *atomic.Int32) {
	conns = new(atomic.Int32)
	srv := httptest.NewUnstartedServer(h)
	srv.Config.ConnState = func(_ net.Conn, s http.ConnState) {
		if s == http.StateNew {
			conns.Add(1)
		}
	}
	srv.Start()
	t.Cleanup(srv.Close)
	return srv.URL, conns
}

func TestConnectionIsReused(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name  string
		bytes int
		conns int32
	}{
		{"no body", 0, 1},
		{"kept whole", 100, 1},
		{"drained", DefaultResponseBytes + drainBytes - 1, 1},
		{"too long to drain", 1 << 20, 10},
	} {
		url, conns := counted(t, func(w http.ResponseWriter, r *http.Request) {
			w.WriteHeader(200 + 300*int(turn.Add(1)%2)) // a failed attempt keeps the connection too
			io.WriteString(w, strings.Repeat("a", c.bytes))
		})
		s := local(t, Config{})
		for range 10 {
			post(t, s, url)
		}
		if n := conns.Load(); n != c.conns {
			t.Errorf("%s: %d connections for 10 sends, want %d", c.name, n, c.conns)
		}
	}
}

var turn atomic.Int32

func TestTLSConnectionIsReused(t *testing.T) {
	t.Parallel()
	cert, pool := certificate(t, "127.0.0.1", time.Now().Add(-time.Hour), time.Now().Add(time.Hour))
	srv := secure(t, &tls.Config{Certificates: []tls.Certificate{cert}}, false, func(w http.ResponseWriter, r *http.Request) {
		io.WriteString(w, r.RemoteAddr)
	})
	s := local(t, Config{RootCAs: pool})
	first := post(t, s, srv.URL)
	for range 5 {
		if a := post(t, s, srv.URL); a.Response != first.Response || !a.Delivered() {
			t.Errorf("%+v after %+v", a, first)
		}
	}
}

// clock is a wall clock that the test moves.
type clock struct{ offset atomic.Int64 }

func (c *clock) now() time.Time {
	return time.Unix(1795176000, c.offset.Load())
}

func TestIdleConnectionsAreClosedAfterAPause(t *testing.T) {
	t.Parallel()
	url, conns := counted(t, func(http.ResponseWriter, *http.Request) {})
	var c clock
	s := local(t, Config{now: c.now})
	for _, step := range []struct {
		pause time.Duration
		conns int32
	}{{0, 1}, {idleLimit, 1}, {idleLimit, 1}, {idleLimit + 1, 2}, {0, 2}, {time.Hour, 3}, {-time.Hour, 3}, {time.Second, 3}} {
		c.offset.Add(int64(step.pause))
		want(t, post(t, s, url), 200, "")
		if n := conns.Load(); n != step.conns {
			t.Fatalf("after a pause of %v: %d connections in all, want %d", step.pause, n, step.conns)
		}
	}
}

// Many sends that start together after a thaw: none gets an old connection.
func TestNoSendGetsAStaleConnection(t *testing.T) {
	t.Parallel()
	const n = 16
	gate := make(chan struct{})
	var waiting atomic.Int32
	var c clock
	var mu sync.Mutex
	seen := map[string]time.Time{} // connection → when it was first used
	srv := serve(t, func(w http.ResponseWriter, r *http.Request) {
		if waiting.Add(1) == n {
			close(gate) // all at once, so that there are n connections
		}
		<-gate
		mu.Lock()
		defer mu.Unlock()
		if first, ok := seen[r.RemoteAddr]; ok && c.now().Sub(first) > idleLimit {
			t.Errorf("an old connection was used")
		}
		seen[r.RemoteAddr] = c.now()
	})
	s := local(t, Config{now: c.now})
	together := func() {
		var wg sync.WaitGroup
		for range n {
			wg.Go(func() { want(t, post(t, s, srv.URL), 200, "") })
		}
		wg.Wait()
	}
	together()
	c.offset.Add(int64(time.Minute))
	together()
	if len(seen) <= n {
		t.Errorf("%d connections in all", len(seen))
	}
}

// A kept connection that dies after the request has gone out costs the attempt:
// sending it again would be an attempt that nobody counts.
func TestPostIsNeverRepeatedOnceSeen(t *testing.T) {
	t.Parallel()
	for name, h := range map[string]http.Header{
		"plain":             {},
		"idempotency key":   {"Idempotency-Key": {"a"}},
		"x-idempotency key": {"X-Idempotency-Key": {"a"}, "Idempotency-Key": {}},
	} {
		for fault, end := range map[string]func(net.Conn){"closed": func(net.Conn) {}, "reset": func(c net.Conn) { c.(*net.TCPConn).SetLinger(0) }} {
			var seen atomic.Int32
			url := tcp(t, func(c net.Conn) {
				for readRequest(c) == nil {
					if seen.Add(1) > 1 {
						end(c)
						return
					}
					io.WriteString(c, "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")
				}
			})
			s := local(t, Config{})
			want(t, post(t, s, url), 200, "")
			r := request(url)
			maps.Copy(r.Header, h)
			a, err := s.Send(context.Background(), r)
			if err != nil {
				t.Fatal(err)
			}
			want(t, a, 0, webhook.ReasonConnection)
			if n := seen.Load(); n != 2 {
				t.Errorf("%s, %s: the endpoint saw %d requests for 2 sends", name, fault, n)
			}
		}
	}
}

func TestIdempotencyKeyIsSent(t *testing.T) {
	t.Parallel()
	srv := serve(t, func(w http.ResponseWriter, r *http.Request) { io.WriteString(w, r.Header.Get("Idempotency-Key")) })
	r := request(srv.URL)
	r.Header.Set("Idempotency-Key", "abc")
	a, err := local(t, Config{}).Send(context.Background(), r)
	if err != nil || a.Response != "abc" || r.Header.Get("Idempotency-Key") != "abc" {
		t.Errorf("%+v %v %v", a, err, r.Header)
	}
}

// deadOnWrite is a kept connection whose writes fail before a byte is out.
type deadOnWrite struct {
	net.Conn
	dead *atomic.Bool
}

func (c deadOnWrite) Write(b []byte) (int, error) {
	if c.dead.Load() {
		return 0, errors.New("gone")
	}
	return c.Conn.Write(b)
}

// A kept connection that turns out dead before anything went out costs nothing.
func TestUnwrittenPostIsSentOnANewConnection(t *testing.T) {
	t.Parallel()
	url, conns := counted(t, func(http.ResponseWriter, *http.Request) {})
	s := local(t, Config{})
	var dead atomic.Bool
	dial, first := s.dial, true
	s.dial = func(ctx context.Context, network, addr string) (net.Conn, error) {
		c, err := dial(ctx, network, addr)
		if err == nil && first {
			first, c = false, deadOnWrite{c, &dead}
		}
		return c, err
	}
	want(t, post(t, s, url), 200, "")
	dead.Store(true)
	want(t, post(t, s, url), 200, "")
	if n := conns.Load(); n != 2 {
		t.Errorf("%d connections", n)
	}
}
