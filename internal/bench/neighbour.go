package main

import (
	"context"
	"fmt"
	"os"
	"slices"
	"time"

	"golang.org/x/sync/errgroup"
)

// lateLimit bounds the wait for the quiet account's last events: what has not
// arrived by then counts as that late.
const lateLimit = 10 * time.Second

// neighbour is what account A does while account B has its 50/s.
type neighbour int

const (
	none neighbour = iota
	hangs
	floods
)

// pairs is a comparison of account B beside a neighbour with B alone.
type pairs struct {
	Alone   float64 `json:"alone_p99_ms"` // medians
	Beside  float64 `json:"beside_p99_ms"`
	Ratio   float64 `json:"ratio"` // the median of the pairs' ratios
	Spread  float64 `json:"spread"`
	Missing int     `json:"missing"` // of B's events, 10 s after the last was published, in all pairs
}

// Limit is the highest ratio that is no difference: the five alone/alone pairs
// differ by the spread, with nobody beside them.
func (p pairs) Limit() float64 { return 1.2 + p.Spread }

func measureHang(ctx context.Context, o options, g *programs, r *result) (err error) {
	if r.Hang, err = compare(ctx, o, g, hangs); err == nil {
		r.Ratios["p99 beside one that hangs / alone"] = r.Hang.Ratio
	}
	return err
}

func measureFlood(ctx context.Context, o options, g *programs, r *result) (err error) {
	o.pairs = min(o.pairs, 3)
	if r.Flood, err = compare(ctx, o, g, floods); err == nil {
		r.Ratios["p99 beside one that floods / alone"] = r.Flood.Ratio
	}
	return err
}

// compare runs interleaved alone, beside and alone again: beside/alone is what
// is asked, the second alone/the first says how much two such runs differ.
func compare(ctx context.Context, o options, g *programs, n neighbour) (*pairs, error) {
	var p pairs
	var alones, besides, ratios, spreads []float64
	for i := range o.pairs {
		var p99 [3]float64
		for leg, kind := range []neighbour{none, n, none} {
			took, missing, err := g.quiet(ctx, o, kind)
			if err != nil {
				return nil, err
			}
			p99[leg], p.Missing = milliseconds(took), p.Missing+missing
		}
		fmt.Printf("pair %d: p99 alone %.1f ms, beside %.1f ms, alone again %.1f ms\n", i+1, p99[0], p99[1], p99[2])
		alones, besides = append(alones, p99[0]), append(besides, p99[1])
		ratios, spreads = append(ratios, p99[1]/p99[0]), append(spreads, p99[2]/p99[0])
	}
	same := func(f float64) float64 { return f }
	p.Alone, p.Beside, p.Ratio = middle(alones, same), middle(besides, same), middle(ratios, same)
	slices.Sort(spreads)
	if last := len(spreads) - 1; last >= 4 { // without the lowest and the highest: one outlier is no spread
		spreads = spreads[1:last]
	}
	p.Spread = spreads[len(spreads)-1] - spreads[0]
	return &p, nil
}

// quiet returns account B's p99 at 50/s in a jobhook of its own, with this
// neighbour in it.
func (g *programs) quiet(ctx context.Context, o options, n neighbour) (p99 time.Duration, missing int, err error) {
	hooks, err := newReceiver(ctx)
	if err != nil {
		return 0, 0, err
	}
	defer hooks.close()
	p, err := g.local(ctx, o)
	if err != nil {
		return 0, 0, err
	}
	defer p.kill()
	b := hooks.add("b", 0)
	if _, err := p.register(ctx, "b", b); err != nil {
		return 0, 0, err
	}
	if err := p.warm(ctx, o, b); err != nil {
		return 0, 0, err
	}
	stop, err := g.begin(ctx, o, n, p, hooks)
	if err != nil {
		return 0, 0, err
	}
	defer stop()
	b.expect(o.pacedEvents())
	if err := paced(ctx, o.pacedEvents(), p.publish(o, "b", "quiet")); err != nil {
		return 0, 0, err
	}
	missing, err = b.wait(ctx, lateLimit)
	_, p99 = b.percentiles(missing, lateLimit)
	return p99, missing, err
}

// warm opens connections and fills caches, as they are in a process that has run.
func (p *process) warm(ctx context.Context, o options, to *endpoint) error {
	to.expect(o.pacedEvents())
	if err := spread(ctx, o.pacedEvents(), o.concurrency, p.publish(o, "b", "warm")); err != nil {
		return err
	}
	return arrived(ctx, to)
}

// begin has account A hang (all its events are accepted before this returns) or
// flood (until stop). Where A hangs, thousands of its POSTs end at the same time,
// so its endpoint is in a process of its own: what B's receiver notes must not
// wait for it.
func (g *programs) begin(ctx context.Context, o options, n neighbour, p *process, hooks *receiver) (stop func(), err error) {
	ctx, cancel := context.WithCancel(ctx)
	switch n {
	case hangs:
		away, err := launch(ctx, o, g.self, "hang")
		if err != nil {
			cancel()
			return nil, err
		}
		stop = func() { cancel(); away.kill() }
		if _, err = p.register(ctx, "a", &endpoint{url: away.url + "/hang"}); err == nil {
			err = spread(ctx, o.hang, o.concurrency, p.publish(o, "a", "hang"))
		}
		if err != nil {
			stop()
		}
		return stop, err
	case floods:
		if _, err := p.register(ctx, "a", hooks.add("a", 0)); err != nil {
			return cancel, err
		}
		var flood errgroup.Group
		flood.Go(func() error { return spread(ctx, 1<<30, o.concurrency, p.publish(o, "a", "flood")) })
		return func() { cancel(); _ = flood.Wait() }, nil // what it says is that it was stopped
	case none:
	}
	return cancel, nil
}

// hang is an endpoint that answers after 3 s, in a process of its own.
func hang(ctx context.Context) error {
	hooks, err := newReceiver(ctx)
	if err != nil {
		return err
	}
	hooks.add("hang", 3*time.Second)
	fmt.Fprintf(os.Stderr, "hang serves %s, ready\n", hooks.url)
	<-ctx.Done()
	hooks.close()
	return nil
}
