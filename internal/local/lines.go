package local

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"strings"
	"sync"
	"time"
)

// Lines is a slog.Handler for people: one readable line for each delivery
// that moved, and for whatever else happened.
type Lines struct {
	w     io.Writer
	mu    *sync.Mutex
	level slog.Level
	now   func() time.Time
}

// NewLines writes to w what is at least of that level.
func NewLines(w io.Writer, level slog.Level, now func() time.Time) *Lines {
	return &Lines{w: w, mu: &sync.Mutex{}, level: level, now: now}
}

// Enabled says whether a record of this level is written.
func (l *Lines) Enabled(_ context.Context, level slog.Level) bool { return level >= l.level }

// WithAttrs leaves them out: a line shows what a person needs.
func (l *Lines) WithAttrs([]slog.Attr) slog.Handler { return l }

// WithGroup changes nothing, as WithAttrs.
func (l *Lines) WithGroup(string) slog.Handler { return l }

// Handle writes one line.
func (l *Lines) Handle(_ context.Context, r slog.Record) error {
	f := make(map[string]slog.Value, r.NumAttrs())
	var rest []string
	r.Attrs(func(a slog.Attr) bool {
		f[a.Key] = a.Value
		rest = append(rest, a.Key+"="+a.Value.String())
		return true
	})
	text := r.Message + " " + strings.Join(rest, " ")
	switch {
	case r.Message == "delivery.attempted":
		text = attemptLine(f, l.now())
	case strings.HasPrefix(r.Message, "delivery.") && f["delivery_id"].String() != "":
		text = fmt.Sprintf("%-10s %s to %s  %s", f["status"], f["event_type"], f["host"], f["delivery_id"])
	case r.Message == "completion.rejected":
		text = fmt.Sprintf("%-10s a completion was set aside: %s  (see /v1/rejected)", "rejected", f["reason"])
	case r.Message == "endpoint.disabled":
		text = fmt.Sprintf("%-10s endpoint %s answered 410 Gone", "disabled", f["endpoint_id"])
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	_, err := fmt.Fprintf(l.w, "%s  %s\n", r.Time.Format("15:04:05"), text)
	return err
}

func attemptLine(f map[string]slog.Value, now time.Time) string {
	answer := f["reason"].String()
	if code := f["status_code"].Int64(); code != 0 {
		answer = fmt.Sprintf("%d", code)
	}
	line := fmt.Sprintf("%-10s %s to %s  attempt %d: %s in %d ms", f["status"], f["event_type"], f["host"],
		f["attempt"].Int64(), answer, f["duration_ms"].Int64())
	if next, ok := f["next_attempt_at"]; ok {
		line += fmt.Sprintf(", again in %s", next.Time().Sub(now).Round(100*time.Millisecond))
	}
	return line + "  " + f["delivery_id"].String()
}
