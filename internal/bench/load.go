package main

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"strings"
	"sync/atomic"
	"time"

	"golang.org/x/sync/errgroup"
)

// pacedRate is the events a second at which latency is measured.
const pacedRate = 50

// spread calls f for 0 to events-1 from as many goroutines as concurrency says.
func spread(ctx context.Context, events, concurrency int, f func(context.Context, int) error) error {
	var next atomic.Int64
	workers, ctx := errgroup.WithContext(ctx)
	for range concurrency {
		workers.Go(func() error {
			for i := int(next.Add(1) - 1); i < events && ctx.Err() == nil; i = int(next.Add(1) - 1) {
				if err := f(ctx, i); err != nil {
					return err
				}
			}
			return ctx.Err()
		})
	}
	return workers.Wait()
}

// paced calls f for 0 to events-1 at pacedRate, whether or not the calls before
// have returned.
func paced(ctx context.Context, events int, f func(context.Context, int) error) error {
	calls, ctx := errgroup.WithContext(ctx)
	tick := time.NewTicker(time.Second / pacedRate)
	defer tick.Stop()
	for i := range events {
		select {
		case <-tick.C:
			calls.Go(func() error { return f(ctx, i) })
		case <-ctx.Done():
			return calls.Wait()
		}
	}
	return calls.Wait()
}

// pacedEvents is how many events a paced part has.
func (o options) pacedEvents() int { return int(o.pace.Seconds() * pacedRate) }

// sentAt is the member of a body that says when it was made, in nanoseconds.
const sentAt = `"at":"`

// completion is one of about size bytes that says when it was made.
func completion(size int, job string) string {
	head := `{"id":"` + job + `","status":"success","type":"bench","result":{` + sentAt +
		strconv.FormatInt(time.Now().UnixNano(), 10) + `","text":"`
	return head + strings.Repeat("x", max(size-len(head)-3, 1)) + `"}}`
}

// newClient keeps a connection for each request in flight.
func newClient(concurrency int) *http.Client {
	return &http.Client{Transport: &http.Transport{MaxIdleConnsPerHost: concurrency}}
}

// send makes a request and reads the whole answer.
func send(client *http.Client, req *http.Request) ([]byte, error) {
	answer, err := client.Do(req)
	if err != nil {
		return nil, fmt.Errorf("send: %w", err)
	}
	defer func() { _ = answer.Body.Close() }()
	body, err := io.ReadAll(answer.Body)
	if err == nil && answer.StatusCode >= 300 {
		err = fmt.Errorf("%s %s: %s", req.Method, req.URL.Path, answer.Status)
	}
	return body, err
}
