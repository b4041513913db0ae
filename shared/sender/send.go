package sender

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"time"
)

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
	if name, bad := unsendable(r.Header); bad {
		return Answer{}, fmt.Errorf("send: header %q holds what HTTP does not allow", name)
	}
	a, fault := s.post(ctx, u, r)
	a.Duration = s.now().Sub(start)
	return a, fault
}

func (s *Sender) post(ctx context.Context, u *url.URL, r Request) (Answer, error) {
	x := exchange{Sender: s, url: u, header: r.Header, body: r.Body, deadline: time.Now().Add(s.timeout)}
	to := serverOf(u)
	c := s.pool.take(to)
	for {
		if c == nil {
			var err error
			if c, err = s.connect(ctx, x.deadline, to); err != nil {
				return x.failed(ctx, false, err)
			}
		}
		a, err := x.on(ctx, c)
		switch {
		case err == nil:
			return a, nil
		case !errors.Is(err, errUnsent):
			return x.failed(ctx, c.answered, err)
		}
		c = nil
	}
}

// unsendable names the first header that cannot be sent (RFC 9110, section 5).
// A line break in a value would end it and begin a header, or a request, of the
// value's own.
func unsendable(h http.Header) (string, bool) {
	for name, values := range h {
		if name == "" || strings.ContainsFunc(name, notToken) {
			return name, true
		}
		for _, v := range values {
			if strings.ContainsFunc(v, control) {
				return name, true
			}
		}
	}
	return "", false
}

func notToken(r rune) bool {
	letter := r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r >= '0' && r <= '9'
	return !letter && !strings.ContainsRune("!#$%&'*+-.^_`|~", r)
}

func control(r rune) bool { return r < ' ' && r != '\t' || r == 0x7f }
