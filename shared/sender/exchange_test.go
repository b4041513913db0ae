package sender

import (
	"bytes"
	"context"
	"crypto/tls"
	"errors"
	"io"
	"maps"
	"net"
	"net/http"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"
	"unicode/utf8"

	"github.com/jobhook/jobhook/shared/webhook"
)

const okEmpty = "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n"

// What goes out is what net/http would send.
func TestRequestBytes(t *testing.T) {
	t.Parallel()
	s := local(t, Config{})
	for _, raw := range []string{
		"https://example.com", "https://example.com/", "https://Example.COM:8443/a%2Fb/%7e{ü}?x=1&y=%20{\"}#frag", "https://example.com:/a", "https://example.com?",
		"https://xn--bcher-kva.example/ü?ü=ü", "https://[2606:4700::1]/", "https://[2606:4700::1]:444//a//b", "https://1.1.1.1/%0d%0aX:%20y", "http://localhost/", "https://a.example./",
	} {
		for name, h := range map[string]http.Header{
			"nil":              nil,
			"usual":            benchRequest("").Header,
			"no agent":         {"User-Agent": {""}},
			"several values":   {"X-B": {" b ", "a"}, "X-A": {}, "lower": {"c\td"}, "User-Agent": {"one", "two"}},
			"not to be sent":   {"Host": {"a"}, "Content-Length": {"7"}, "Transfer-Encoding": {"chunked"}, "Trailer": {"X-A"}},
			"asks for its own": {"Accept-Encoding": {"br"}},
			"a range":          {"Range": {"bytes=0-1"}},
			"idempotency key":  {"Idempotency-Key": {"a"}},
		} {
			for _, size := range []int{0, 1, writeAtOnce, 3 * writeAtOnce} {
				u, problem := parseURL(raw, s.allow)
				if problem != nil {
					t.Fatal(problem)
				}
				body := bytes.Repeat([]byte("\r\n"), size)[:size]
				var got, want bytes.Buffer
				x := exchange{Sender: s, url: u, header: h, body: body}
				got.Write(x.compose(&got))
				r := http.Request{Method: "POST", URL: u, Host: u.Host, Header: h, ContentLength: int64(size), Body: io.NopCloser(bytes.NewReader(body))}
				if size == 0 {
					r.Body = http.NoBody
				}
				if err := r.Write(&want); err != nil {
					t.Fatal(err)
				}
				expected := want.String()
				if x.unzips() {
					expected = strings.Replace(expected, "\r\n\r\n", "\r\nAccept-Encoding: gzip\r\n\r\n", 1)
				}
				if got.String() != expected {
					t.Errorf("%s, %s, %d bytes: sent\n%.300q\nnet/http\n%.300q", raw, name, size, got.String(), expected)
				}
			}
		}
	}
}

// No value can begin a header or a request of its own.
func TestHeadersCannotBeSplit(t *testing.T) {
	t.Parallel()
	s := local(t, Config{})
	s.dial = func(context.Context, string, string) (net.Conn, error) {
		t.Error("it connected all the same")
		return nil, net.ErrClosed
	}
	for _, bad := range []string{"a\r\nX-B: c", "a\nX-B: c", "a\rX-B: c", "\r\n\r\nPOST / HTTP/1.1\r\n", "a\x00", "a\x7f", "a\x0b", "a\x1b"} {
		for _, h := range []http.Header{{"X-A": {"fine", bad}}, {"User-Agent": {bad}}, {bad: {"a"}}, {"X-A: b\r\nX-C": {"a"}}, {"Idempotency-Key": {bad}}, {"X-ü": {"a"}}, {"X-A:": {"a"}}} {
			_, err := s.Send(t.Context(), Request{URL: "http://127.0.0.1/", Header: h})
			if err == nil {
				t.Errorf("%q was sent", h)
			}
		}
	}
}

// answers serves each request on a connection with the next of its answers, and
// closes it after the last. It counts the connections.
func answers(t testing.TB, list ...string) (url string, conns *atomic.Int32) {
	conns = new(atomic.Int32)
	return tcp(t, func(c net.Conn) {
		conns.Add(1)
		for _, a := range list {
			if readRequest(c) != nil {
				return
			}
			io.WriteString(c, a)
		}
		hang(c)
	}), conns
}

