package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"strings"

	"github.com/jobhook/jobhook/internal/marked"
)

// result is a whole run; of a phase that was left out nothing is in it.
type result struct {
	Date    string             `json:"date"`
	Of      string             `json:"jobhook"` // its commit, or the binary that was named
	Took    string             `json:"took"`
	Quick   bool               `json:"quick,omitempty"`
	Machine machine            `json:"machine"`
	Bare    *figures           `json:"bare_loop,omitempty"`
	Relay   *figures           `json:"relay,omitempty"`
	Local   *figures           `json:"jobhook_local,omitempty"`
	Slow    float64            `json:"endpoint_of_200_ms_per_s,omitempty"`
	Hang    *pairs             `json:"neighbour_hangs,omitempty"`
	Flood   *pairs             `json:"neighbour_floods,omitempty"`
	Backlog *backlog           `json:"backlog,omitempty"`
	Kill    *kills             `json:"kill,omitempty"`
	Ratios  map[string]float64 `json:"ratios"`
}

// ratio is a figure that two runs can be compared by, and the goal of issue 9,
// if it has one.
type ratio struct {
	name   string
	higher bool // is better
	goal   string
}

var ratios = []ratio{
	{"rate / relay", true, "at least 0.70 (aim: 0.80)"},
	{"CPU / relay", false, "at most 2.0 (aim: 1.5)"},
	{"rate / bare loop", true, ""},
	{"CPU / bare loop", false, ""},
	{"p50 at 50/s / relay", false, ""},
	{"rate at 200 ms / rate", true, ""},
	{"p99 beside one that hangs / alone", false, "at most 1.2 + the spread"},
	{"p99 beside one that floods / alone", false, ""},
	{"memory, backlog / 1,000 waiting", false, "at most 1.5"},
	{"CPU, backlog / 1,000 waiting", false, "at most 1.1"},
}

// report prints the result and what has changed since the saved one, which it
// replaces when asked to.
func report(o options, r result) error {
	last, err := load(o.saved)
	if err != nil {
		return err
	}
	fmt.Printf("\n%s\n%s", r.table(), r.against(last))
	text, err := json.MarshalIndent(r, "", "  ")
	if err != nil {
		return fmt.Errorf("write the result: %w", err)
	}
	if !o.save {
		fmt.Printf("\n%s\n", text)
		return nil
	}
	if err := os.WriteFile(o.saved, append(text, '\n'), 0o644); err != nil {
		return fmt.Errorf("save the result: %w", err)
	}
	return marked.Write(o.page, "bench", r.table())
}

// load returns the saved result, or nil when there is none.
func load(path string) (*result, error) {
	text, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("read the last result: %w", err)
	}
	var r result
	if err := json.Unmarshal(text, &r); err != nil {
		return nil, fmt.Errorf("read the last result, %s: %w", path, err)
	}
	return &r, nil
}

// against compares the ratios of two runs, not their figures: those depend on
// the machine and on what else it does.
func (r result) against(last *result) string {
	if last == nil {
		return "No saved result to compare with.\n"
	}
	var b strings.Builder
	fmt.Fprintf(&b, "Ratios, beside those of %s:\n", last.Date)
	for _, x := range ratios {
		now, measured := r.Ratios[x.name]
		then, known := last.Ratios[x.name]
		if !measured || !known || then == 0 {
			continue
		}
		change, note := now/then-1, ""
		if x.higher && change < -0.1 || !x.higher && change > 0.1 {
			note = "  WORSE"
		}
		fmt.Fprintf(&b, "  %-36s %8.2f, was %8.2f (%+.0f %%)%s\n", x.name, now, then, change*100, note)
	}
	return b.String()
}

// table is the result as docs/performance.md shows it.
func (r result) table() string {
	var b strings.Builder
	fmt.Fprintf(&b, "\n%s, jobhook of %s; %s; the run took %s.\n", r.Date, r.Of, r.Machine, r.Took)
	if r.Local != nil {
		b.WriteString("\n| | deliveries/s | CPU-s per 1,000 | p50 / p99 at 50/s | peak memory |\n|---|---|---|---|---|\n")
		for _, row := range []struct {
			name string
			*figures
		}{{"bare loop", r.Bare}, {"relay", r.Relay}, {"jobhook local", r.Local}} {
			memory := ""
			if row.Memory > 0 {
				memory = fmt.Sprintf("%.0f MB", row.Memory)
			}
			fmt.Fprintf(&b, "| %s | %s | %.3f | %.2f / %.2f ms | %s |\n", row.name, marked.Thousands(int(row.Rate)), row.CPU, row.P50, row.P99, memory)
		}
	}
	b.WriteString("\n| jobhook local | |\n|---|---|\n")
	if r.Slow > 0 {
		fmt.Fprintf(&b, "| an endpoint that answers after 200 ms | %s/s (goal: 3,000) |\n", marked.Thousands(int(r.Slow)))
	}
	if r.Hang != nil {
		fmt.Fprintf(&b, "| p99 at 50/s beside an account that hangs | %s; at most %.2f is no difference |\n", r.Hang, r.Hang.Limit())
	}
	if r.Flood != nil {
		fmt.Fprintf(&b, "| p99 at 50/s beside an account that floods | %s |\n", r.Flood)
	}
	if x := r.Backlog; x != nil {
		fmt.Fprintf(&b, "| 1,000 events waiting | %.0f MB, %.3f CPU-s per 1,000 to deliver |\n", x.Few.RSS, x.Few.CPU)
		fmt.Fprintf(&b, "| %s events waiting | %.0f MB, %.3f CPU-s per 1,000 to deliver |\n", marked.Thousands(x.Events), x.Many.RSS, x.Many.CPU)
	}
	if r.Kill != nil {
		fmt.Fprintf(&b, "| `kill -9` under load | %s |\n", r.Kill)
	}
	b.WriteString("\n| ratio | | goal |\n|---|---|---|\n")
	for _, x := range ratios {
		if now, measured := r.Ratios[x.name]; measured {
			fmt.Fprintf(&b, "| %s | %.2f | %s |\n", x.name, now, x.goal)
		}
	}
	return b.String() + "\n"
}

func (p pairs) String() string {
	s := fmt.Sprintf("%.1f ms, alone %.1f ms: %.2f × as long", p.Beside, p.Alone, p.Ratio)
	if p.Missing > 0 {
		s += fmt.Sprintf(", and %d events had not arrived after %s", p.Missing, lateLimit)
	}
	return s
}
