package sender

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"net/http"
	"net/http/httptrace"
	"net/url"
	"strings"
	"sync/atomic"
	"time"

	"github.com/jobhook/jobhook/shared/webhook"
)

// errDeadline is the cause by which our own deadline is told from the caller's.
var errDeadline = errors.New("total deadline passed")

// Send posts r once. What the endpoint does, or fails to do, is in the Answer.
// The error is non-nil only for an internal error: the caller's ctx ended before
// the total deadline and before an answer (the error wraps ctx.Err()), or a
// header that cannot be sent. The attempt then has no outcome.
//
// A 2xx whose headers arrive inside the deadline is a success even if its body
// breaks off or never ends; the body is read for bodyTime at most.
func (s *Sender) Send(ctx context.Context, r Request) (Answer, error) {
	start := s.now()
	u, err := parseURL(r.URL, s.allow)
	if err != nil {
		return Answer{Reason: err.Reason, Detail: err.Problem}, nil //nolint:nilerr // a refused URL is data about the endpoint, not an internal error
	}
	if err := ctx.Err(); err != nil {
		return Answer{}, fmt.Errorf("send: %w", err)
	}
	s.idle.wake(start, s.CloseIdle)
	a, fault := s.post(ctx, u, r)
	end := s.now()
	s.idle.used(end)
	a.Duration = end.Sub(start)
	return a, fault
}

func (s *Sender) post(parent context.Context, u *url.URL, r Request) (Answer, error) {
	ctx, cancel := context.WithTimeoutCause(parent, s.timeout, errDeadline)
	defer cancel()
	t := &try{body: r.Body}
	res, err := s.transport.RoundTrip(t.request(ctx, u, r.Header))
	if err != nil {
		return s.failed(ctx, t, r.Header, err)
	}
	defer res.Body.Close()
	if res.StatusCode/100 == 2 && res.ContentLength != 0 {
		// The outcome stands; an endpoint that drips its body holds up the record.
		defer time.AfterFunc(bodyTime, cancel).Stop()
	}
	a := Answer{StatusCode: res.StatusCode, Response: s.read(res)}
	if !a.Delivered() {
		a.Reason, a.Detail = webhook.ReasonHTTPStatus, details[webhook.ReasonHTTPStatus]
		if res.StatusCode == http.StatusTooManyRequests || res.StatusCode == http.StatusServiceUnavailable {
			a.RetryAfter = parseRetryAfter(res.Header.Get("Retry-After"), s.now())
		}
	}
	return a, nil
}

// failed judges an attempt that brought no answer.
func (s *Sender) failed(ctx context.Context, t *try, h http.Header, err error) (Answer, error) {
	switch cause := context.Cause(ctx); {
	case errors.Is(cause, errDeadline):
		return Answer{Reason: webhook.ReasonTimeout, Detail: details[webhook.ReasonTimeout]}, nil
	case cause != nil:
		return Answer{}, fmt.Errorf("send: %w", ctx.Err())
	}
	if name, bad := unsendable(h); bad {
		return Answer{}, fmt.Errorf("send: header %q holds what HTTP does not allow", name)
	}
	reason := reasonOf(err, t.answered.Load())
	return Answer{Reason: reason, Detail: detailOf(reason, err)}, nil
}

// try is one attempt as net/http sees it.
type try struct {
	body     []byte
	answered atomic.Bool // a first byte of the answer arrived
}

func (t *try) request(ctx context.Context, u *url.URL, h http.Header) *http.Request {
	ctx = httptrace.WithClientTrace(ctx, &httptrace.ClientTrace{GotFirstResponseByte: func() { t.answered.Store(true) }})
	req := http.Request{
		Method: http.MethodPost, URL: u, Host: u.Host, Header: sendable(h),
		Proto: "HTTP/1.1", ProtoMajor: 1, ProtoMinor: 1,
		Body: http.NoBody, ContentLength: int64(len(t.body)),
	}
	if len(t.body) > 0 {
		req.Body, req.GetBody = t.reader(), t.getBody
	}
	return req.WithContext(ctx)
}

// reader wraps with io.NopCloser because net/http knows that type: then it
// writes headers and body in one go.
func (t *try) reader() io.ReadCloser { return io.NopCloser(bytes.NewReader(t.body)) }

// getBody is asked when net/http means to send the request again. Of its reasons
// (Go 1.26, persistConn.shouldRetryRequest) one is left for a POST over HTTP/1.1
// without an Idempotency-Key (see sendable): a kept connection broke before any
// byte of this request was written. That is harmless, and costs no attempt.
func (t *try) getBody() (io.ReadCloser, error) { return t.reader(), nil }

// net/http takes a POST with one of these headers for one that may be repeated
// at will, after the endpoint has seen it.
var repeatKeys = [...]string{"Idempotency-Key", "X-Idempotency-Key"}

// sendable returns h for net/http: never nil, and with the repeatKeys in
// lower case, which is the same header on the wire and unknown to net/http.
func sendable(h http.Header) http.Header {
	if h == nil {
		return http.Header{}
	}
	for _, key := range repeatKeys {
		if v, ok := h[key]; ok {
			h = maps.Clone(h)
			delete(h, key)
			h[strings.ToLower(key)] = v
		}
	}
	return h
}

// unsendable names the first header that net/http refuses to send (RFC 9110,
// section 5): it says so only in text, so this looks again after a failure.
func unsendable(h http.Header) (string, bool) {
	for name, values := range h {
		if name == "" || strings.ContainsFunc(name, notToken) {
			return name, true
		}
		if strings.ContainsFunc(strings.Join(values, ""), control) {
			return name, true
		}
	}
	return "", false
}

func notToken(r rune) bool {
	letter := r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r >= '0' && r <= '9'
	return !letter && !strings.ContainsRune("!#$%&'*+-.^_`|~", r)
}

func control(r rune) bool { return r < ' ' && r != '\t' || r == 0x7f }
