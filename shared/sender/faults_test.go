package sender

import (
	"context"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/jobhook/jobhook/shared/webhook"
)

// Each row is an endpoint that speaks raw TCP.
func TestEndpointFaults(t *testing.T) {
	t.Parallel()
	ok := "HTTP/1.1 200 OK\r\n"
	say := func(s string) func(net.Conn) {
		return func(c net.Conn) { readRequest(c); io.WriteString(c, s) }
	}
	sayAndHang := func(s string) func(net.Conn) {
		return func(c net.Conn) { readRequest(c); io.WriteString(c, s); hang(c) }
	}
	cases := []struct {
		name     string
		timeout  time.Duration
		endpoint func(net.Conn)
		status   int
		reason   webhook.Reason
		response string
	}{
		{"hangs before reading", short, hang, 0, webhook.ReasonTimeout, ""},
		{"hangs before headers", short, sayAndHang(""), 0, webhook.ReasonTimeout, ""},
		{"hangs within headers", short, sayAndHang(ok + "X-A: b\r\n"), 0, webhook.ReasonTimeout, ""},
		{"drips headers", short, drip(ok + strings.Repeat("X-A: b\r\n", 1e4)), 0, webhook.ReasonTimeout, ""},
		{"200, then hangs", 3 * short, sayAndHang(ok + "Content-Length: 9\r\n\r\nhalf"), 200, "", "half"},
		{"500, then hangs", 3 * short, sayAndHang("HTTP/1.1 500 X\r\nContent-Length: 9\r\n\r\nhalf"), 500, webhook.ReasonHTTPStatus, "half"},
		{"200, then breaks off", 0, say(ok + "Content-Length: 9\r\n\r\nhalf"), 200, "", "half"},
		{"200, then bad chunks", 0, say(ok + "Transfer-Encoding: chunked\r\n\r\nzz\r\n"), 200, "", ""},
		{"200, then not gzip", 0, say(ok + "Content-Encoding: gzip\r\nContent-Length: 4\r\n\r\nhalf"), 200, "", ""},
		{"200 until close", 0, say(ok + "\r\nall of it"), 200, "", "all of it"},
		{"HTTP/1.0", 0, say("HTTP/1.0 200 OK\r\n\r\nold"), 200, "", "old"},
		{"no answer", 0, say(""), 0, webhook.ReasonConnection, ""},
		{"closes at once", 0, func(net.Conn) {}, 0, webhook.ReasonConnection, ""},
		{"resets", 0, reset(""), 0, webhook.ReasonConnection, ""},
		{"resets within headers", 0, reset(ok + "X-A: b\r\n"), 0, webhook.ReasonConnection, ""},
		{"breaks off within headers", 0, say(ok + "X-A: b\r\n"), 0, webhook.ReasonConnection, ""},
		{"garbage", 0, say("\x16\x03\x01 not HTTP\r\n\r\n"), 0, webhook.ReasonBadResponse, ""},
		{"bad status", 0, say("HTTP/1.1 abc\r\n\r\n"), 0, webhook.ReasonBadResponse, ""},
		{"bad header", 0, say(ok + "no colon\r\n\r\n"), 0, webhook.ReasonBadResponse, ""},
		{"bad length", 0, say(ok + "Content-Length: -4\r\n\r\n"), 0, webhook.ReasonBadResponse, ""},
		{"huge header", 0, say(ok + "X-A: " + strings.Repeat("a", 1<<20) + "\r\n\r\n"), 0, webhook.ReasonBadResponse, ""},
		{"huge status line", 0, say("HTTP/1.1 200 " + strings.Repeat("a", 1<<20)), 0, webhook.ReasonBadResponse, ""},
		{"endless 103s", 0, func(c net.Conn) { readRequest(c); forever("HTTP/1.1 103 Early Hints\r\n\r\n")(c) }, 0, webhook.ReasonBadResponse, ""},
		{"some 103s", 0, say(strings.Repeat("HTTP/1.1 103 Early Hints\r\n\r\n", 3) + ok + "Content-Length: 0\r\n\r\n"), 200, "", ""},
		{"switches protocols", 0, sayAndHang("HTTP/1.1 101 X\r\nUpgrade: tea\r\nConnection: upgrade\r\n\r\n"), 101, webhook.ReasonHTTPStatus, ""},
		{"endless body", 0, func(c net.Conn) { say(ok + "\r\n")(c); forever("a")(c) }, 200, "", strings.Repeat("a", DefaultResponseBytes)},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			a := post(t, local(t, Config{Timeout: c.timeout}), tcp(t, c.endpoint))
			want(t, a, c.status, c.reason)
			if a.Response != c.response {
				t.Errorf("response %.60q, want %.60q", a.Response, c.response)
			}
		})
	}
}

