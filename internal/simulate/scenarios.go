package main

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
)

const accounts = 100

// designs are compared in each scenario.
var designs = []design{
	{"neither", false, false, 50, 20},
	{"groups", true, false, 50, 20},
	{"slow lane", false, true, 50, 20},
	{"groups and slow lane", true, true, 50, 20},
	{"the same, MaximumConcurrency 1,000", true, true, 1000, 20},
}

// scenario plans its arrivals; of its accounts the first ones hang.
type scenario struct {
	title, what string
	hanging     int
	arrivals    func(*run, *rand.Rand)
}

var scenarios = []scenario{
	{
		"A burst", "100,000 completions arrive within 10 s, 1,000 for each of 100 accounts. Two accounts' endpoints hang.", 2,
		func(r *run, random *rand.Rand) {
			const burst = 100_000
			for i, n := range random.Perm(burst) {
				r.arrive(n%accounts, float64(i)*10/burst)
			}
		},
	},
	{
		"A steady load", "Ten minutes of 100/s for 98 accounts, and of 10/s for two accounts whose endpoints hang.", 2,
		func(r *run, random *rand.Rand) {
			steady(r, random, 100, 600, func() int { return 2 + random.IntN(accounts-2) })
			steady(r, random, 10, 600, func() int { return random.IntN(2) })
		},
	},
	{
		"A flood", "A minute of 100/s for 99 accounts; the last account has 100,000 completions at once after 10 s. None hangs.", 0,
		func(r *run, random *rand.Rand) {
			steady(r, random, 100, 60, func() int { return random.IntN(accounts - 1) })
			for range 100_000 {
				r.arrive(accounts-1, 10)
			}
		},
	},
}

// steady plans arrivals at random times, rate a second on average.
func steady(r *run, random *rand.Rand, rate, seconds float64, account func() int) {
	for t := random.ExpFloat64() / rate; t < seconds; t += random.ExpFloat64() / rate {
		r.arrive(account(), t)
	}
}

func scenarioTables() string {
	var b strings.Builder
	for _, s := range scenarios {
		fmt.Fprintf(&b, "### %s\n\n%s\n\n", s.title, s.what)
		b.WriteString("| | healthy accounts: p50 / p99 | the worst of them: p99 | all healthy delivered after | the other: p50 / p99 |\n|---|---|---|---|---|\n")
		for _, d := range designs {
			r := newRun(d, accounts, s.hanging)
			s.arrivals(r, rand.New(rand.NewPCG(9, 1))) //nolint:gosec // it has to be the same each time
			r.clock.run()
			fmt.Fprintf(&b, "| %s | %s |\n", d.name, r.row(s))
		}
		b.WriteByte('\n')
	}
	return b.String()
}

// row sums up a run: the accounts that hang, or the one that floods, apart.
func (r *run) row(s scenario) string {
	other, healthy := r.attempts[:s.hanging], r.attempts[s.hanging:]
	if s.hanging == 0 {
		other, healthy = r.attempts[accounts-1:], r.attempts[:accounts-1]
	}
	worst, last := 0.0, 0.0
	for _, account := range healthy {
		_, p99 := percentiles(account)
		worst = max(worst, p99)
		for _, a := range account {
			last = max(last, a.ended)
		}
	}
	p50, p99 := percentiles(slices.Concat(healthy...))
	o50, o99 := percentiles(slices.Concat(other...))
	return fmt.Sprintf("%s / %s | %s | %.0f s | %s / %s", seconds(p50), seconds(p99), seconds(worst), last, seconds(o50), seconds(o99))
}

func percentiles(list []attempt) (p50, p99 float64) {
	took := make([]float64, len(list))
	for i, a := range list {
		took[i] = a.took
	}
	slices.Sort(took)
	return took[len(took)/2], took[len(took)*99/100]
}

func seconds(s float64) string {
	if s < 10 {
		return fmt.Sprintf("%.2f s", s)
	}
	return fmt.Sprintf("%.0f s", s)
}
