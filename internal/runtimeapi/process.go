package runtimeapi

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"os/exec"
	"path/filepath"
	"sync"
	"sync/atomic"
	"time"
)

// process is one execution environment: a running bootstrap with a Runtime API
// of its own, so that nothing of an earlier one can answer for it.
type process struct {
	command *exec.Cmd
	server  *http.Server
	options Options

	pending chan *invocation // handed from invoke to the next /next
	ready   chan struct{}    // closed at the first /next
	ended   chan struct{}    // closed when the process is gone; status is set before
	status  string

	readyOnce sync.Once
	mu        sync.Mutex
	current   *invocation
	initError *InitError
	count     atomic.Int64
}

// errGone says that no invocation was begun.
var errGone = errors.New("the process had ended")

// invocation is one event on its way through the function.
type invocation struct {
	id       string
	payload  []byte
	deadline time.Time
	result   chan result // one result
}

type result struct {
	response []byte
	err      error
}

func startProcess(options Options, logs *Logs) (*process, error) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, fmt.Errorf("runtime API: %w", err)
	}
	p := &process{
		options: options, pending: make(chan *invocation), ready: make(chan struct{}), ended: make(chan struct{}),
	}
	p.server = &http.Server{Handler: p.routes(), ReadHeaderTimeout: time.Minute}
	p.command = exec.Command(options.Bootstrap)
	p.command.Dir = filepath.Dir(options.Bootstrap)
	p.command.Env = environment(options, listener.Addr().String())
	p.command.Stdout, p.command.Stderr = logs.writer(), logs.writer()
	if err := p.command.Start(); err != nil {
		listener.Close()
		return nil, fmt.Errorf("start %s: %w", options.Name, err)
	}
	go func() { _ = p.server.Serve(listener) }() // ends, with ErrServerClosed, after the process
	go func() {
		_ = p.command.Wait() // its state is read next
		p.status = p.command.ProcessState.String()
		close(p.ended)
		_ = p.server.Close()
	}()
	return p, nil
}

// environment is what Lambda sets, then what the test adds: the later one wins.
func environment(options Options, address string) []string {
	return append([]string{
		"AWS_LAMBDA_RUNTIME_API=" + address,
		"AWS_LAMBDA_FUNCTION_NAME=" + options.Name,
		"AWS_LAMBDA_FUNCTION_VERSION=$LATEST",
		"AWS_LAMBDA_FUNCTION_MEMORY_SIZE=128",
		"AWS_LAMBDA_INITIALIZATION_TYPE=on-demand",
		"AWS_LAMBDA_LOG_GROUP_NAME=/aws/lambda/" + options.Name,
		"AWS_REGION=us-east-1",
		"AWS_DEFAULT_REGION=us-east-1",
		"AWS_EXECUTION_ENV=AWS_Lambda_provided.al2023",
		"LAMBDA_TASK_ROOT=" + filepath.Dir(options.Bootstrap),
		"_HANDLER=bootstrap",
		"PATH=/usr/local/bin:/usr/bin:/bin",
		"TZ=:UTC",
	}, options.Env...)
}

func (p *process) kill() {
	_ = p.command.Process.Kill() // it may have ended already
	<-p.ended
}

func (p *process) invoke(ctx context.Context, payload []byte) ([]byte, error) {
	deadline, _ := ctx.Deadline()
	id := fmt.Sprintf("00000000-0000-4000-8000-%012d", p.count.Add(1))
	i := &invocation{id: id, payload: payload, deadline: deadline, result: make(chan result, 1)}
	select {
	case p.pending <- i:
	case <-p.ended:
		end := p.endError()
		if errors.As(end, new(*ExitError)) { // it died of an earlier invocation: another process may take this one
			end = errGone
		}
		return nil, end
	case <-ctx.Done():
		return nil, ctx.Err()
	}
	select {
	case r := <-i.result:
		return r.response, r.err
	case <-p.ended:
		select {
		case r := <-i.result: // given before the end
			return r.response, r.err
		default:
			return nil, p.endError()
		}
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

// endError says why the process is gone: before it ever asked for work that is
// an initialization that failed.
func (p *process) endError() error {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.initError != nil {
		return p.initError
	}
	select {
	case <-p.ready:
		return &ExitError{Status: p.status}
	default:
		return &InitError{Type: "Runtime.ExitError", Message: p.status}
	}
}
