package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/jobhook/jobhook/shared/signing"
)

// bareLoop is the yardstick: sign and POST with net/http and keep-alive, no
// queue, no record.
func bareLoop(ctx context.Context, o options) (measure, error) {
	r, err := newReceiver(o.events)
	if err != nil {
		return measure{}, err
	}
	defer func() { _ = r.close() }()
	scheme, unknown := signing.Lookup("standard")
	secret, bad := signing.ParseSecret("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw")
	if err := errors.Join(unknown, bad); err != nil {
		return measure{}, err
	}
	client := &http.Client{Transport: &http.Transport{MaxIdleConnsPerHost: o.concurrency}}
	defer client.CloseIdleConnections()
	body := []byte(completion(o, 0))
	cpu, begin := cpuTime(), time.Now()
	sent, err := spread(ctx, o, func(i int) (string, error) {
		id := fmt.Sprintf("msg_%d", i)
		headers, err := signing.Sign(scheme, []signing.Secret{secret}, signing.Message{ID: id, Timestamp: time.Now(), Body: body})
		if err != nil {
			return "", err
		}
		req, err := http.NewRequestWithContext(ctx, http.MethodPost, r.url, bytes.NewReader(body))
		if err != nil {
			return "", err
		}
		for _, h := range headers {
			req.Header[h.Name] = []string{h.Value}
		}
		_, err = send(client, req)
		return id, err
	})
	if err != nil {
		return measure{}, err
	}
	took := time.Since(begin)
	m := measure{rate: float64(o.events) / took.Seconds(), cpu: (cpuTime() - cpu).Seconds() * 1000 / float64(o.events)}
	m.p50, m.p99, err = r.latencies(sent)
	return m, err
}

// send makes a request and reads the whole answer.
func send(client *http.Client, req *http.Request) ([]byte, error) {
	answer, err := client.Do(req)
	if err != nil {
		return nil, err
	}
	defer func() { _ = answer.Body.Close() }()
	text, err := io.ReadAll(answer.Body)
	if err == nil && answer.StatusCode >= 300 {
		err = fmt.Errorf("%s %s: %s", req.Method, req.URL.Path, answer.Status)
	}
	return text, err
}

// spread calls f for 0 to events-1 from as many goroutines as o says, and
// returns when each id was sent.
func spread(ctx context.Context, o options, f func(int) (string, error)) (map[string]time.Time, error) {
	var next atomic.Int64
	var mu sync.Mutex
	sent := make(map[string]time.Time, o.events)
	workers, ctx := errgroup.WithContext(ctx)
	for range o.concurrency {
		workers.Go(func() error {
			for i := int(next.Add(1) - 1); i < o.events && ctx.Err() == nil; i = int(next.Add(1) - 1) {
				at := time.Now()
				id, err := f(i)
				if err != nil {
					return err
				}
				mu.Lock()
				sent[id] = at
				mu.Unlock()
			}
			return ctx.Err()
		})
	}
	return sent, workers.Wait()
}

// completion is a body of about o.size bytes.
func completion(o options, i int) string {
	head := fmt.Sprintf(`{"id":"job-%d","status":"success","type":"bench","result":{"text":"`, i)
	return head + strings.Repeat("x", max(o.size-len(head)-3, 1)) + `"}}`
}

// cpuTime is this process's.
func cpuTime() time.Duration {
	var u syscall.Rusage
	_ = syscall.Getrusage(syscall.RUSAGE_SELF, &u) // zero where the system does not say
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}
