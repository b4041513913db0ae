package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"
)

// patience bounds every wait: reached only when something is broken.
const patience = 60 * time.Second

var binary = struct {
	once sync.Once
	dir  string
	path string
	err  error
}{}

func TestMain(m *testing.M) {
	code := m.Run()
	_ = os.RemoveAll(binary.dir)
	os.Exit(code)
}

// command is the real program, built once.
func command(t *testing.T) string {
	t.Helper()
	binary.once.Do(func() {
		if binary.dir, binary.err = os.MkdirTemp("", "jobhook-test-"); binary.err != nil {
			return
		}
		binary.path = filepath.Join(binary.dir, "jobhook")
		out, err := exec.Command("go", "build", "-o", binary.path, ".").CombinedOutput()
		if err != nil {
			binary.err = fmt.Errorf("%w: %s", err, out)
		}
	})
	if binary.err != nil {
		t.Fatal(binary.err)
	}
	return binary.path
}

// process is a running jobhook with all that it said.
type process struct {
	t    *testing.T
	cmd  *exec.Cmd
	url  string
	said *transcript
	done chan struct{}
}

// launch starts the program and does not wait for anything.
func launch(t *testing.T, env []string, args ...string) *process {
	t.Helper()
	p := &process{t: t, cmd: exec.Command(command(t), args...), said: newTranscript(), done: make(chan struct{})}
	p.cmd.Env = append(slicesWithout(os.Environ(), "JOBHOOK_API_KEY="), env...)
	p.cmd.Stdout, p.cmd.Stderr = p.said.writer(), p.said.writer()
	if err := p.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	go func() {
		_ = p.cmd.Wait() // the code is in ProcessState
		close(p.done)
		p.said.end()
	}()
	t.Cleanup(func() { _ = p.cmd.Process.Kill(); <-p.done })
	return p
}

func slicesWithout(list []string, prefix string) (kept []string) {
	for _, text := range list {
		if !strings.HasPrefix(text, prefix) {
			kept = append(kept, text)
		}
	}
	return kept
}

// serve is `jobhook local` on a directory, up and serving.
func serve(t *testing.T, dir string, args ...string) *process {
	t.Helper()
	p := launch(t, nil, append([]string{"local", "--listen", "127.0.0.1:0", "--data", dir, "--allow-loopback"}, args...)...)
	line := p.said.await(t, "jobhook serves ")
	_, rest, _ := strings.Cut(line, "jobhook serves ")
	p.url, _, _ = strings.Cut(rest, ",")
	return p
}

func (p *process) signal(s os.Signal) {
	p.t.Helper()
	if err := p.cmd.Process.Signal(s); err != nil {
		p.t.Fatal(err)
	}
}

// exit waits for the end and returns the code; -1 after a kill.
func (p *process) exit() int {
	p.t.Helper()
	select {
	case <-p.done:
		return p.cmd.ProcessState.ExitCode()
	case <-time.After(patience):
		p.t.Fatalf("it does not end; it said:\n%s", p.said)
		return 0
	}
}

func (p *process) terminate() {
	p.t.Helper()
	p.signal(syscall.SIGTERM)
	if code := p.exit(); code != 0 {
		p.t.Errorf("exit code %d after SIGTERM; it said:\n%s", code, p.said)
	}
}

// call asks the API and decodes the answer; an error is one of the connection.
func (p *process) call(method, path, body string, into any) (int, error) {
	req, err := http.NewRequest(method, p.url+"/v1/accounts/acme"+path, strings.NewReader(body))
	if err != nil {
		return 0, err
	}
	req.Header.Set("Content-Type", "application/json")
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		return 0, err
	}
	defer res.Body.Close()
	raw, err := io.ReadAll(res.Body)
	if err == nil && into != nil && len(raw) > 0 {
		err = json.Unmarshal(raw, into)
	}
	return res.StatusCode, err
}

func (p *process) must(method, path, body string, status int, into any) {
	p.t.Helper()
	if got, err := p.call(method, path, body, into); err != nil || got != status {
		p.t.Fatalf("%s %s: status %d, %v; want %d", method, path, got, err, status)
	}
}

// shownEvent is what the tests read of an event.
type shownEvent struct {
	Deliveries []struct {
		Status   string `json:"status"`
		Attempts []struct {
			Outcome string `json:"outcome"`
		} `json:"attempts"`
	} `json:"deliveries"`
}

// transcript is a program's output, by lines, for tests to wait for.
type transcript struct {
	mu      sync.Mutex
	lines   []string
	ended   bool
	changed chan struct{}
}

func newTranscript() *transcript { return &transcript{changed: make(chan struct{})} }

// writer is one stream of the output: lines of two streams never mix.
func (s *transcript) writer() io.Writer { return &stream{to: s} }

type stream struct {
	to   *transcript
	rest []byte // of a line that has not ended
}

func (s *stream) Write(p []byte) (int, error) {
	s.rest = append(s.rest, p...)
	for {
		line, rest, ended := bytes.Cut(s.rest, []byte("\n"))
		if !ended {
			return len(p), nil
		}
		s.to.add(string(line))
		s.rest = rest
	}
}

func (s *transcript) add(line string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.lines = append(s.lines, line)
	s.tell()
}

func (s *transcript) end() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.ended = true
	s.tell()
}

func (s *transcript) tell() {
	close(s.changed)
	s.changed = make(chan struct{})
}

// await waits for a line that has all of the texts and returns it.
func (s *transcript) await(t *testing.T, texts ...string) string {
	t.Helper()
	late := time.After(patience)
	for {
		line, ended, changed := s.find(texts)
		if line != "" {
			return line
		}
		if ended {
			t.Fatalf("it ended without a line with %q:\n%s", texts, s)
		}
		select {
		case <-changed:
		case <-late:
			t.Fatalf("no line with %q:\n%s", texts, s)
		}
	}
}

func (s *transcript) find(texts []string) (line string, ended bool, changed <-chan struct{}) {
	s.mu.Lock()
	defer s.mu.Unlock()
next:
	for _, l := range s.lines {
		for _, text := range texts {
			if !strings.Contains(l, text) {
				continue next
			}
		}
		return l, s.ended, s.changed
	}
	return "", s.ended, s.changed
}

func (s *transcript) String() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return strings.Join(s.lines, "\n")
}

// invoke runs a command in this process; what it says is its two streams.
func invoke(t *testing.T, args ...string) (code int, stdout, stderr string) {
	t.Helper()
	var out, problems bytes.Buffer
	code = run(t.Context(), args, strings.NewReader(""), &out, &problems)
	return code, out.String(), problems.String()
}
