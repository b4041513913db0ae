package main

import (
	"context"
	"fmt"
	"time"
)

// measureSlow is the rate to an endpoint that answers after 200 ms: how many
// POSTs can be in flight.
func measureSlow(ctx context.Context, o options, g *programs, r *result) error {
	hooks, err := newReceiver(ctx)
	if err != nil {
		return err
	}
	defer hooks.close()
	to := hooks.add("slow", 200*time.Millisecond)
	var rates []float64
	for range o.rounds {
		rate, err := slowRate(ctx, o, g, to)
		if err != nil {
			return err
		}
		rates = append(rates, rate)
	}
	r.Slow = middle(rates, func(rate float64) float64 { return rate })
	fmt.Printf("endpoint of 200 ms: %.0f/s\n", r.Slow)
	return nil
}

func slowRate(ctx context.Context, o options, g *programs, to *endpoint) (float64, error) {
	p, err := g.local(ctx, o)
	if err != nil {
		return 0, err
	}
	defer p.kill()
	if _, err := p.register(ctx, "bench", to); err != nil {
		return 0, err
	}
	to.expect(o.slow)
	begin := time.Now()
	if err := spread(ctx, o.slow, o.concurrency, p.publish(o, "bench", "slow")); err != nil {
		return 0, err
	}
	if err := arrived(ctx, to); err != nil {
		return 0, err
	}
	return float64(o.slow) / time.Since(begin).Seconds(), nil
}
