// Package runtimeapi runs a function's real `bootstrap` binary as AWS Lambda
// does: it serves the Lambda Runtime API on loopback, hands the binary one
// invocation at a time, and starts it afresh after it died. What it leaves out:
// extensions, response streaming, freezing between invocations, the memory
// limit (measure with PeakRSS).
//
// The API: https://docs.aws.amazon.com/lambda/latest/dg/runtimes-api.html
package runtimeapi

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"testing"
	"time"
)

// defaultTimeout is an invocation's when Options has none.
const defaultTimeout = 30 * time.Second

// Options says what to run.
type Options struct {
	// Bootstrap is the path of the binary, as Build returns it.
	Bootstrap string
	// Env is added, as "KEY=value", to what Lambda itself sets. Nothing else is
	// passed on: not the environment of the test.
	Env []string
	// Name is the function's; "function" when empty.
	Name string
	// Timeout is one invocation's limit, after which the process is killed.
	Timeout time.Duration
}

// Function is a function with at most one execution environment. It is safe for
// concurrent use; concurrent invocations take turns.
type Function struct {
	options Options
	turn    chan struct{} // holds a token while nobody invokes
	logs    *Logs

	mu      sync.Mutex
	process *process // nil before the first start
	starts  int
	closed  bool
}

// New makes a function that the end of the test kills. Its process starts with
// the first invocation, or by Start.
func New(tb testing.TB, options Options) *Function {
	tb.Helper()
	if options.Name == "" {
		options.Name = "function"
	}
	if options.Timeout == 0 {
		options.Timeout = defaultTimeout
	}
	f := &Function{options: options, turn: make(chan struct{}, 1), logs: newLogs()}
	f.turn <- struct{}{}
	tb.Cleanup(func() {
		f.Close()
		if tb.Failed() {
			tb.Logf("log of %s:\n%s", options.Name, f.logs)
		}
	})
	return f
}

// Invoke hands the function one event and returns its answer. A dead process is
// started first, as Lambda's cold start does. The error is a *FunctionError when
// the handler returned one or panicked, an *InitError when the process ended or
// gave up before it asked for work, an *ExitError when it died at this
// invocation, context.DeadlineExceeded (wrapped) when it took too long: then the
// process is killed, as Lambda's is.
func (f *Function) Invoke(ctx context.Context, payload []byte) ([]byte, error) {
	select {
	case <-f.turn:
		defer func() { f.turn <- struct{}{} }()
	case <-ctx.Done():
		return nil, fmt.Errorf("wait for a turn of %s: %w", f.options.Name, ctx.Err())
	}
	ctx, cancel := context.WithTimeout(ctx, f.options.Timeout)
	defer cancel()
	for {
		p, err := f.running()
		if err != nil {
			return nil, err
		}
		response, err := p.invoke(ctx, payload)
		switch {
		case err == nil:
			return response, nil
		case errors.Is(err, errGone): // it was still dying of the one before
			continue
		case errors.Is(err, context.DeadlineExceeded):
			p.kill()
		}
		return nil, fmt.Errorf("invoke %s: %w", f.options.Name, err)
	}
}

// Start starts the process unless it runs, and waits until it asks for work or
// ctx ends. The error is an *InitError when it ended or gave up instead.
func (f *Function) Start(ctx context.Context) error {
	p, err := f.running()
	if err != nil {
		return err
	}
	select {
	case <-p.ready:
		return nil
	case <-p.ended:
		return p.endError()
	case <-ctx.Done():
		return fmt.Errorf("wait for %s: %w", f.options.Name, ctx.Err())
	}
}

// Crash sends SIGKILL to the process and waits for its end: in the middle of an
// invocation when there is one. The next invocation starts another.
func (f *Function) Crash() {
	f.mu.Lock()
	p := f.process
	f.mu.Unlock()
	if p != nil {
		p.kill()
	}
}

// Close kills the process for good.
func (f *Function) Close() {
	f.mu.Lock()
	f.closed = true
	f.mu.Unlock()
	f.Crash()
}

// Starts returns how many processes there have been: the cold starts.
func (f *Function) Starts() int {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.starts
}

// Logs returns what all its processes have written to stdout and stderr.
func (f *Function) Logs() *Logs { return f.logs }

// PeakRSS returns the most memory, in bytes, that the running process has held.
// Linux only. It counts what Lambda's memory size must cover, less the runtime's
// own few megabytes.
func (f *Function) PeakRSS() (int64, error) {
	f.mu.Lock()
	p := f.process
	f.mu.Unlock()
	if p == nil {
		return 0, errors.New("peak memory: the function has not started")
	}
	return peakRSS(p.command.Process.Pid)
}

// running returns the process, started anew when there is none alive.
func (f *Function) running() (*process, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.closed {
		return nil, fmt.Errorf("%s is closed", f.options.Name)
	}
	if f.process != nil {
		select {
		case <-f.process.ended:
		default:
			return f.process, nil
		}
	}
	p, err := startProcess(f.options, f.logs)
	if err != nil {
		return nil, err
	}
	f.process = p
	f.starts++
	return p, nil
}
