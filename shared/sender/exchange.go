package sender

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/textproto"
	"net/url"
	"strconv"
	"sync"
	"time"

	"github.com/jobhook/jobhook/shared/webhook"
)

// writeAtOnce is how much of a request is written before reading. It fits in the
// socket's buffer, so that writing it does not wait for the endpoint.
const writeAtOnce = 16 << 10

// exchange is one POST: one request and its answer, on one connection. It needs
// no goroutine but the caller's, unless the body is large.
type exchange struct {
	*Sender
	url      *url.URL
	header   http.Header
	body     []byte
	deadline time.Time // over everything
}

// errUnsent: a kept connection broke before a byte of the request was written.
// That is the only case in which a request is sent on another.
var errUnsent = errors.New("nothing was sent")

// on writes the request to c, reads the answer, and keeps c or closes it. Once a
// byte has gone out, the endpoint may have seen the request: that c then ends
// without an answer is an attempt, even if c was kept and only closed too early.
func (x *exchange) on(ctx context.Context, c *conn) (a Answer, err error) {
	c.top.SetDeadline(x.deadline)
	stop := context.AfterFunc(ctx, func() { c.top.SetDeadline(past) })
	keep := false
	defer func() {
		if stop() && keep { // where stop comes too late, the deadline might hit the next exchange
			x.pool.put(c)
		} else {
			c.close()
		}
	}()
	out, _ := outs.Get().(*bytes.Buffer)
	rest := x.compose(out)
	n, err := c.top.Write(out.Bytes())
	outs.Put(out)
	if n == 0 && err != nil && c.used != 0 {
		return a, errUnsent
	}
	// An endpoint that stops reading may have answered: a failed write is no reason not to look.
	whole, end := err == nil, func() bool { return true }
	if whole && len(rest) > 0 {
		end = c.write(rest)
	}
	res, err := c.answer() //nolint:bodyclose // see there
	if err == nil {
		x.limitBody(ctx, c, res)
		a, keep = x.judge(res)
	}
	whole = end() && whole
	keep = keep && whole && c.spent()
	return a, err
}

var outs = sync.Pool{New: func() any { return new(bytes.Buffer) }}

// net/http's own list: what the request line's neighbors say, or nobody may.
var excluded = map[string]bool{"Host": true, "User-Agent": true, "Content-Length": true, "Transfer-Encoding": true, "Trailer": true}

// compose makes what is written first: the head, which holds the bytes that
// net/http would send, and as much of the body as fits. It returns the rest.
func (x *exchange) compose(out *bytes.Buffer) (rest []byte) {
	agent := "Go-http-client/1.1"
	if _, ok := x.header["User-Agent"]; ok {
		agent = textproto.TrimString(x.header.Get("User-Agent"))
	}
	out.Reset()
	for _, s := range [...]string{"POST ", x.url.RequestURI(), " HTTP/1.1\r\nHost: ", x.url.Host} {
		out.WriteString(s)
	}
	if agent != "" {
		out.WriteString("\r\nUser-Agent: " + agent)
	}
	out.WriteString("\r\nContent-Length: " + strconv.Itoa(len(x.body)) + "\r\n")
	_ = x.header.WriteSubset(out, excluded) // a buffer takes everything
	if x.unzips() {
		out.WriteString("Accept-Encoding: gzip\r\n")
	}
	out.WriteString("\r\n")
	first := min(len(x.body), max(writeAtOnce-out.Len(), 0))
	out.Write(x.body[:first])
	return x.body[first:]
}

// unzips: gzip is asked for, and undone, unless the request says what it wants.
func (x *exchange) unzips() bool {
	return x.header.Get("Accept-Encoding") == "" && x.header.Get("Range") == ""
}

// limitBody: after a 2xx the outcome is known, and an endpoint that drips its
// body would hold up the record.
func (x *exchange) limitBody(ctx context.Context, c *conn, res *http.Response) {
	arrived := res.ContentLength >= 0 && res.ContentLength <= int64(c.in.Buffered())
	if end := time.Now().Add(bodyTime); res.StatusCode/100 == 2 && !arrived && end.Before(x.deadline) {
		c.top.SetReadDeadline(end)
		if ctx.Err() != nil {
			c.top.SetReadDeadline(past) // again: this may have come in between
		}
	}
}

// judge makes an Answer of what came. keep: the connection can be used again,
// as far as the answer goes.
func (x *exchange) judge(res *http.Response) (a Answer, keep bool) {
	a.StatusCode = res.StatusCode
	a.Response, keep = x.read(res, x.unzips())
	if !a.Delivered() {
		a.Reason, a.Detail = webhook.ReasonHTTPStatus, details[webhook.ReasonHTTPStatus]
		if res.StatusCode == http.StatusTooManyRequests || res.StatusCode == http.StatusServiceUnavailable {
			a.RetryAfter = parseRetryAfter(res.Header.Get("Retry-After"), x.now())
		}
	}
	return a, keep && !res.Close && res.ProtoAtLeast(1, 1) && res.StatusCode != http.StatusSwitchingProtocols
}

// failed judges an attempt that brought no answer.
func (x *exchange) failed(ctx context.Context, answered bool, err error) (Answer, error) {
	switch {
	case !time.Now().Before(x.deadline):
		return Answer{Reason: webhook.ReasonTimeout, Detail: details[webhook.ReasonTimeout]}, nil
	case ctx.Err() != nil:
		return Answer{}, fmt.Errorf("send: %w", ctx.Err())
	}
	reason := reasonOf(err, answered)
	return Answer{Reason: reason, Detail: detailOf(reason, err)}, nil
}
