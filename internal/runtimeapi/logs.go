package runtimeapi

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"slices"
	"strings"
	"sync"
)

// Logs are the lines that a function has written. Reading while they come is safe.
type Logs struct {
	mu      sync.Mutex
	lines   []string
	changed chan struct{} // closed and replaced at every new line
}

func newLogs() *Logs { return &Logs{changed: make(chan struct{})} }

// Lines returns all lines so far, stdout and stderr as they came.
func (l *Logs) Lines() []string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return slices.Clone(l.lines)
}

// String joins the lines.
func (l *Logs) String() string { return strings.Join(l.Lines(), "\n") }

// Await returns the first line, past or coming, that contains text. Without one
// before ctx ends, the error carries what there was instead.
func (l *Logs) Await(ctx context.Context, text string) (string, error) {
	for from := 0; ; {
		l.mu.Lock()
		lines, changed := l.lines[from:], l.changed
		from = len(l.lines)
		l.mu.Unlock()
		for _, line := range lines {
			if strings.Contains(line, text) {
				return line, nil
			}
		}
		select {
		case <-changed:
		case <-ctx.Done():
			return "", fmt.Errorf("no line with %q: %w; the log:\n%s", text, ctx.Err(), l)
		}
	}
}

func (l *Logs) add(line string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.lines = append(l.lines, line)
	close(l.changed)
	l.changed = make(chan struct{})
}

// writer returns one that splits what it gets into lines; stdout and stderr need
// one each. What a dying process leaves without a line end is not kept.
func (l *Logs) writer() io.Writer { return &lineWriter{logs: l} }

type lineWriter struct {
	logs *Logs
	rest []byte
}

func (w *lineWriter) Write(b []byte) (int, error) {
	w.rest = append(w.rest, b...)
	for {
		line, rest, found := bytes.Cut(w.rest, []byte{'\n'})
		if !found {
			return len(b), nil
		}
		w.logs.add(string(line))
		w.rest = rest
	}
}
