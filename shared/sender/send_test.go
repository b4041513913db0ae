package sender

import (
	"bytes"
	"context"
	"errors"
	"io"
	"net"
	"net/http"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/jobhook/jobhook/shared/webhook"
)

func TestSendPostsWhatItIsGiven(t *testing.T) {
	t.Parallel()
	type got struct {
		method, uri, host, sig, agent string
		body                          []byte
	}
	seen := make(chan got, 1)
	srv := serve(t, func(w http.ResponseWriter, r *http.Request) {
		b, _ := io.ReadAll(r.Body)
		seen <- got{r.Method, r.RequestURI, r.Host, r.Header.Get("webhook-signature"), r.UserAgent(), b}
		w.Header().Set("Retry-After", "7")
		w.WriteHeader(202)
		io.WriteString(w, "thanks")
	})
	r := request(srv.URL)
	r.URL = srv.URL + "/a%2Fb/%7e{ü}?x=1&x=2&y=%20{\"}#frag"
	r.Body = bytes.Repeat([]byte{0, 0xff, '\n', 'x'}, 5000)
	before := r.Header.Clone()
	a, err := local(t, Config{}).Send(context.Background(), r)
	if err != nil {
		t.Fatal(err)
	}
	want(t, a, 202, "")
	if a.Response != "thanks" || a.RetryAfter != 0 || a.Duration <= 0 {
		t.Errorf("answer: %+v", a)
	}
	g := <-seen
	if g.method != "POST" || g.uri != "/a%2Fb/%7e%7B%C3%BC%7D?x=1&x=2&y=%20{\"}" || g.sig != secret || g.agent != "test" || !bytes.Equal(g.body, r.Body) {
		t.Errorf("the endpoint saw %s %s sig %q agent %q, %d bytes", g.method, g.uri, g.sig, g.agent, len(g.body))
	}
	if "http://"+g.host != srv.URL {
		t.Errorf("Host %q for %q", g.host, srv.URL)
	}
	if len(before) != len(r.Header) {
		t.Errorf("the caller's header changed: %v", r.Header)
	}
}

func TestSendEmptyBodyAndNilHeader(t *testing.T) {
	t.Parallel()
	srv := serve(t, func(w http.ResponseWriter, r *http.Request) {
		if r.ContentLength != 0 {
			w.WriteHeader(400)
		}
	})
	a, err := local(t, Config{}).Send(context.Background(), Request{URL: srv.URL})
	if err != nil {
		t.Fatal(err)
	}
	want(t, a, 200, "")
}

// Every status that a server may send: only a 2xx is a success.
func TestEveryStatus(t *testing.T) {
	t.Parallel()
	srv := serve(t, func(w http.ResponseWriter, r *http.Request) {
		n, _ := strconv.Atoi(r.Header.Get("Want"))
		w.Header().Set("Retry-After", "120")
		w.WriteHeader(n)
	})
	s := local(t, Config{})
	for status := 200; status <= 599; status++ {
		r := request(srv.URL)
		r.Header.Set("Want", strconv.Itoa(status))
		a, err := s.Send(context.Background(), r)
		if err != nil {
			t.Fatalf("%d: %v", status, err)
		}
		reason := webhook.ReasonHTTPStatus
		if status < 300 {
			reason = ""
		}
		want(t, a, status, reason)
		after := time.Duration(0)
		if status == 429 || status == 503 {
			after = 2 * time.Minute
		}
		if a.RetryAfter != after {
			t.Errorf("%d: RetryAfter %v, want %v", status, a.RetryAfter, after)
		}
	}
}

func TestRedirectIsNotFollowed(t *testing.T) {
	t.Parallel()
	var hits atomic.Int32
	target := serve(t, func(http.ResponseWriter, *http.Request) { hits.Add(1) })
	for _, status := range []int{300, 301, 302, 303, 307, 308} {
		srv := serve(t, func(w http.ResponseWriter, r *http.Request) {
			w.Header().Set("Location", target.URL)
			w.WriteHeader(status)
		})
		want(t, post(t, local(t, Config{}), srv.URL), status, webhook.ReasonHTTPStatus)
	}
	if n := hits.Load(); n != 0 {
		t.Errorf("the redirect was followed %d times", n)
	}
}

