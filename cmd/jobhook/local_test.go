package main

import (
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"
)

const aJob = `{"id":"j1","status":"success","type":"t"}`

func TestCalledWrongly(t *testing.T) {
	full := t.TempDir()
	if err := os.WriteFile(filepath.Join(full, "mine"), nil, 0o600); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		args string
		says []string
	}{
		{"", []string{"Usage: jobhook COMMAND"}},
		{"serve", []string{`there is no command "serve"`, "Usage: jobhook COMMAND"}},
		{"local --schedule nonsense", []string{`jobhook local: --schedule: "nonsense" is not a delay`, `like "1m,5m,15m"`, "--help lists the flags"}},
		{"local --schedule 1m,-1s", []string{`"-1s" is negative`}},
		{"local --schedule 200h", []string{"too long"}},
		{"local --nonsense", []string{"jobhook local: ", "-nonsense", "--help lists the flags"}},
		{"local --listen", []string{"needs an argument"}},
		{"local --schedule " + strings.Repeat("1s,", 40) + "1s", []string{"--schedule has 41 delays; the maximum is 30"}},
		{"local --send-timeout soon", []string{"send-timeout", `write a duration like "10s"`}},
		{"local --send-timeout 1h", []string{"--send-timeout is 1h0m0s; it must be from 10ms to 30s"}},
		{"local --callback-profile x", []string{"--callback-profile: "}},
		{"local stray", []string{`unexpected argument "stray"`}},
		{"local --listen 0.0.0.0:8787", []string{"can be reached from other machines", "set JOBHOOK_API_KEY", "127.0.0.1"}},
		{"local --listen :8787", []string{"set JOBHOOK_API_KEY"}},
		{"local --listen 127.0.0.1:99999", []string{"port"}},
		{"local --data=", []string{"--data is empty"}},
		{"demo --listen 0.0.0.0:8787", []string{"jobhook demo: ", "set JOBHOOK_API_KEY"}},
		{"demo stray", []string{"jobhook demo: unexpected argument"}},
		{"demo --data " + full, []string{"is not empty", "name a new directory"}},
	} {
		t.Run(c.args, func(t *testing.T) {
			t.Setenv("JOBHOOK_API_KEY", "")
			code, stdout, stderr := invoke(t, strings.Fields(c.args)...)
			if code != exitUsage || stdout != "" {
				t.Errorf("exit code %d, on stdout %q", code, stdout)
			}
			for _, want := range c.says {
				if !strings.Contains(stderr, want) {
					t.Errorf("does not say %q:\n%s", want, stderr)
				}
			}
		})
	}
}

func TestAShortKeyIsRefused(t *testing.T) {
	for _, name := range []string{"ENDPOINTS_TABLE", "DELIVERIES_TABLE", "COMPLETIONS_QUEUE_URL", "SIGNING_SECRET_ID", "SEALING_KEY_ID"} {
		t.Setenv(name, "x")
	}
	t.Setenv("JOBHOOK_API_KEY", "23-bytes-are-not-enough")
	const want = "JOBHOOK_API_KEY has 23 bytes; the minimum is 24: choose a longer one, like the output of openssl rand -hex 16\n"
	for command, exit := range map[string]int{"local": exitUsage, "demo": exitUsage, "api": exitFailed} {
		t.Run(command, func(t *testing.T) {
			code, stdout, stderr := invoke(t, command, "--listen", "127.0.0.1:0")
			if code != exit || stdout != "" || !strings.HasPrefix(stderr, "jobhook "+command+": "+want) {
				t.Errorf("exit code %d, want %d; on stdout %q, on stderr %q", code, exit, stdout, stderr)
			}
		})
	}
}

