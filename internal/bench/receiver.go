package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"net"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/jobhook/jobhook/shared/signing"
)

// benchSecret signs everything here: a public test vector.
const benchSecret = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"

// receiver is a server whose endpoints note each arrival that they can verify.
type receiver struct {
	url    string
	mux    *http.ServeMux
	server *http.Server
	open   atomic.Int64 // connections
	scheme signing.Scheme
	secret []signing.Secret
}

func newReceiver(ctx context.Context) (*receiver, error) {
	scheme, unknown := signing.Lookup("standard")
	secret, bad := signing.ParseSecret(benchSecret)
	listener, refused := (&net.ListenConfig{}).Listen(ctx, "tcp", "127.0.0.1:0")
	if err := errors.Join(unknown, bad, refused); err != nil {
		return nil, err
	}
	r := &receiver{url: "http://" + listener.Addr().String(), mux: http.NewServeMux(), scheme: scheme, secret: []signing.Secret{secret}}
	r.server = &http.Server{Handler: r.mux, ReadHeaderTimeout: 5 * time.Second, ConnState: func(_ net.Conn, s http.ConnState) {
		switch s {
		case http.StateNew:
			r.open.Add(1)
		case http.StateClosed, http.StateHijacked:
			r.open.Add(-1)
		case http.StateActive, http.StateIdle:
		}
	}}
	go func() { _ = r.server.Serve(listener) }() // ends with close
	return r, nil
}

func (r *receiver) close() { _ = r.server.Close() }

// drain returns once all that a killed process has sent is noted: its
// connections end when they have been read.
func (r *receiver) drain(ctx context.Context) error {
	conn, err := (&net.Dialer{}).DialContext(ctx, "tcp", strings.TrimPrefix(r.url, "http://"))
	if err != nil {
		return fmt.Errorf("connect to the receiver: %w", err)
	}
	defer func() { _ = conn.Close() }()
	// Connections are accepted in order: with the answer to the last, all are counted.
	if _, err := conn.Write([]byte("GET / HTTP/1.1\r\nHost: bench\r\nConnection: close\r\n\r\n")); err != nil {
		return fmt.Errorf("ask the receiver: %w", err)
	}
	if _, err := io.Copy(io.Discard, conn); err != nil {
		return fmt.Errorf("ask the receiver: %w", err)
	}
	for r.open.Load() > 0 && ctx.Err() == nil {
		time.Sleep(time.Millisecond)
	}
	return ctx.Err()
}

// endpoint is one path of the receiver. It answers 204, after delay; while it
// refuses it answers 503, and notes nothing.
type endpoint struct {
	url   string
	delay time.Duration

	mu        sync.Mutex
	refusing  bool
	seen      map[string]struct{}
	latencies []time.Duration
	doubles   int
	again     map[string]struct{} // what may arrive once more
	repeats   int                 // of these
	invalid   error
	want      int
	all       chan struct{}
}

// add makes an endpoint that answers after delay.
func (r *receiver) add(name string, delay time.Duration) *endpoint {
	e := &endpoint{url: r.url + "/" + name, delay: delay}
	e.expect(0)
	r.mux.HandleFunc("/"+name, func(w http.ResponseWriter, req *http.Request) {
		body, err := io.ReadAll(req.Body)
		if err != nil {
			return
		}
		v, err := signing.Verify(r.scheme, r.secret, req.Header, body, time.Now(), 0)
		status := e.note(v.ID, body, err)
		if e.delay > 0 {
			select {
			case <-time.After(e.delay):
			case <-req.Context().Done():
			}
		}
		w.WriteHeader(status)
	})
	return e
}

func (e *endpoint) note(id string, body []byte, invalid error) (status int) {
	_, rest, _ := bytes.Cut(body, []byte(sentAt))
	digits, _, _ := bytes.Cut(rest, []byte(`"`))
	at, bad := strconv.ParseInt(string(digits), 10, 64)
	took := time.Duration(time.Now().UnixNano() - at)
	e.mu.Lock()
	defer e.mu.Unlock()
	if err := errors.Join(invalid, bad); err != nil {
		e.invalid = err
		return http.StatusUnauthorized
	}
	if e.refusing {
		return http.StatusServiceUnavailable
	}
	if _, seen := e.seen[id]; seen {
		if _, may := e.again[id]; may {
			delete(e.again, id)
			e.repeats++
		} else {
			e.doubles++
		}
		return http.StatusNoContent
	}
	e.seen[id] = struct{}{}
	e.latencies = append(e.latencies, took)
	if len(e.seen) == e.want {
		close(e.all)
	}
	return http.StatusNoContent
}

// expect forgets what arrived, and waits for this many events from now on.
func (e *endpoint) expect(events int) {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.seen, e.latencies = make(map[string]struct{}, events), make([]time.Duration, 0, events)
	e.want, e.all = events, make(chan struct{})
}

// mayRepeat names the events that may arrive once more, in place of those that
// were named before, and says how many of those have.
func (e *endpoint) mayRepeat(ids map[string]struct{}) (repeats int) {
	e.mu.Lock()
	defer e.mu.Unlock()
	repeats, e.repeats, e.again = e.repeats, 0, ids
	return repeats
}

// arrivals are the ids of what has arrived.
func (e *endpoint) arrivals() []string {
	e.mu.Lock()
	defer e.mu.Unlock()
	return slices.Collect(maps.Keys(e.seen))
}

func (e *endpoint) refuse(on bool) {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.refusing = on
}

// wait returns once all that is expected has arrived, or after limit, and says
// how many have not arrived. What arrived twice or unsigned is an error.
func (e *endpoint) wait(ctx context.Context, limit time.Duration) (missing int, err error) {
	select {
	case <-e.all:
	case <-time.After(limit):
	case <-ctx.Done():
		return 0, ctx.Err()
	}
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.doubles > 0 {
		err = fmt.Errorf("%d events arrived twice", e.doubles)
	}
	return e.want - len(e.seen), errors.Join(err, e.invalid)
}

// percentiles are of the time from the publisher's call to the arrival. What
// has not arrived counts as limit.
func (e *endpoint) percentiles(missing int, limit time.Duration) (p50, p99 time.Duration) {
	e.mu.Lock()
	defer e.mu.Unlock()
	list := append(slices.Clone(e.latencies), slices.Repeat([]time.Duration{limit}, missing)...)
	if len(list) == 0 {
		return 0, 0
	}
	slices.Sort(list)
	return list[len(list)/2], list[len(list)*99/100]
}