func drip(s string) func(net.Conn) {
	return func(c net.Conn) {
		readRequest(c)
		tick := time.NewTicker(5 * time.Millisecond)
		defer tick.Stop()
		for i := range len(s) {
			if _, err := c.Write([]byte{s[i]}); err != nil {
				return
			}
			<-tick.C
		}
	}
}

func forever(s string) func(net.Conn) {
	s = strings.Repeat(s, 100)
	return func(c net.Conn) {
		for {
			if _, err := io.WriteString(c, s); err != nil {
				return
			}
		}
	}
}

func reset(s string) func(net.Conn) {
	return func(c net.Conn) {
		readRequest(c)
		io.WriteString(c, s)
		c.(*net.TCPConn).SetLinger(0)
	}
}

func TestRefused(t *testing.T) {
	t.Parallel()
	want(t, post(t, local(t, Config{}), "http://"+closedPort(t)), 0, webhook.ReasonRefused)
}

func TestDNS(t *testing.T) {
	t.Parallel()
	silent := &net.Resolver{PreferGo: true, Dial: func(context.Context, string, string) (net.Conn, error) {
		client, server := net.Pipe()
		go hang(server)
		return client, nil
	}}
	broken := &net.Resolver{PreferGo: true, Dial: func(context.Context, string, string) (net.Conn, error) {
		return nil, net.ErrClosed
	}}
	cases := []struct {
		name, host string
		resolver   *net.Resolver
		reason     webhook.Reason
	}{
		{"no such name", "gone.example.com", names{}.resolver(), webhook.ReasonDNS},
		{"no address", "empty.example.com", names{"empty.example.com": nil}.resolver(), webhook.ReasonDNS},
		{"name too long", strings.Repeat("abcdefgh.", 40) + "com", names{}.resolver(), webhook.ReasonDNS},
		{"label too long", strings.Repeat("a", 64) + ".com", names{}.resolver(), webhook.ReasonDNS},
		{"empty label", "a..com", names{}.resolver(), webhook.ReasonDNS},
		{"server unreachable", "a.example.com", broken, webhook.ReasonDNS},
		{"server silent until the deadline", "a.example.com", silent, webhook.ReasonTimeout},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			s := sender(t, Config{Resolver: c.resolver, Timeout: 2 * short})
			want(t, post(t, s, "https://"+c.host), 0, c.reason)
		})
	}
}

// A header of an answer in time, and one deadline over everything: the parts
// may not each take as long as the whole.
func TestDeadlineIsTotal(t *testing.T) {
	t.Parallel()
	url := tcp(t, drip("HTTP/1.1 200 OK\r\n\r\n"+strings.Repeat("a", 1e4)))
	a := post(t, local(t, Config{Timeout: 3 * short}), url)
	want(t, a, http.StatusOK, "")
	if a.Duration < 3*short || a.Duration > 20*short {
		t.Errorf("took %v with a deadline of %v", a.Duration, 3*short)
	}
}

// After a 2xx the outcome stands, and its body gets a second; any other answer's
// body is what its owner will look for, and gets what is left of the deadline.
func TestBodyTime(t *testing.T) {
	for _, c := range []struct {
		name     string
		timeout  time.Duration
		status   string
		body     string
		took     time.Duration
		response string
	}{
		{"2xx that stops", 10 * time.Second, "200 OK", "half", 3 * time.Second, "half"},
		{"2xx without a byte", 10 * time.Second, "202 Accepted", "", 3 * time.Second, ""},
		{"2xx near the deadline", 2500 * time.Millisecond, "200 OK", "half", 2500 * time.Millisecond, "half"},
		{"2xx to its end", 10 * time.Second, "200 OK", "whole one", 2 * time.Second, "whole one"},
		{"5xx", 10 * time.Second, "500 X", "half", 10 * time.Second, "half"},
	} {
		t.Run(c.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s := local(t, Config{Timeout: c.timeout})
				s.dial = func(context.Context, string, string) (net.Conn, error) {
					client, server := net.Pipe()
					go func() {
						defer server.Close()
						readRequest(server)
						<-time.After(2 * time.Second) // the headers take their time, which is not the body's
						io.WriteString(server, "HTTP/1.1 "+c.status+"\r\nContent-Length: 9\r\n\r\n"+c.body)
						hang(server)
					}()
					return client, nil
				}
				a := post(t, s, "http://127.0.0.1")
				if a.Duration != c.took || a.Response != c.response || a.Delivered() != (c.status[0] == '2') {
					t.Errorf("status %d after %s with %q, want %s and %q", a.StatusCode, a.Duration, a.Response, c.took, c.response)
				}
				s.CloseIdle()
			})
		})
	}
}
