package main

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"net/http"
	"os"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/jobhook/jobhook/internal/marked"
	"github.com/jobhook/jobhook/shared/embedded"
	"github.com/jobhook/jobhook/shared/webhook"
)

// kills is what came of `kill -9` under load.
type kills struct {
	Kills       int `json:"kills"`
	Events      int `json:"events"`
	InFlight    int `json:"in_flight"` // POSTs at a kill: the median
	InFlightMax int `json:"in_flight_max"`
	Repeats     int `json:"repeats"`
	RepeatsMax  int `json:"repeats_max"` // of one kill
	Lost        int `json:"lost"`
	Stray       int `json:"repeats_without_kill"` // of events that were not in flight at the kill before
}

// victim is `jobhook local` on one directory, killed and started again.
type victim struct {
	options
	*programs
	hooks    *receiver
	to       *endpoint
	dir, id  string // id is the endpoint's
	running  atomic.Pointer[process]
	recorded map[string]struct{} // on record as delivered at an earlier kill

	mu       sync.Mutex
	accepted []string // message ids
}

// measureKill kills jobhook local at random moments while it is published to.
func measureKill(ctx context.Context, o options, g *programs, r *result) error {
	hooks, err := newReceiver(ctx)
	if err != nil {
		return err
	}
	defer hooks.close()
	dir, err := os.MkdirTemp(o.data, "bench-")
	if err != nil {
		return fmt.Errorf("make a data directory: %w", err)
	}
	defer func() { _ = os.RemoveAll(dir) }()
	v := &victim{
		options: o, programs: g, hooks: hooks, to: hooks.add("killed", 20*time.Millisecond), dir: dir, recorded: map[string]struct{}{},
	}
	if err := v.start(ctx); err != nil {
		return err
	}
	defer func() { v.running.Load().kill() }()
	if v.id, err = v.running.Load().register(ctx, "bench", v.to); err != nil {
		return err
	}
	inFlight, repeats, err := v.killAll(ctx)
	if err != nil {
		return err
	}
	err = v.settle(ctx)
	repeats = append(repeats, v.to.mayRepeat(nil))
	r.Kill = &kills{
		Kills: o.kills, InFlight: middle(inFlight, func(n int) int { return n }), InFlightMax: slices.Max(inFlight), RepeatsMax: slices.Max(repeats),
	}
	for _, n := range repeats {
		r.Kill.Repeats += n
	}
	err = errors.Join(err, v.verify(ctx, r.Kill))
	fmt.Println("kill -9:", r.Kill)
	return err
}

// killAll publishes until the last kill. It returns the POSTs in flight at each
// kill, and what was repeated before it since the one before.
func (v *victim) killAll(ctx context.Context) (inFlight, repeats []int, err error) {
	if v.seed == 0 {
		v.seed = uint64(time.Now().UnixNano())
	}
	fmt.Printf("kill: -seed %d\n", v.seed)
	random := rand.New(rand.NewPCG(v.seed, 0))
	load, stop := context.WithCancel(ctx)
	defer stop()
	var publishers errgroup.Group
	publishers.Go(func() error { // what was begun is finished after stop
		return spread(load, 1<<30, v.concurrency, func(_ context.Context, i int) error { return v.publish(ctx, i) })
	})
	for range v.kills {
		select {
		case <-time.After(100*time.Millisecond + time.Duration(random.Int64N(int64(900*time.Millisecond)))): // there is load by then
		case <-ctx.Done():
			return nil, nil, ctx.Err()
		}
		open, err := v.kill(ctx)
		if err != nil {
			return nil, nil, err
		}
		inFlight, repeats = append(inFlight, len(open)), append(repeats, v.to.mayRepeat(open))
		if err := v.start(ctx); err != nil {
			return nil, nil, err
		}
	}
	stop()
	if err := publishers.Wait(); !errors.Is(err, context.Canceled) {
		return nil, nil, err
	}
	return inFlight, repeats, ctx.Err()
}

func (v *victim) start(ctx context.Context) error {
	p, err := v.serve(ctx, v.options, v.dir)
	if err == nil {
		v.running.Store(p)
	}
	return err
}

