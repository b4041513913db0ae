package main

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"syscall"
	"time"
)

// process is a running relay or `jobhook local`.
type process struct {
	url    string
	cmd    *exec.Cmd
	dir    string // removed with the process
	client *http.Client
	log    chan string // the end of stderr, once the process has ended
}

var serves = regexp.MustCompile(`serves (http://\S+?),? `)

// launch starts a program that says on stderr where it serves.
func launch(ctx context.Context, o options, program string, args ...string) (*process, error) {
	p := &process{client: newClient(o.concurrency), log: make(chan string, 1)}
	p.cmd = exec.CommandContext(ctx, program, args...)
	p.cmd.Env = append(os.Environ(), "BENCH_PROFILE="+o.profile)
	stderr, err := p.cmd.StderrPipe()
	if err == nil {
		err = p.cmd.Start()
	}
	if err != nil {
		return nil, fmt.Errorf("start %s: %w", args[0], err)
	}
	lines := bufio.NewScanner(stderr)
	var last string
	for p.url == "" && lines.Scan() {
		last = lines.Text()
		if found := serves.FindStringSubmatch(last + " "); found != nil {
			p.url = found[1]
		}
	}
	go func() {
		for lines.Scan() {
			last = lines.Text()
		}
		p.log <- last
	}()
	if p.url == "" {
		p.kill()
		return nil, fmt.Errorf("%s did not start: %s", args[0], <-p.log)
	}
	return p, nil
}

// relay starts a relay to one endpoint.
func (g *programs) relay(ctx context.Context, o options, to *endpoint) (*process, error) {
	return launch(ctx, o, g.self, "relay", "-url", to.url, "-concurrency", strconv.Itoa(o.concurrency))
}

// local starts `jobhook local` on an empty data directory, at its default log level.
func (g *programs) local(ctx context.Context, o options, flags ...string) (*process, error) {
	dir, err := os.MkdirTemp(o.data, "bench-")
	if err != nil {
		return nil, fmt.Errorf("make a data directory: %w", err)
	}
	p, err := g.serve(ctx, o, dir, flags...)
	if err != nil {
		return nil, errors.Join(err, os.RemoveAll(dir))
	}
	p.dir = dir
	return p, nil
}

// serve starts `jobhook local` on a directory that outlives it.
func (g *programs) serve(ctx context.Context, o options, dir string, flags ...string) (*process, error) {
	return launch(ctx, o, g.jobhook, append([]string{"local", "--listen", "127.0.0.1:0", "--data", dir, "--allow-loopback"}, flags...)...)
}

// kill ends the process and removes its data.
func (p *process) kill() {
	_ = p.cmd.Process.Kill()
	_ = p.cmd.Wait()
	p.client.CloseIdleConnections()
	if p.dir != "" {
		_ = os.RemoveAll(p.dir)
	}
}

// call makes a request of the API, reads the answer into it, and takes any 2xx.
func (p *process) call(ctx context.Context, method, path, body string, into any) error {
	req, err := http.NewRequestWithContext(ctx, method, p.url+"/v1/accounts/"+path, strings.NewReader(body))
	if err != nil {
		return fmt.Errorf("make a request: %w", err)
	}
	req.Header.Set("Content-Type", "application/json")
	answer, err := send(p.client, req)
	if err != nil || into == nil {
		return err
	}
	return json.Unmarshal(answer, into)
}

// publish returns a call that publishes an event of account.
func (p *process) publish(o options, account, prefix string) func(context.Context, int) error {
	return func(ctx context.Context, i int) error {
		return p.call(ctx, http.MethodPost, account+"/events", completion(o.size, fmt.Sprintf("%s-%d", prefix, i)), nil)
	}
}

// register makes an endpoint of account and returns its id.
func (p *process) register(ctx context.Context, account string, e *endpoint) (id string, err error) {
	var made struct{ ID string }
	body := fmt.Sprintf(`{"url":%q,"secret":%q}`, e.url, benchSecret)
	err = p.call(ctx, http.MethodPost, account+"/endpoints", body, &made)
	return made.ID, err
}

// delivered counts the deliveries that an endpoint's log has as delivered.
func (p *process) delivered(ctx context.Context, account, id string) (count int, err error) {
	for cursor := ""; ; {
		var page struct {
			Data []struct{ Status string }
			Next string `json:"next_cursor"`
		}
		path := account + "/endpoints/" + id + "/deliveries?status=delivered&limit=100"
		if cursor != "" {
			path += "&cursor=" + cursor
		}
		if err := p.call(ctx, http.MethodGet, path, "", &page); err != nil {
			return count, err
		}
		count += len(page.Data)
		if cursor = page.Next; cursor == "" {
			return count, nil
		}
	}
}

// cpu is the CPU time of the process so far: of its threads, in nanoseconds.
// Go ends no thread of these programs, so none is missing.
func (p *process) cpu() (time.Duration, error) {
	files, err := filepath.Glob(fmt.Sprintf("/proc/%d/task/*/schedstat", p.cmd.Process.Pid))
	if err == nil && len(files) == 0 {
		err = errors.New("the process has ended")
	}
	var sum time.Duration
	for _, file := range files {
		text, readErr := os.ReadFile(file)
		var ns time.Duration
		_, scanErr := fmt.Sscan(string(text), &ns)
		err = errors.Join(err, readErr, scanErr)
		sum += ns
	}
	return sum, err
}

// memory is a line of the process's status (VmRSS, VmHWM) in MB.
func (p *process) memory(line string) (float64, error) {
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", p.cmd.Process.Pid))
	if err != nil {
		return 0, fmt.Errorf("read the process's memory: %w", err)
	}
	_, rest, _ := strings.Cut(string(text), line+":")
	kb := 0.0
	_, err = fmt.Sscan(rest, &kb)
	return kb / 1000, err
}

// signal is for the profile's begin and end.
func (p *process) signal(s syscall.Signal) error {
	return p.cmd.Process.Signal(s)
}