func TestWhatIsReused(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name, answer string
		reused       bool
	}{
		{"length 0", okEmpty, true},
		{"204", "HTTP/1.1 204 No Content\r\n\r\n", true},
		{"304", "HTTP/1.1 304 Not Modified\r\nContent-Length: 9\r\n\r\n", true},
		{"500", "HTTP/1.1 500 Oops\r\nContent-Length: 4\r\n\r\noops", true},
		{"after 1xx", "HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\nX: y\r\n\r\n" + okEmpty, true},
		{"chunked", "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nok\r\n0\r\n\r\n", true},
		{"chunked with trailers", "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nTrailer: X-A\r\n\r\n2\r\nok\r\n0\r\nX-A: b\r\n\r\n", true},
		{"gzip", "HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nTransfer-Encoding: chunked\r\n\r\n1b\r\n" + string(zipped(t, "abc", 1)) + "\r\n0\r\n\r\n", true},
		{"gzip and more", "HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nTransfer-Encoding: chunked\r\n\r\n1c\r\n" + string(zipped(t, "abc", 1)) + "x\r\n0\r\n\r\n", false},
		{"Connection: close", "HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 0\r\n\r\n", false},
		{"HTTP/1.0", "HTTP/1.0 200 OK\r\nContent-Length: 0\r\n\r\n", false},
		{"HTTP/1.0 that keeps", "HTTP/1.0 200 OK\r\nConnection: keep-alive\r\nContent-Length: 0\r\n\r\n", false},
		{"101", "HTTP/1.1 101 X\r\nConnection: upgrade\r\nUpgrade: tea\r\n\r\n", false},
		{"garbage behind it", okEmpty + "x", false},
		{"another answer behind it", okEmpty + okEmpty, false},
		{"longer than its length", "HTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\nok", false},
		{"a body where none may be", "HTTP/1.1 204 No Content\r\nContent-Length: 2\r\n\r\nok", false},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			url, conns := answers(t, c.answer, okEmpty)
			s := local(t, Config{})
			post(t, s, url)
			a := post(t, s, url)
			if n := conns.Load(); (n == 1) != c.reused || c.reused && !a.Delivered() {
				t.Errorf("%d connections for two sends, the second %+v", n, a)
			}
		})
	}
}

// What TLS has read of the socket and not handed out is not seen by a look at
// the socket: one segment with two records, the second of them unasked.
func TestUnaskedTLSRecord(t *testing.T) {
	t.Parallel()
	cert, pool := certificate(t, "127.0.0.1", time.Now().Add(-time.Hour), time.Now().Add(time.Hour))
	var conns atomic.Int32
	url := tcp(t, func(raw net.Conn) {
		conns.Add(1)
		gather := &gathered{Conn: raw}
		c := tls.Server(gather, &tls.Config{Certificates: []tls.Certificate{cert}})
		for readRequest(c) == nil {
			gather.hold = true
			io.WriteString(c, okEmpty)
			io.WriteString(c, "HTTP/1.1 500 Oops\r\nContent-Length: 0\r\n\r\n")
			gather.hold = false
			raw.Write(gather.Bytes())
			gather.Reset()
		}
	})
	s := local(t, Config{RootCAs: pool})
	for range 3 {
		want(t, post(t, s, strings.Replace(url, "http", "https", 1)), 200, "")
	}
	if n := conns.Load(); n != 3 {
		t.Errorf("%d connections for 3 sends", n)
	}
}

// gathered writes several records as one segment.
type gathered struct {
	net.Conn
	bytes.Buffer
	hold bool
}

func (g *gathered) Read(b []byte) (int, error) { return g.Conn.Read(b) }
func (g *gathered) Write(b []byte) (int, error) {
	if g.hold {
		return g.Buffer.Write(b)
	}
	return g.Conn.Write(b)
}

// An endpoint that closes a kept connection, or says something on it, before the
// next send costs no attempt.
func TestStaleConnectionCostsNothing(t *testing.T) {
	t.Parallel()
	cert, pool := certificate(t, "127.0.0.1", time.Now().Add(-time.Hour), time.Now().Add(time.Hour))
	for _, scheme := range []string{"http", "https"} {
		for name, end := range map[string]func(raw, c net.Conn){
			"closed":          func(raw, _ net.Conn) { raw.Close() },
			"closed politely": func(_, c net.Conn) { c.Close() },
			"reset":           func(raw, _ net.Conn) { raw.(*net.TCPConn).SetLinger(0); raw.Close() },
			"half closed":     func(raw, _ net.Conn) { raw.(*net.TCPConn).CloseWrite() },
			"408":             func(_, c net.Conn) { io.WriteString(c, "HTTP/1.1 408 Request Timeout\r\n\r\n") },
		} {
			var seen atomic.Int32
			now, done := make(chan struct{}), make(chan struct{})
			url := tcp(t, func(raw net.Conn) {
				c := raw
				if scheme == "https" {
					c = tls.Server(raw, &tls.Config{Certificates: []tls.Certificate{cert}})
				}
				for readRequest(c) == nil {
					n := seen.Add(1)
					if io.WriteString(c, okEmpty); n == 1 {
						<-now
						end(raw, c)
						close(done)
					}
				}
			})
			s := local(t, Config{RootCAs: pool})
			url = strings.Replace(url, "http", scheme, 1)
			want(t, post(t, s, url), 200, "")
			now <- struct{}{}
			<-done
			want(t, post(t, s, url), 200, "")
			if n := seen.Load(); n != 2 {
				t.Errorf("%s %s: the endpoint saw %d requests for 2 sends", scheme, name, n)
			}
		}
	}
}