func TestHelpIsNoFault(t *testing.T) {
	for args, says := range map[string]string{
		"help": "Usage: jobhook COMMAND", "--help": "Usage: jobhook COMMAND", "-h": "Usage: jobhook COMMAND",
		"local --help": "Usage: jobhook local [flags]", "local -h": "--schedule LIST", "demo --help": "Usage: jobhook demo", "version": "jobhook ",
	} {
		t.Run(args, func(t *testing.T) {
			code, stdout, stderr := invoke(t, strings.Fields(args)...)
			if code != 0 || stderr != "" || !strings.Contains(stdout, says) {
				t.Errorf("exit code %d, stdout %q, stderr %q", code, stdout, stderr)
			}
		})
	}
}

// The help names every flag that there is.
func TestHelpIsWhole(t *testing.T) {
	_, help, _ := invoke(t, "local", "--help")
	for _, flag := range []string{"listen", "data", "schedule", "allow-loopback", "send-timeout", "retention", "callback-profile", "user-agent", "antinium-header", "json", "quiet"} {
		if !strings.Contains(help, "  --"+flag) {
			t.Errorf("nothing about --%s", flag)
		}
	}
}

func TestCannotStart(t *testing.T) {
	taken, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer taken.Close()
	code, _, stderr := invoke(t, "local", "--data", t.TempDir(), "--listen", taken.Addr().String())
	want := "jobhook local: " + taken.Addr().String() + " is taken by another program: choose another address with --listen\n"
	if code != exitFailed || stderr != want {
		t.Errorf("exit code %d: %s", code, stderr)
	}
}

func TestASecondRunnerStopsAndTheFirstGoesOn(t *testing.T) {
	dir := t.TempDir()
	first := serve(t, dir)
	second := launch(t, nil, "local", "--listen", "127.0.0.1:0", "--data", dir)
	second.said.await(t, "another jobhook is running on "+dir)
	if code := second.exit(); code != exitFailed {
		t.Errorf("exit code %d", code)
	}
	first.must("GET", "/endpoints", "", 200, nil)
	first.terminate()
}

// gate is a receiver that answers when it is told to.
type gate struct {
	*httptest.Server
	came   chan string // the webhook-id of each POST
	answer chan int
	over   chan struct{}
}

func newGate(t *testing.T) *gate {
	g := &gate{came: make(chan string, 100), answer: make(chan int, 100), over: make(chan struct{})}
	g.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		_, _ = io.Copy(io.Discard, r.Body)
		g.came <- r.Header.Get("webhook-id")
		select {
		case status := <-g.answer:
			w.WriteHeader(status)
		case <-g.over:
		}
	}))
	t.Cleanup(func() { close(g.over); g.Close() })
	return g
}

func (g *gate) next(t *testing.T) string {
	t.Helper()
	select {
	case id := <-g.came:
		return id
	case <-time.After(patience):
		t.Fatal("nothing came")
		return ""
	}
}

func TestSIGTERMDrains(t *testing.T) {
	dir, g := t.TempDir(), newGate(t)
	p := serve(t, dir)
	p.must("POST", "/endpoints", `{"url":"`+g.URL+`"}`, 201, nil)
	p.must("POST", "/events", aJob, 202, nil)
	g.next(t)
	p.signal(syscall.SIGTERM)
	p.said.await(t, "waiting for the attempts under way")
	g.answer <- 200
	if code := p.exit(); code != 0 {
		t.Errorf("exit code %d:\n%s", code, p.said)
	}
	p.said.await(t, "delivered", "attempt 1: 200")
	p = serve(t, dir)
	var e shownEvent
	p.must("GET", "/events/t.success%2Fj1%2Fsuccess", "", 200, &e)
	if len(e.Deliveries) != 1 || e.Deliveries[0].Status != "delivered" || len(e.Deliveries[0].Attempts) != 1 {
		t.Errorf("event %+v", e)
	}
	p.terminate()
	if len(g.came) != 0 {
		t.Error("it was posted again")
	}
}

