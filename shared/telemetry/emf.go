package telemetry

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"strconv"
	"sync"
	"time"
)

// Metrics writes JSON lines like slog's handler. One that counts something is a
// document of CloudWatch's Embedded Metric Format too: log and metric in one,
// and no call is made. function, Lambda's name of it, becomes the dimension
// FunctionName, which tells stacks and functions apart in one value.
//
// https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/CloudWatch_Embedded_Metric_Format_Specification.html
func Metrics(w io.Writer, level slog.Leveler, function string) slog.Handler {
	out := &writer{w: w}
	lines := slog.NewJSONHandler(out, &slog.HandlerOptions{Level: level})
	return metrics{lines.WithAttrs([]slog.Attr{slog.String(functionName, function)}), out}
}

type metrics struct {
	slog.Handler
	out *writer
}

// WithAttrs keeps the metrics.
func (m metrics) WithAttrs(attrs []slog.Attr) slog.Handler {
	return metrics{m.Handler.WithAttrs(attrs), m.out}
}

// WithGroup gives the metrics up: their members would be in the group, where
// CloudWatch takes none from.
func (m metrics) WithGroup(name string) slog.Handler {
	return grouped{m.Handler.WithGroup(name), m.out}
}

// Handle writes the line with what it counts.
func (m metrics) Handle(ctx context.Context, r slog.Record) error {
	return m.out.handle(ctx, m.Handler, r, blockOf(r))
}

// grouped has no metrics.
type grouped struct {
	slog.Handler
	out *writer
}

// WithAttrs stays in the group.
func (g grouped) WithAttrs(attrs []slog.Attr) slog.Handler {
	return grouped{g.Handler.WithAttrs(attrs), g.out}
}

// WithGroup goes further down.
func (g grouped) WithGroup(name string) slog.Handler {
	return grouped{g.Handler.WithGroup(name), g.out}
}

// Handle writes the line alone.
func (g grouped) Handle(ctx context.Context, r slog.Record) error {
	return g.out.handle(ctx, g.Handler, r, "")
}

// writer puts a block at the end of a line. The blocks are text made
// beforehand: encoding them anew each time would treble a line's cost.
type writer struct {
	w io.Writer

	mu     sync.Mutex // held while one line is made and written
	block  block
	at     time.Time
	buffer []byte
}

func (w *writer) handle(ctx context.Context, lines slog.Handler, r slog.Record, b block) error {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.block, w.at = b, r.Time
	if err := lines.Handle(ctx, r); err != nil {
		return fmt.Errorf("log %s: %w", r.Message, err)
	}
	return nil
}

// Write is called by the JSON handler with one line, "{...}\n", within handle.
func (w *writer) Write(line []byte) (int, error) {
	out := line
	if w.block != "" {
		w.buffer = append(w.buffer[:0], line[:len(line)-len("}\n")]...)
		w.buffer = append(w.buffer, w.block...)
		w.buffer = strconv.AppendInt(w.buffer, w.at.UnixMilli(), 10)
		w.buffer = append(w.buffer, "}}\n"...)
		out = w.buffer
	}
	if _, err := w.w.Write(out); err != nil {
		return 0, fmt.Errorf("write: %w", err)
	}
	return len(line), nil
}
