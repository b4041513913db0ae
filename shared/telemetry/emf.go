// Package telemetry makes the functions' logger. In Lambda the lines that say
// what happened are CloudWatch metrics as well.
package telemetry

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"os"
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
	return metrics{lines.WithAttrs([]slog.Attr{slog.String(functionName, function)}), out, false}
}

type metrics struct {
	slog.Handler
	out     *writer
	grouped bool // no line counts anything
}

// WithAttrs keeps the metrics.
func (m metrics) WithAttrs(attrs []slog.Attr) slog.Handler {
	return metrics{m.Handler.WithAttrs(attrs), m.out, m.grouped}
}

// WithGroup gives the metrics up: their members would be in the group, where
// CloudWatch takes none from.
func (m metrics) WithGroup(name string) slog.Handler {
	return metrics{m.Handler.WithGroup(name), m.out, true}
}

// Handle writes the line with what it counts.
func (m metrics) Handle(ctx context.Context, r slog.Record) error {
	m.out.mu.Lock()
	defer m.out.mu.Unlock()
	m.out.block, m.out.at = "", r.Time
	if !m.grouped {
		m.out.block = blockOf(r)
	}
	if err := m.Handler.Handle(ctx, r); err != nil {
		return fmt.Errorf("log %s: %w", r.Message, err)
	}
	return nil
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

// Write is called by the JSON handler with one line, "{...}\n", within Handle.
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

// Logger writes one JSON object a line, as CloudWatch Logs Insights reads it.
// Inside Lambda, which names the function in AWS_LAMBDA_FUNCTION_NAME, it adds
// the metrics of docs/operations.md to the lines that carry them.
func Logger(w io.Writer, level slog.Level, function string) *slog.Logger {
	var h slog.Handler = slog.NewJSONHandler(w, &slog.HandlerOptions{Level: level})
	if name := os.Getenv("AWS_LAMBDA_FUNCTION_NAME"); name != "" {
		h = Metrics(w, level, name)
	}
	return slog.New(h).With(slog.String("function", function))
}