// An answer counts that comes before the endpoint has read the body, and Send
// does not return before the body is free.
func TestEarlyAnswer(t *testing.T) {
	t.Parallel()
	early := "HTTP/1.1 413 Too Large\r\nContent-Length: 3\r\n\r\nbig"
	cert, pool := certificate(t, "127.0.0.1", time.Now().Add(-time.Hour), time.Now().Add(time.Hour))
	for _, scheme := range []string{"http", "https"} {
		for name, after := range map[string]func(raw net.Conn){
			"silent":      func(net.Conn) { <-t.Context().Done() },
			"half closes": func(raw net.Conn) { raw.(*net.TCPConn).CloseWrite(); hang(raw) },
			"reads on":    hang,
		} {
			t.Run(scheme+" "+name, func(t *testing.T) {
				t.Parallel()
				url := tcp(t, func(raw net.Conn) {
					c := raw
					if scheme == "https" {
						c = tls.Server(raw, &tls.Config{Certificates: []tls.Certificate{cert}})
					}
					raw.(*net.TCPConn).SetReadBuffer(4 << 10)
					c.Read(make([]byte, 100))
					io.WriteString(c, early)
					after(raw)
				})
				s := local(t, Config{RootCAs: pool})
				r := request(strings.Replace(url, "http", scheme, 1))
				r.Body = make([]byte, 8<<20)
				a, err := s.Send(t.Context(), r)
				if err != nil || a.Response != "big" || a.Duration > 10*time.Second {
					t.Errorf("%+v %v", a, err)
				}
				want(t, a, 413, webhook.ReasonHTTPStatus)
				clear(r.Body) // a race if anything still reads it
				if len(s.pool.idle) > 0 {
					t.Error("the connection was kept")
				}
			})
		}
	}
}

// halfWritten is a connection whose writes break off after n bytes.
type halfWritten struct {
	net.Conn
	n int
}

func (c halfWritten) Write(b []byte) (int, error) {
	n, _ := c.Conn.Write(b[:c.n])
	return n, errors.New("gone")
}

// A write that breaks off is never repeated, and no reason not to read an answer.
func TestBrokenWrite(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name    string
		n       int
		answers string // of the endpoint, which then closes
		status  int
		reason  webhook.Reason
	}{
		{"nothing went out", 0, "", 0, webhook.ReasonConnection},
		{"something went out", 5, "", 0, webhook.ReasonConnection},
		{"an early answer", 5, "HTTP/1.1 413 X\r\nContent-Length: 0\r\n\r\n", 413, webhook.ReasonHTTPStatus},
	} {
		for _, kept := range []bool{false, true} {
			if kept && c.n == 0 {
				continue // TestUnwrittenPostIsSentOnANewConnection
			}
			var conns atomic.Int32
			url := tcp(t, func(raw net.Conn) {
				conns.Add(1)
				if kept {
					readRequest(raw)
					io.WriteString(raw, okEmpty)
				}
				io.ReadFull(raw, make([]byte, c.n))
				io.WriteString(raw, c.answers)
			})
			s := local(t, Config{})
			dial := s.dial
			s.dial = func(ctx context.Context, network, addr string) (net.Conn, error) {
				raw, err := dial(ctx, network, addr)
				if err != nil || kept {
					return raw, err
				}
				return halfWritten{raw, c.n}, nil
			}
			if kept {
				want(t, post(t, s, url), 200, "")
				idle := slices.Collect(maps.Values(s.pool.idle))[0][0]
				idle.raw = halfWritten{idle.raw, c.n}
				idle.top = idle.raw
			}
			want(t, post(t, s, url), c.status, c.reason)
			if n := conns.Load(); n != 1 || len(s.pool.idle) > 0 {
				t.Errorf("%s, kept %v: %d connections, %d kept", c.name, kept, n, len(s.pool.idle))
			}
		}
	}
}

// A large body that is read to its end leaves the connection fit for more.
func TestLargeBodyIsReused(t *testing.T) {
	t.Parallel()
	url, conns := counted(t, func(w http.ResponseWriter, r *http.Request) {
		if n, _ := io.Copy(io.Discard, r.Body); n != 400<<10 {
			w.WriteHeader(400)
		}
	})
	s := local(t, Config{})
	r := request(url)
	r.Body = make([]byte, 400<<10)
	for range 20 {
		a, err := s.Send(t.Context(), r)
		if err != nil {
			t.Fatal(err)
		}
		want(t, a, 200, "")
	}
	if n := conns.Load(); n != 1 {
		t.Errorf("%d connections", n)
	}
}

