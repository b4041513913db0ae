// Command bench measures `jobhook local` beside a bare loop (sign and POST) and
// a relay (HTTP in, sign, HTTP out, nothing kept), in one run on one machine:
// what counts is the ratios. docs/performance.md says what each figure means.
//
// The three get the same events over one HTTP request each, send them to the
// same receiver, which verifies every signature, and run in processes of their
// own, so that their CPU time holds neither the load generator's nor the
// receiver's.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"slices"
	"strings"
	"time"
)

// options are the bench's flags.
type options struct {
	only                               string
	quick, save                        bool
	events, slow, hang                 int
	backlog, rounds, pairs, kills      int
	seed                               uint64
	concurrency, size                  int
	pace                               time.Duration // how long each paced part lasts
	binary, data, profile, page, saved string
}

// The phases, in the order in which they run.
var phases = []string{"rate", "slow", "hang", "flood", "backlog", "kill"}

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	err := run(ctx, os.Args[1:])
	stop()
	if err != nil {
		fmt.Fprintln(os.Stderr, "bench:", err)
		os.Exit(1)
	}
}

// run is the bench, or one of the processes that it starts of itself.
func run(ctx context.Context, args []string) error {
	if len(args) > 0 {
		switch args[0] {
		case "bare":
			return bareLoop(ctx, args[1:])
		case "relay":
			return relay(ctx, args[1:])
		case "hang":
			return hang(ctx)
		}
	}
	o, err := parse(args)
	if err != nil {
		return err
	}
	return bench(ctx, o)
}

func parse(args []string) (options, error) {
	var o options
	flags := flag.NewFlagSet("bench", flag.ExitOnError)
	flags.StringVar(&o.only, "only", "", "phases to run, with commas between: "+strings.Join(phases, ", "))
	flags.BoolVar(&o.quick, "quick", false, "small sizes and one round: does it run at all, in half a minute")
	flags.BoolVar(&o.save, "save", false, "keep the result in docs/performance.json and docs/performance.md")
	flags.IntVar(&o.events, "events", 20000, "events in each round of rate")
	flags.IntVar(&o.slow, "slow", 6000, "events to an endpoint that answers after 200 ms")
	flags.IntVar(&o.hang, "hang", 10000, "events to an endpoint that does not answer for 3 s")
	flags.IntVar(&o.backlog, "backlog", 0, "waiting events, compared with 1,000; 0: what is published in 20 s, at most 100,000")
	flags.IntVar(&o.rounds, "rounds", 3, "interleaved rounds; the medians count")
	flags.IntVar(&o.pairs, "pairs", 5, "pairs of alone and beside a neighbour")
	flags.IntVar(&o.kills, "kills", 10, "times that jobhook local is killed, at least 1")
	flags.Uint64Var(&o.seed, "seed", 0, "of the moments of the kills; 0: from the clock")
	flags.IntVar(&o.concurrency, "concurrency", 32, "requests in flight from the load generator")
	flags.IntVar(&o.size, "size", 1024, "bytes of a completion")
	flags.DurationVar(&o.pace, "pace", 4*time.Second, "how long each part at 50/s lasts")
	flags.StringVar(&o.binary, "binary", "", "the jobhook to measure, instead of one built of this tree")
	flags.StringVar(&o.data, "data", ".bin", "directory on a disk, in which data directories are made")
	flags.StringVar(&o.profile, "profile", "", "write a CPU profile of jobhook local in the last round of rate to this file")
	flags.StringVar(&o.page, "page", "docs/performance.md", "the page that -save writes the table to")
	flags.StringVar(&o.saved, "saved", "docs/performance.json", "the last result: compared with, and written by -save")
	_ = flags.Parse(args) // exits on an error
	for phase := range strings.SplitSeq(o.only, ",") {
		if phase != "" && !slices.Contains(phases, phase) {
			return o, fmt.Errorf("-only %s: there is no such phase; there are %s", phase, strings.Join(phases, ", "))
		}
	}
	if o.save && (o.quick || o.only != "") {
		return o, errors.New("-save keeps whole runs only: leave out -quick and -only")
	}
	if o.quick {
		o.events, o.slow, o.hang, o.backlog, o.rounds, o.pairs, o.kills, o.pace = 2000, 1000, 500, 3000, 1, 1, 2, time.Second
	}
	return o, nil
}

// want says whether a phase is asked for.
func (o options) want(phase string) bool {
	return o.only == "" || slices.Contains(strings.Split(o.only, ","), phase)
}

func bench(ctx context.Context, o options) error {
	began := time.Now()
	machine, err := look(o.data)
	if err != nil {
		return err
	}
	tools, clean, err := build(ctx, o)
	if err != nil {
		return err
	}
	defer clean()
	r := result{Of: tools.version, Date: began.UTC().Format("2006-01-02 15:04 UTC"), Machine: machine, Quick: o.quick, Ratios: map[string]float64{}}
	fmt.Println(machine)
	steps := map[string]func(context.Context, options, *programs, *result) error{
		"rate": measureRate, "slow": measureSlow, "hang": measureHang, "flood": measureFlood, "backlog": measureBacklog,
		"kill": measureKill,
	}
	for _, phase := range phases {
		if !o.want(phase) {
			continue
		}
		at := time.Now()
		if err := steps[phase](ctx, o, tools, &r); err != nil {
			return fmt.Errorf("%s: %w", phase, err)
		}
		fmt.Printf("%s took %s\n", phase, time.Since(at).Round(time.Second))
	}
	r.Took = time.Since(began).Round(time.Second).String()
	return report(o, r)
}