// publish repeats a request that failed, with the same body: a process that was
// killed may have accepted it.
func (v *victim) publish(ctx context.Context, i int) error {
	body := completion(v.size, fmt.Sprintf("kill-%d", i))
	for until := time.Now().Add(arrivalLimit); ; time.Sleep(5 * time.Millisecond) { // the next process needs a moment to listen
		var answer struct {
			MessageID string `json:"message_id"`
		}
		err := v.running.Load().call(ctx, http.MethodPost, "bench/events", body, &answer)
		if err == nil {
			v.mu.Lock()
			defer v.mu.Unlock()
			v.accepted = append(v.accepted, answer.MessageID)
			return nil
		}
		if ctx.Err() != nil || time.Now().After(until) {
			return err
		}
	}
}

// kill returns the events in flight: those that have arrived and whose delivery
// is not on record as delivered.
func (v *victim) kill(ctx context.Context) (open map[string]struct{}, err error) {
	p := v.running.Load()
	p.kill()
	if end := p.cmd.ProcessState.String(); end != "signal: killed" {
		return nil, fmt.Errorf("jobhook local had ended before it was killed, %s: %s", end, <-p.log)
	}
	if err := v.hooks.drain(ctx); err != nil {
		return nil, err
	}
	dir, err := os.MkdirTemp(v.data, "bench-")
	if err != nil {
		return nil, fmt.Errorf("make a directory for the copy: %w", err)
	}
	defer func() { _ = os.RemoveAll(dir) }()
	if err := os.CopyFS(dir, os.DirFS(v.dir)); err != nil { // opening changes a directory
		return nil, fmt.Errorf("copy the data directory: %w", err)
	}
	db, err := embedded.Open(embedded.Config{Dir: dir})
	if err != nil {
		return nil, err
	}
	defer func() { _ = db.Close() }()
	return v.unrecorded(ctx, db)
}

// unrecorded does not look again at what was recorded at an earlier kill: if
// that record were lost, a repeat would be an error.
func (v *victim) unrecorded(ctx context.Context, db *embedded.DB) (map[string]struct{}, error) {
	ids := slices.DeleteFunc(v.to.arrivals(), func(id string) bool { _, done := v.recorded[id]; return done })
	events, err := db.Events(ctx, ids...)
	if err != nil {
		return nil, err
	}
	keys := make([]webhook.DeliveryKey, len(ids))
	for i, ev := range events {
		if ev == nil {
			return nil, fmt.Errorf("%s has arrived, and is not in the store", ids[i])
		}
		keys[i] = ev.Key(v.id)
	}
	deliveries, err := db.Deliveries(ctx, keys...)
	if err != nil {
		return nil, err
	}
	open := map[string]struct{}{}
	for i, d := range deliveries {
		if d != nil && d.Status == webhook.Delivered {
			v.recorded[ids[i]] = struct{}{}
		} else {
			open[ids[i]] = struct{}{}
		}
	}
	return open, nil
}

// settle waits until each accepted event is on record as delivered: nothing is
// sent after that.
func (v *victim) settle(ctx context.Context) error {
	for until := time.Now().Add(arrivalLimit); ; time.Sleep(100 * time.Millisecond) { // another process: it can only be asked
		got, err := v.running.Load().delivered(ctx, "bench", v.id)
		if err != nil || got == len(v.accepted) {
			return err
		}
		if time.Now().After(until) {
			return fmt.Errorf("%d of %d deliveries are on record as delivered after %s", got, len(v.accepted), arrivalLimit)
		}
	}
}

// verify counts what must not be, and makes an error of it.
func (v *victim) verify(ctx context.Context, k *kills) error {
	_, err := v.to.wait(ctx, 0) // only for what it refuses
	arrived := map[string]struct{}{}
	for _, id := range v.to.arrivals() {
		arrived[id] = struct{}{}
	}
	k.Events, k.Stray = len(v.accepted), v.to.doubles
	for _, id := range v.accepted {
		if _, ok := arrived[id]; !ok {
			k.Lost++
		}
		delete(arrived, id)
	}
	if k.Lost > 0 || len(arrived) > 0 {
		err = errors.Join(err, fmt.Errorf("%d of %d accepted events have not arrived; %d arrived that were not accepted", k.Lost, k.Events, len(arrived)))
	}
	return err
}

func (k *kills) String() string {
	return fmt.Sprintf("%d times, %s events: POSTs in flight %d, at most %d; repeated %d, at most %d at a kill; lost %d; repeated without a kill %d",
		k.Kills, marked.Thousands(k.Events), k.InFlight, k.InFlightMax, k.Repeats, k.RepeatsMax, k.Lost, k.Stray)
}
