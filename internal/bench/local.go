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
	"regexp"
	"strings"
	"syscall"
	"time"
)

// arrivalLimit bounds the wait for what was published.
const arrivalLimit = 2 * time.Minute

// jobhookLocal publishes over the API of a jobhook process of its own and
// waits for the last arrival.
func jobhookLocal(ctx context.Context, o options, binary string) (measure, error) {
	r, err := newReceiver(o.events)
	if err != nil {
		return measure{}, err
	}
	defer func() { _ = r.close() }()
	p, err := start(ctx, binary)
	if err != nil {
		return measure{}, err
	}
	defer p.kill()
	m, err := p.measure(ctx, o, r)
	if err != nil {
		p.kill()
		return measure{}, fmt.Errorf("%w\n%s", err, <-p.output)
	}
	return m, nil
}

func (p *process) measure(ctx context.Context, o options, r *receiver) (measure, error) {
	client := &http.Client{Transport: &http.Transport{MaxIdleConnsPerHost: o.concurrency}}
	defer client.CloseIdleConnections()
	endpoint := fmt.Sprintf(`{"url":%q}`, r.url)
	if _, err := p.post(ctx, client, "endpoints", endpoint); err != nil {
		return measure{}, err
	}
	begin := time.Now()
	sent, err := spread(ctx, o, func(i int) (string, error) {
		return p.post(ctx, client, "events", completion(o, i))
	})
	if err != nil {
		return measure{}, err
	}
	select {
	case <-r.all:
	case <-ctx.Done():
		return measure{}, ctx.Err()
	case <-time.After(arrivalLimit):
		return measure{}, errors.New("not all events arrived")
	}
	took := time.Since(begin)
	m := measure{rate: float64(o.events) / took.Seconds(), memory: p.peakMemory()}
	if m.p50, m.p99, err = r.latencies(sent); err != nil {
		return m, err
	}
	usage, err := p.stop()
	m.cpu = usage.Seconds() * 1000 / float64(o.events)
	if r.doubles > 0 {
		return m, fmt.Errorf("%d events arrived twice", r.doubles)
	}
	return m, err
}

// post returns the message id that the answer has, if any.
func (p *process) post(ctx context.Context, client *http.Client, path, body string) (string, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, p.url+"/v1/accounts/bench/"+path, strings.NewReader(body))
	if err != nil {
		return "", err
	}
	req.Header.Set("Content-Type", "application/json")
	text, err := send(client, req)
	if err != nil {
		return "", err
	}
	var accepted struct {
		MessageID string `json:"message_id"`
	}
	err = json.Unmarshal(text, &accepted)
	return accepted.MessageID, err
}

// process is a running `jobhook local`.
type process struct {
	url    string
	cmd    *exec.Cmd
	dir    string
	output chan string // all of stderr, once it has ended
}

var served = regexp.MustCompile(`serves (http://\S+?),? `)

func start(ctx context.Context, binary string) (*process, error) {
	dir, err := os.MkdirTemp("", "jobhook-bench-data-")
	if err != nil {
		return nil, err
	}
	p := &process{dir: dir, output: make(chan string, 1)}
	p.cmd = exec.CommandContext(ctx, binary, "local", "--listen", "127.0.0.1:0", "--data", dir, "--allow-loopback", "--quiet")
	stderr, err := p.cmd.StderrPipe()
	if err == nil {
		err = p.cmd.Start()
	}
	if err != nil {
		return nil, errors.Join(err, os.RemoveAll(dir))
	}
	lines := bufio.NewScanner(stderr)
	for p.url == "" && lines.Scan() {
		if found := served.FindStringSubmatch(lines.Text()); found != nil {
			p.url = found[1]
		}
	}
	go func() {
		var rest strings.Builder
		for lines.Scan() {
			rest.WriteString(lines.Text() + "\n")
		}
		p.output <- rest.String()
	}()
	if p.url == "" {
		p.kill()
		return nil, errors.New("jobhook local did not start")
	}
	return p, nil
}

// stop ends the process in order and returns its CPU time.
func (p *process) stop() (time.Duration, error) {
	if err := p.cmd.Process.Signal(syscall.SIGTERM); err != nil {
		return 0, err
	}
	err := p.cmd.Wait()
	return p.cmd.ProcessState.UserTime() + p.cmd.ProcessState.SystemTime(), err
}

// kill ends the process, unless it has ended, and removes its data.
func (p *process) kill() {
	_ = p.cmd.Process.Kill()
	_ = p.cmd.Wait()
	_ = os.RemoveAll(p.dir)
}

// peakMemory is the process's peak resident memory in MB, where the system says.
func (p *process) peakMemory() float64 {
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", p.cmd.Process.Pid))
	if err != nil {
		return 0
	}
	_, rest, _ := strings.Cut(string(text), "VmHWM:")
	kb := 0.0
	_, _ = fmt.Sscan(rest, &kb) // 0 where it is not said
	return kb / 1000
}
