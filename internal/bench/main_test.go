package main

import (
	"os"
	"strings"
	"testing"
	"time"

	"github.com/jobhook/jobhook/internal/marked"
)

func TestThePageHasTheSavedResult(t *testing.T) {
	saved, err := load("../../docs/performance.json")
	if err != nil || saved == nil {
		t.Fatal("no saved result", err)
	}
	page, err := os.ReadFile("../../docs/performance.md")
	if err != nil {
		t.Fatal(err)
	}
	part, err := marked.Part(string(page), "bench")
	if err != nil {
		t.Fatal(err)
	}
	if part != saved.table() {
		t.Error("docs/performance.md does not show docs/performance.json: `make bench ARGS=-save` writes both")
	}
}

func TestWorseRatiosAreMarked(t *testing.T) {
	last := result{Ratios: map[string]float64{"rate / relay": 0.8, "CPU / relay": 1.5}}
	tests := []struct {
		name      string
		rate, cpu float64
		worse     int
	}{
		{"the same", 0.8, 1.5, 0},
		{"better", 1, 1, 0},
		{"worse by less than a tenth", 0.73, 1.64, 0},
		{"a lower rate", 0.7, 1.5, 1},
		{"more CPU", 0.8, 1.7, 1},
		{"both", 0.1, 9, 2},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			now := result{Ratios: map[string]float64{"rate / relay": tt.rate, "CPU / relay": tt.cpu}}
			text := now.against(&last)
			if got := strings.Count(text, "WORSE"); got != tt.worse {
				t.Errorf("%d ratios are marked worse, want %d:\n%s", got, tt.worse, text)
			}
		})
	}
}

func TestWhatHasNotArrivedCounts(t *testing.T) {
	e := &endpoint{}
	for i := range 98 {
		e.latencies = append(e.latencies, time.Duration(i)*time.Millisecond)
	}
	if p50, p99 := e.percentiles(2, lateLimit); p50 != 50*time.Millisecond || p99 != lateLimit {
		t.Errorf("p50 %s, p99 %s; want 50ms, %s", p50, p99, lateLimit)
	}
}

func TestOptions(t *testing.T) {
	tests := []struct {
		name, args, fault string
	}{
		{"none", "", ""},
		{"two phases", "-only rate,hang", ""},
		{"no such phase", "-only rates", "there is no such phase"},
		{"a part is not kept", "-save -only rate", "-save keeps whole runs only"},
		{"nor a quick run", "-save -quick", "-save keeps whole runs only"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			_, err := parse(strings.Fields(tt.args))
			if tt.fault == "" && err != nil || tt.fault != "" && (err == nil || !strings.Contains(err.Error(), tt.fault)) {
				t.Errorf("error %v, want %q", err, tt.fault)
			}
		})
	}
}
