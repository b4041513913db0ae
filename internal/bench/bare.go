package main

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"time"

	"github.com/jobhook/jobhook/shared/signing"
)

// bareLoop is the yardstick: sign and POST with net/http and keep-alive, no
// queue, no record.
func bareLoop(ctx context.Context, o options) (measure, error) {
	r, err := newReceiver(o.events)
	if err != nil {
		return measure{}, err
	}
	defer r.close()
	scheme, err := signing.Lookup("standard")
	if err != nil {
		return measure{}, err
	}
	secret, err := signing.ParseSecret("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw")
	if err != nil {
		return measure{}, err
	}
	client := &http.Client{Transport: &http.Transport{MaxIdleConnsPerHost: o.concurrency}}
	defer client.CloseIdleConnections()
	body := []byte(completion(o, 0))
	cpu, begin := cpuTime(syscall.RUSAGE_SELF), time.Now()
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
		return id, send(client, req, nil)
	})
	if err != nil {
		return measure{}, err
	}
	took := time.Since(begin)
	m := measure{rate: float64(o.events) / took.Seconds(), cpu: (cpuTime(syscall.RUSAGE_SELF) - cpu).Seconds() * 1000 / float64(o.events)}
	m.p50, m.p99, err = r.latencies(sent)
	return m, err
}

// send makes a request and reads the whole answer.
func send(client *http.Client, req *http.Request, into *bytes.Buffer) error {
	answer, err := client.Do(req)
	if err != nil {
		return err
	}
	defer func() { _ = answer.Body.Close() }()
	var sink io.Writer = io.Discard
	if into != nil {
		sink = into
	}
	if _, err := io.Copy(sink, answer.Body); err != nil {
		return err
	}
	if answer.StatusCode >= 300 {
		return fmt.Errorf("%s %s: %s", req.Method, req.URL.Path, answer.Status)
	}
	return nil
}

// spread calls f for 0 to events-1 from as many goroutines as o says, and
// returns when each id was sent.
func spread(ctx context.Context, o options, f func(int) (string, error)) (map[string]time.Time, error) {
	var next atomic.Int64
	var mu sync.Mutex
	var failed error
	sent := make(map[string]time.Time, o.events)
	var wg sync.WaitGroup
	for range o.concurrency {
		wg.Go(func() {
			for ctx.Err() == nil {
				i := int(next.Add(1) - 1)
				if i >= o.events {
					return
				}
				at := time.Now()
				id, err := f(i)
				mu.Lock()
				sent[id] = at
				if err != nil {
					failed = err
				}
				stop := failed != nil
				mu.Unlock()
				if stop {
					return
				}
			}
		})
	}
	wg.Wait()
	if failed == nil {
		failed = ctx.Err()
	}
	return sent, failed
}

// completion is a body of about o.size bytes.
func completion(o options, i int) string {
	head := fmt.Sprintf(`{"id":"job-%d","status":"success","type":"bench","result":{"text":"`, i)
	return head + strings.Repeat("x", max(o.size-len(head)-3, 1)) + `"}}`
}

// cpuTime is the CPU time of this process or of its ended children.
func cpuTime(who int) time.Duration {
	var u syscall.Rusage
	if err := syscall.Getrusage(who, &u); err != nil {
		return 0
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}