// The caller's end wakes a write that the endpoint does not read.
func TestCallersEndWhileWriting(t *testing.T) {
	t.Parallel()
	ctx, cancel := context.WithCancel(t.Context())
	url := tcp(t, func(c net.Conn) { c.Read(make([]byte, 1)); cancel(); <-t.Context().Done() })
	r := request(url)
	r.Body = make([]byte, 8<<20)
	wantFault(ctx, t, local(t, Config{}), r, context.Canceled)
}

// Many sends with canceled ones among them: none gets another's answer, and no
// canceled one's deadline hits another.
func TestConcurrentSends(t *testing.T) {
	t.Parallel()
	srv := serve(t, func(w http.ResponseWriter, r *http.Request) {
		b, _ := io.ReadAll(r.Body)
		w.Write(b[:min(len(b), 100)])
	})
	s := local(t, Config{MaxIdleConnsPerHost: 4})
	var wg sync.WaitGroup
	for i := range 16 {
		wg.Go(func() {
			for j := range 50 {
				ctx, cancel := context.WithCancel(t.Context())
				r := request(srv.URL)
				r.Body = []byte(strings.Repeat(string(rune('a'+i)), []int{10, 100, 100 << 10}[j%3]))
				if j%5 == 4 {
					go cancel()
				}
				a, err := s.Send(ctx, r)
				cancel()
				switch {
				case j%5 == 4 && errors.Is(err, context.Canceled):
				case err != nil || !a.Delivered():
					t.Errorf("%+v %v", a, err)
				case j%5 != 4 && a.Response != string(r.Body[:min(len(r.Body), 100)]):
					t.Errorf("sent %.10q, got %.10q", r.Body, a.Response)
				}
			}
		})
	}
	wg.Wait()
	if n := s.pool.kept; n > 4 {
		t.Errorf("%d connections kept", n)
	}
}

// The limit of the head holds to the byte, for all heads together.
func TestHeaderLimit(t *testing.T) {
	t.Parallel()
	head := "HTTP/1.1 200 OK\r\nContent-Length: 0\r\nX-A: "
	fits := head + strings.Repeat("a", maxHeaderBytes-len(head)-4) + "\r\n\r\n"
	for _, c := range []struct {
		name, answer string
		status       int
		reason       webhook.Reason
	}{
		{"as long as it may be", fits, 200, ""},
		{"a byte longer", strings.Replace(fits, "X-A", "X-AA", 1), 0, webhook.ReasonBadResponse},
		{"a 103 before it", "HTTP/1.1 103 Early Hints\r\n\r\n" + fits, 0, webhook.ReasonBadResponse},
	} {
		url, _ := answers(t, c.answer)
		if a := post(t, local(t, Config{}), url); a.StatusCode != c.status || a.Reason != c.reason {
			t.Errorf("%s: %+v", c.name, a)
		}
	}
}

// Whatever an endpoint says, and whether it closes or hangs after it: an outcome
// in time. Time is the bubble's, so a hang costs none, and one without end fails.
func FuzzAnswer(f *testing.F) {
	for _, s := range []string{
		"", okEmpty, okEmpty + okEmpty, "HTTP/1.1 100 Continue\r\n\r\n" + okEmpty, "HTTP/1.1 101 X\r\n\r\n", "HTTP/1.0 200 OK\r\n\r\nabc",
		"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nTrailer: X\r\n\r\n2\r\nok\r\n0\r\nX: y\r\n\r\n", "HTTP/1.1 503 X\r\nRetry-After: 9\r\nContent-Length: 9\r\n\r\nhalf",
		"HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\n\r\n\x1f\x8b\x08", "HTTP/1.1 200 OK\r\nContent-Length: 5\r\nContent-Length: 6\r\n\r\n", "HTTP/1.1 200 OK\r\n folded\r\n\r\n",
	} {
		f.Add([]byte(s), true)
		f.Add([]byte(s), false)
	}
	f.Fuzz(func(t *testing.T, answer []byte, hangs bool) {
		synctest.Test(t, func(t *testing.T) {
			s := New(Config{AllowLoopback: true})
			s.dial = func(context.Context, string, string) (net.Conn, error) {
				client, server := net.Pipe()
				go func() {
					defer server.Close()
					readRequest(server)
					server.Write(answer)
					if hangs {
						hang(server)
					}
				}()
				return client, nil
			}
			for range 2 {
				a, err := s.Send(t.Context(), request("http://127.0.0.1"))
				if err != nil || a.Duration > DefaultTimeout || len(a.Response) > DefaultResponseBytes || !utf8.ValidString(a.Response) || a.Delivered() != (a.Reason == "") {
					t.Errorf("%+v %v", a, err)
				}
			}
			s.CloseIdle()
		})
	})
}
