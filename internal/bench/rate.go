package main

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"os/exec"
	"slices"
	"strconv"
	"syscall"
	"time"
)

// arrivalLimit bounds the wait for what was published.
const arrivalLimit = time.Minute

// figures are what a subject came to.
type figures struct {
	Rate   float64 `json:"deliveries_per_s"`
	CPU    float64 `json:"cpu_s_per_1000"`
	P50    float64 `json:"p50_ms"` // at 50/s
	P99    float64 `json:"p99_ms"`
	Memory float64 `json:"memory_mb,omitempty"` // at its peak
}

// measureRate has the three subjects deliver at 50/s, then as fast as they can.
func measureRate(ctx context.Context, o options, g *programs, r *result) error {
	hooks, err := newReceiver(ctx)
	if err != nil {
		return err
	}
	defer hooks.close()
	to := hooks.add("fast", 0)
	var bare, relays, locals []figures
	for round := range o.rounds {
		b, err := rateOfBare(ctx, o, g, to)
		if err != nil {
			return fmt.Errorf("bare loop: %w", err)
		}
		y, err := rateOfRelay(ctx, o, g, to)
		if err != nil {
			return fmt.Errorf("relay: %w", err)
		}
		profiled := o
		if round < o.rounds-1 {
			profiled.profile = ""
		}
		l, err := rateOfLocal(ctx, profiled, g, to)
		if err != nil {
			return fmt.Errorf("jobhook local: %w", err)
		}
		fmt.Printf("round %d: bare loop %.0f/s, relay %.0f/s, jobhook local %.0f/s\n", round+1, b.Rate, y.Rate, l.Rate)
		bare, relays, locals = append(bare, b), append(relays, y), append(locals, l)
	}
	r.Bare, r.Relay, r.Local = median(bare), median(relays), median(locals)
	return nil
}

func median(list []figures) *figures {
	return &figures{
		Rate:   middle(list, func(f figures) float64 { return f.Rate }),
		CPU:    middle(list, func(f figures) float64 { return f.CPU }),
		P50:    middle(list, func(f figures) float64 { return f.P50 }),
		P99:    middle(list, func(f figures) float64 { return f.P99 }),
		Memory: middle(list, func(f figures) float64 { return f.Memory }),
	}
}

func middle[E any, T cmp.Ordered](list []E, of func(E) T) T {
	values := make([]T, len(list))
	for i, e := range list {
		values[i] = of(e)
	}
	slices.Sort(values)
	return values[len(values)/2]
}

func rateOfBare(ctx context.Context, o options, g *programs, to *endpoint) (f figures, err error) {
	for _, slow := range []bool{true, false} {
		events := o.events
		if slow {
			events = o.pacedEvents()
		}
		to.expect(events)
		begin := time.Now()
		out, err := exec.CommandContext(ctx, g.self, "bare", "-url", to.url, "-events", strconv.Itoa(events),
			"-concurrency", strconv.Itoa(o.concurrency), "-size", strconv.Itoa(o.size), "-paced="+strconv.FormatBool(slow)).Output()
		if err != nil {
			return f, fmt.Errorf("run it: %w", err)
		}
		took := time.Since(begin)
		if err := arrived(ctx, to); err != nil {
			return f, err
		}
		if slow {
			f.latency(to)
			continue
		}
		var said bareOutput
		if err := json.Unmarshal(out, &said); err != nil {
			return f, fmt.Errorf("read its output: %w", err)
		}
		f.flatOut(events, took, said.CPU)
	}
	return f, nil
}

func rateOfRelay(ctx context.Context, o options, g *programs, to *endpoint) (f figures, err error) {
	p, err := g.relay(ctx, o, to)
	if err != nil {
		return f, err
	}
	defer p.kill()
	return p.rate(ctx, o, to)
}

// rateOfLocal also looks, when the time is taken, whether each delivery is on
// record as delivered.
func rateOfLocal(ctx context.Context, o options, g *programs, to *endpoint) (f figures, err error) {
	p, err := g.local(ctx, o)
	if err != nil {
		return f, err
	}
	defer p.kill()
	id, err := p.register(ctx, "bench", to)
	if err != nil {
		return f, err
	}
	if o.profile != "" {
		if err := p.signal(syscall.SIGUSR1); err != nil {
			return f, err
		}
	}
	if f, err = p.rate(ctx, o, to); err != nil {
		return f, err
	}
	if o.profile != "" {
		if err := p.signal(syscall.SIGUSR1); err != nil {
			return f, err
		}
	}
	want := o.pacedEvents() + o.events
	if got, err := p.delivered(ctx, "bench", id); err != nil || got != want {
		return f, fmt.Errorf("%d of %d deliveries are on record as delivered (%w)", got, want, err)
	}
	return f, nil
}

// rate publishes to a relay or jobhook: at 50/s, then flat out.
func (p *process) rate(ctx context.Context, o options, to *endpoint) (f figures, err error) {
	to.expect(o.pacedEvents())
	if err := paced(ctx, o.pacedEvents(), p.publish(o, "bench", "paced")); err != nil {
		return f, err
	}
	if err := arrived(ctx, to); err != nil {
		return f, err
	}
	f.latency(to)
	to.expect(o.events)
	before, err := p.cpu()
	if err != nil {
		return f, err
	}
	begin := time.Now()
	if err := spread(ctx, o.events, o.concurrency, p.publish(o, "bench", "flat")); err != nil {
		return f, err
	}
	if err := arrived(ctx, to); err != nil {
		return f, err
	}
	took := time.Since(begin)
	time.Sleep(200 * time.Millisecond) // the last outcomes are written, and count
	after, err := p.cpu()
	if err != nil {
		return f, err
	}
	f.flatOut(o.events, took, after-before)
	f.Memory, err = p.memory("VmHWM")
	return f, err
}

// arrived waits for all that the endpoint expects.
func arrived(ctx context.Context, to *endpoint) error {
	missing, err := to.wait(ctx, arrivalLimit)
	if err == nil && missing > 0 {
		err = fmt.Errorf("%d events have not arrived after %s", missing, arrivalLimit)
	}
	return err
}

func (f *figures) latency(to *endpoint) {
	p50, p99 := to.percentiles(0, 0)
	f.P50, f.P99 = milliseconds(p50), milliseconds(p99)
}

func (f *figures) flatOut(events int, took, cpu time.Duration) {
	f.Rate, f.CPU = float64(events)/took.Seconds(), cpu.Seconds()*1000/float64(events)
}