func TestCallersEndIsOurFault(t *testing.T) {
	t.Parallel()
	arrived := make(chan struct{}, 2)
	srv := serve(t, func(_ http.ResponseWriter, r *http.Request) {
		io.Copy(io.Discard, r.Body) // only then does the server notice the caller leaving
		arrived <- struct{}{}
		<-r.Context().Done()
	})
	s := local(t, Config{})
	t.Run("canceled while waiting", func(t *testing.T) {
		ctx, cancel := context.WithCancel(context.Background())
		go func() { <-arrived; cancel() }()
		wantFault(ctx, t, s, request(srv.URL), context.Canceled)
	})
	t.Run("deadline before ours", func(t *testing.T) {
		ctx, cancel := context.WithTimeout(context.Background(), short)
		defer cancel()
		wantFault(ctx, t, s, request(srv.URL), context.DeadlineExceeded)
	})
	t.Run("canceled before", func(t *testing.T) {
		port, count := listening(t)
		ctx, cancel := context.WithCancel(context.Background())
		cancel()
		wantFault(ctx, t, s, request("http://127.0.0.1:"+port), context.Canceled)
		if count.Load() != 0 {
			t.Error("it connected all the same")
		}
	})
}

func wantFault(ctx context.Context, t *testing.T, s *Sender, r Request, target error) {
	t.Helper()
	a, err := s.Send(ctx, r)
	if !errors.Is(err, target) || a.Reason != "" || a.StatusCode != 0 {
		t.Fatalf("got %+v, %v; want %v", a, err, target)
	}
	if strings.Contains(err.Error(), secret) {
		t.Errorf("the error holds the secret: %v", err)
	}
}

// Once the headers are here the outcome is known: it is not thrown away.
func TestCallersEndAfterHeadersKeepsTheOutcome(t *testing.T) {
	t.Parallel()
	ctx, cancel := context.WithCancel(context.Background())
	url := tcp(t, func(c net.Conn) {
		readRequest(c)
		io.WriteString(c, "HTTP/1.1 204 No Content\r\nConnection: close\r\n\r\n")
	})
	s := local(t, Config{})
	a, err := s.Send(ctx, request(url))
	cancel()
	if err != nil || a.StatusCode != 204 {
		t.Fatalf("got %+v, %v", a, err)
	}
	url = tcp(t, func(c net.Conn) {
		readRequest(c)
		io.WriteString(c, "HTTP/1.1 500 Oops\r\nContent-Length: 9\r\n\r\nhalf")
		hang(c)
	})
	ctx, cancel = context.WithTimeout(context.Background(), 2*short)
	defer cancel()
	if a, err = s.Send(ctx, request(url)); err != nil || a.StatusCode != 500 || a.Response != "half" {
		t.Fatalf("got %+v, %v", a, err)
	}
}

func TestUnsendableHeaderIsOurFault(t *testing.T) {
	t.Parallel()
	port, count := listening(t)
	for name, h := range map[string]http.Header{
		"newline in a value": {"X-A": {secret + "\r\nX-B: c"}},
		"space in a name":    {"X A": {secret}},
		"empty name":         {"": {secret}},
	} {
		r := request("http://127.0.0.1:" + port)
		r.Header = h
		a, err := local(t, Config{}).Send(context.Background(), r)
		if err == nil || a.Reason != "" || strings.Contains(err.Error(), secret) {
			t.Errorf("%s: got %+v, %v", name, a, err)
		}
	}
	if count.Load() != 0 {
		t.Error("it connected all the same")
	}
}

func TestBadURLIsRefusedWithoutConnecting(t *testing.T) {
	t.Parallel()
	port, count := listening(t)
	s := sender(t, Config{})
	for url, reason := range map[string]webhook.Reason{
		"http://127.0.0.1:" + port:   webhook.ReasonBadURL,
		"https://127.0.0.1:" + port:  webhook.ReasonAddressNotPublic,
		"https://localhost:" + port:  webhook.ReasonAddressNotPublic,
		"https://2130706433:" + port: webhook.ReasonBadURL,
		"::":                         webhook.ReasonBadURL,
	} {
		want(t, post(t, s, url), 0, reason)
	}
	if count.Load() != 0 {
		t.Error("it connected all the same")
	}
}
