// Command bench measures `jobhook local` beside a bare loop that signs and
// POSTs, in one run on one machine: what counts is the ratio of the two.
//
// Both send the same events of 1 KB to the same receiver. jobhook's time runs
// from the first publish over its API to the last arrival; everything is
// durable on disk before the API answers.
package main

import (
	"cmp"
	"context"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"slices"
	"time"
)

// options are the bench's flags.
type options struct {
	events, concurrency, runs, size int
	floor                           float64
}

// measure is what one run came to.
type measure struct {
	rate     float64 // deliveries a second
	cpu      float64 // CPU seconds per 1,000 deliveries, all processes of the sender
	p50, p99 time.Duration
	memory   float64 // MB at the peak; 0 when not measured
}

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	var o options
	flag.IntVar(&o.events, "events", 20000, "events in each run")
	flag.IntVar(&o.concurrency, "concurrency", 32, "requests under way at once")
	flag.IntVar(&o.runs, "runs", 3, "runs of each; the medians count")
	flag.IntVar(&o.size, "size", 1024, "bytes of a body")
	flag.Float64Var(&o.floor, "floor", 0, "exit with 1 when the ratio is below it")
	flag.Parse()
	ratio, err := bench(ctx, o)
	if err == nil && ratio < o.floor {
		err = fmt.Errorf("the ratio %.3f is below %.3f", ratio, o.floor)
	}
	stop()
	if err != nil {
		fmt.Fprintln(os.Stderr, "bench:", err)
		os.Exit(1)
	}
}

func bench(ctx context.Context, o options) (ratio float64, err error) {
	dir, err := os.MkdirTemp("", "jobhook-bench-")
	if err != nil {
		return 0, err
	}
	defer func() { _ = os.RemoveAll(dir) }()
	binary := filepath.Join(dir, "jobhook")
	if out, err := exec.CommandContext(ctx, "go", "build", "-o", binary, "./cmd/jobhook").CombinedOutput(); err != nil {
		return 0, fmt.Errorf("build jobhook: %w\n%s", err, out)
	}
	fmt.Printf("%d events of %d bytes, concurrency %d, %d interleaved runs; bare loop, then jobhook local\n\n", o.events, o.size, o.concurrency, o.runs)
	fmt.Printf("%-14s %12s %16s %10s %10s %10s\n", "", "deliveries/s", "CPU-s per 1,000", "p50", "p99", "memory")
	var bare, hook []measure
	for range o.runs {
		b, err := bareLoop(ctx, o)
		if err != nil {
			return 0, fmt.Errorf("bare loop: %w", err)
		}
		show("bare loop", b)
		h, err := jobhookLocal(ctx, o, binary)
		if err != nil {
			return 0, fmt.Errorf("jobhook local: %w", err)
		}
		show("jobhook local", h)
		bare, hook = append(bare, b), append(hook, h)
	}
	mb, mh := median(bare), median(hook)
	fmt.Println("\nmedians")
	show("bare loop", mb)
	show("jobhook local", mh)
	ratio = mh.rate / mb.rate
	fmt.Printf("\nratio %.3f of the bare loop's rate, %.1f times its CPU\n", ratio, mh.cpu/mb.cpu)
	return ratio, nil
}

func show(name string, m measure) {
	memory := "-"
	if m.memory > 0 {
		memory = fmt.Sprintf("%.0f MB", m.memory)
	}
	fmt.Printf("%-14s %12.0f %16.3f %10s %10s %10s\n", name, m.rate, m.cpu,
		m.p50.Round(10*time.Microsecond), m.p99.Round(10*time.Microsecond), memory)
}

func median(list []measure) measure {
	return measure{
		rate:   middle(list, func(m measure) float64 { return m.rate }),
		cpu:    middle(list, func(m measure) float64 { return m.cpu }),
		memory: middle(list, func(m measure) float64 { return m.memory }),
		p50:    middle(list, func(m measure) time.Duration { return m.p50 }),
		p99:    middle(list, func(m measure) time.Duration { return m.p99 }),
	}
}

func middle[T cmp.Ordered](list []measure, of func(measure) T) T {
	ordered := slices.SortedFunc(slices.Values(list), func(a, b measure) int { return cmp.Compare(of(a), of(b)) })
	return of(ordered[len(ordered)/2])
}
