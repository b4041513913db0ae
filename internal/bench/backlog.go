package main

import (
	"context"
	"fmt"
	"time"
)

// backlog is how memory and cost grow with what waits.
type backlog struct {
	Events  int     `json:"events"`
	Few     waiting `json:"few"` // with 1,000 waiting
	Many    waiting `json:"many"`
	RSS     float64 `json:"rss_ratio"`
	PerEach float64 `json:"cpu_ratio"`
}

// waiting is what a process takes while events wait, and then to deliver them.
type waiting struct {
	RSS float64 `json:"rss_mb"`
	CPU float64 `json:"cpu_s_per_1000"` // of the attempt that delivers
}

// warmEvents are delivered before any wait, so that both processes have worked.
const warmEvents = 5000

// measureBacklog compares many waiting events with 1,000. Their endpoint answers
// 503 to the first attempt, so that all wait for the second in the retry queue.
func measureBacklog(ctx context.Context, o options, g *programs, r *result) error {
	rate := 2000.0
	if r.Local != nil {
		rate = r.Local.Rate
	}
	if o.backlog == 0 {
		o.backlog = min(int(20*rate), 100_000)
	}
	b := &backlog{Events: o.backlog}
	var err error
	if b.Few, err = g.hold(ctx, o, 1000, rate); err != nil {
		return fmt.Errorf("1,000 waiting: %w", err)
	}
	if b.Many, err = g.hold(ctx, o, o.backlog, rate); err != nil {
		return fmt.Errorf("%d waiting: %w", o.backlog, err)
	}
	b.RSS, b.PerEach = b.Many.RSS/b.Few.RSS, b.Many.CPU/b.Few.CPU
	fmt.Printf("1,000 waiting: %.0f MB, %.3f CPU-s per 1,000; %d waiting: %.0f MB, %.3f\n",
		b.Few.RSS, b.Few.CPU, b.Events, b.Many.RSS, b.Many.CPU)
	r.Backlog = b
	r.Ratios["memory, backlog / 1,000 waiting"], r.Ratios["CPU, backlog / 1,000 waiting"] = b.RSS, b.PerEach
	return nil
}

func (g *programs) hold(ctx context.Context, o options, events int, rate float64) (w waiting, err error) {
	hooks, err := newReceiver(ctx)
	if err != nil {
		return w, err
	}
	defer hooks.close()
	// Long enough for all to be published before the first is tried again; one
	// that is tried earlier is refused again.
	delay := 3*time.Second + time.Duration(2*float64(events)/rate)*time.Second
	p, err := g.local(ctx, o, "--schedule", fmt.Sprintf("%[1]s,%[1]s,%[1]s,%[1]s", delay))
	if err != nil {
		return w, err
	}
	defer p.kill()
	to := hooks.add("waits", 0)
	if _, err := p.register(ctx, "bench", to); err != nil {
		return w, err
	}
	to.expect(warmEvents)
	if err := spread(ctx, warmEvents, o.concurrency, p.publish(o, "bench", "warm")); err != nil {
		return w, err
	}
	if err := arrived(ctx, to); err != nil {
		return w, err
	}
	to.expect(events)
	to.refuse(true)
	if err := spread(ctx, events, o.concurrency, p.publish(o, "bench", "wait")); err != nil {
		return w, err
	}
	time.Sleep(time.Second) // the last first attempts: refused ones are not noted, so nothing tells of them
	return p.release(ctx, to, events, delay)
}

// release measures, has the endpoint answer again and measures until all has arrived.
func (p *process) release(ctx context.Context, to *endpoint, events int, delay time.Duration) (w waiting, err error) {
	if w.RSS, err = p.memory("VmRSS"); err != nil {
		return w, err
	}
	before, err := p.cpu()
	if err != nil {
		return w, err
	}
	to.refuse(false)
	limit := 2*delay + arrivalLimit
	missing, err := to.wait(ctx, limit)
	if err == nil && missing > 0 {
		err = fmt.Errorf("%d of %d events have not arrived after %s", missing, events, limit)
	}
	if err != nil {
		return w, err
	}
	after, err := p.cpu()
	w.CPU = (after - before).Seconds() * 1000 / float64(events)
	return w, err
}
