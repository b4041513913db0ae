package main

import (
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"slices"
	"sync"
	"time"
)

// receiver answers 204 at once and notes when each event first arrived.
type receiver struct {
	url   string
	close func() error

	mu      sync.Mutex
	arrived map[string]time.Time
	doubles int
	want    int
	all     chan struct{}
}

func newReceiver(want int) (*receiver, error) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, err
	}
	r := &receiver{
		url: "http://" + listener.Addr().String() + "/hook", want: want,
		arrived: make(map[string]time.Time, want), all: make(chan struct{}),
	}
	server := &http.Server{Handler: r, ReadHeaderTimeout: 5 * time.Second}
	r.close = server.Close
	go func() { _ = server.Serve(listener) }() // ends with close
	return r, nil
}

func (r *receiver) ServeHTTP(w http.ResponseWriter, req *http.Request) {
	defer w.WriteHeader(http.StatusNoContent)
	if _, err := io.Copy(io.Discard, req.Body); err != nil {
		return
	}
	id, now := req.Header.Get("Webhook-Id"), time.Now()
	r.mu.Lock()
	defer r.mu.Unlock()
	if _, seen := r.arrived[id]; seen {
		r.doubles++
		return
	}
	r.arrived[id] = now
	if len(r.arrived) == r.want {
		close(r.all)
	}
}

// latencies pairs when an event was sent with when it arrived.
func (r *receiver) latencies(sent map[string]time.Time) (p50, p99 time.Duration, err error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	var list []time.Duration
	for id, at := range sent {
		arrived, ok := r.arrived[id]
		if !ok {
			return 0, 0, fmt.Errorf("event %s never arrived", id)
		}
		list = append(list, arrived.Sub(at))
	}
	if len(list) == 0 {
		return 0, 0, errors.New("nothing was sent")
	}
	slices.Sort(list)
	return list[len(list)/2], list[len(list)*99/100], nil
}