// A second signal ends it at once; the attempt is made again at the next start.
func TestASecondSignalEndsItAtOnce(t *testing.T) {
	dir, g := t.TempDir(), newGate(t)
	p := serve(t, dir)
	p.must("POST", "/endpoints", `{"url":"`+g.URL+`"}`, 201, nil)
	p.must("POST", "/events", aJob, 202, nil)
	first := g.next(t)
	p.signal(os.Interrupt)
	p.said.await(t, "Ctrl-C again ends it at once")
	p.signal(os.Interrupt)
	if code := p.exit(); code != -1 {
		t.Errorf("exit code %d", code)
	}
	p = serve(t, dir)
	if again := g.next(t); again != first {
		t.Errorf("webhook-id %s, then %s", first, again)
	}
	g.answer <- 200
	g.answer <- 200
	p.said.await(t, "delivered", "attempt 1: 200")
	p.terminate()
}

func TestADueRetryResumes(t *testing.T) {
	dir, g := t.TempDir(), newGate(t)
	p := serve(t, dir, "--schedule", "1s")
	p.must("POST", "/endpoints", `{"url":"`+g.URL+`"}`, 201, nil)
	p.must("POST", "/events", aJob, 202, nil)
	g.answer <- 500
	first := g.next(t)
	p.said.await(t, "retrying", "attempt 1: 500", "again in")
	p.signal(os.Kill)
	p.exit()
	p = serve(t, dir, "--schedule", "1s")
	g.answer <- 200
	if second := g.next(t); second != first {
		t.Errorf("webhook-id %s, then %s", first, second)
	}
	p.said.await(t, "delivered", "attempt 2: 200")
	p.terminate()
}

func TestJSONLines(t *testing.T) {
	dir, g := t.TempDir(), newGate(t)
	p := serve(t, dir, "--json")
	p.must("POST", "/endpoints", `{"url":"`+g.URL+`"}`, 201, nil)
	p.must("POST", "/events", aJob, 202, nil)
	g.answer <- 204
	p.said.await(t, `"msg":"delivery.attempted"`, `"status":"delivered"`, `"status_code":204`)
	p.terminate()
}

// The demo as `make run` starts it, to the flaky endpoint's recovery.
func TestTheDemo(t *testing.T) {
	scratch := t.TempDir()
	p := launch(t, []string{"TMPDIR=" + scratch}, "demo", "--listen", "127.0.0.1:0", "--schedule", "50ms,50ms,50ms")
	for _, texts := range [][]string{
		{"receiver /sharpapi: sharpapi signature verified"},
		{"receiver /unitary: unitary signature verified"},
		{"receiver /antinium: antinium signature verified"},
		{"receiver /standard: standard signature verified"},
		{"receiver /jobs/job_5150: unitary signature verified"},
		{"retrying", "attempt 1: 503"},
		{"retrying", "attempt 2: 503"},
		{"delivered", "attempt 3: 204"},
		{"stop", "Ctrl-C"},
	} {
		p.said.await(t, texts...)
	}
	if found, err := os.ReadDir(scratch); err != nil || len(found) != 1 {
		t.Errorf("its directory: %v %v", found, err)
	}
	p.signal(os.Interrupt)
	if code := p.exit(); code != 0 {
		t.Errorf("exit code %d:\n%s", code, p.said)
	}
	if found, err := os.ReadDir(scratch); err != nil || len(found) != 0 {
		t.Errorf("left behind: %v %v", found, err)
	}
	for _, bad := range []string{"refused", "rejected", "  error  ", "  warning  "} {
		if strings.Contains(p.said.String(), bad) {
			t.Errorf("it says %q:\n%s", bad, p.said)
		}
	}
}

func TestTheDemoSaysHowToUseTheKey(t *testing.T) {
	p := launch(t, []string{"JOBHOOK_API_KEY=a-key-of-mine-of-24-bytes"}, "demo", "--listen", "127.0.0.1:0")
	p.said.await(t, `-H "Authorization: Bearer $JOBHOOK_API_KEY"`)
	p.signal(os.Interrupt)
	if code := p.exit(); code != 0 || strings.Contains(p.said.String(), "k-of-mine") {
		t.Errorf("exit code %d:\n%s", code, p.said)
	}
}
