package main

import (
	"context"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"
)

// screen is a writer that the server and the test share.
type screen struct {
	mu   sync.Mutex
	text strings.Builder
	grew chan struct{}
}

func newScreen() *screen { return &screen{grew: make(chan struct{}, 100)} }

func (s *screen) Write(p []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	defer func() { s.grew <- struct{}{} }()
	return s.text.Write(p)
}

func (s *screen) String() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.text.String()
}

func listenerOf(t *testing.T, f listenFlags) (*listener, *screen) {
	t.Helper()
	if f.status == 0 {
		f.status = 200
	}
	out := newScreen()
	l, err := f.listener(out)
	if err != nil {
		t.Fatal(err)
	}
	l.now = func() time.Time { return signedAt }
	return l, out
}

func post(l *listener, body string, headers ...string) *httptest.ResponseRecorder {
	r := httptest.NewRequest(http.MethodPost, "/hook?x=1", strings.NewReader(body))
	for i := 1; i < len(headers); i += 2 {
		name, value, _ := strings.Cut(headers[i], ": ")
		r.Header.Add(name, value)
	}
	w := httptest.NewRecorder()
	l.ServeHTTP(w, r)
	return w
}

func TestListenPrintsWhatComes(t *testing.T) {
	l, out := listenerOf(t, listenFlags{body: "thanks"})
	w := post(l, `{"a":{"b":1}}`, "-H", "X-Event: done", "-H", "Authorization: Bearer hush", "-H", "Webhook-Id: msg_1")
	if w.Code != 200 || w.Body.String() != "thanks" {
		t.Errorf("answered %d %s", w.Code, w.Body)
	}
	for _, want := range []string{"POST /hook?x=1", "delivery msg_1, attempt 1", "    X-Event: done", "Authorization: [11 characters, not shown]", "    {\n      \"a\": {", "answered 200"} {
		if !strings.Contains(out.String(), want) {
			t.Errorf("no %q in\n%s", want, out)
		}
	}
	post(l, "\x1b[2J\x00")
	if strings.Contains(out.String(), "\x1b") || strings.Contains(out.String(), "hush") {
		t.Errorf("it prints what steers a terminal, or a credential:\n%q", out)
	}
}

func TestListenVerifies(t *testing.T) {
	t.Setenv("THE_SECRET", testSecret)
	l, out := listenerOf(t, listenFlags{scheme: "standard", secretFlags: secretFlags{env: texts{"THE_SECRET"}}})
	good := signedHeaders(t, "standard", testSecret, "{}")
	for _, c := range []struct {
		name, body string
		headers    []string
		status     int
		want       string
	}{
		{"good", "{}", good, 200, "verified (standard)"},
		{"tampered", "{ }", good, 401, "NOT verified: signature mismatch: Webhook-Signature: "},
		{"unsigned", "{}", nil, 400, "NOT verified: signature missing: Webhook-Id: "},
	} {
		if w := post(l, c.body, c.headers...); w.Code != c.status || !strings.Contains(out.String(), c.want) {
			t.Errorf("%s: %d, want %d and %q:\n%s", c.name, w.Code, c.status, c.want, out)
		}
	}
	l.now = func() time.Time { return signedAt.Add(time.Hour) }
	if w := post(l, "{}", good...); w.Code != 401 || !strings.Contains(out.String(), "1h0m0s old") {
		t.Errorf("an old one: %d\n%s", w.Code, out)
	}
}

func TestListenVerifiesByASource(t *testing.T) {
	path := filepath.Join(t.TempDir(), "sources.json")
	config := `{"sources":{"partner":{"scheme":"antinium","secrets":["` + testSecret + `"],"signature_header":"X-Partner","id":"field:n"}}}`
	if err := os.WriteFile(path, []byte(config), 0o600); err != nil {
		t.Fatal(err)
	}
	t.Setenv("THE_SECRET", testSecret)
	headers := signedHeaders(t, "antinium", testSecret, `{"n":"seven"}`)
	for i := range headers {
		headers[i] = strings.Replace(headers[i], "X-Antinium-Signature:", "X-Partner:", 1)
	}
	for name, f := range map[string]listenFlags{
		"sources": {sourceFlags: sourceFlags{path, "partner"}},
		"flags":   {scheme: "antinium", signatureHeader: "X-Partner", secretFlags: secretFlags{env: texts{"THE_SECRET"}}},
	} {
		l, out := listenerOf(t, f)
		if w := post(l, `{"n":"seven"}`, headers...); w.Code != 200 || !strings.Contains(out.String(), "verified (antinium)") {
			t.Errorf("%s: %d\n%s", name, w.Code, out)
		}
		if w := post(l, `{"n":"eight"}`, headers...); w.Code != 401 {
			t.Errorf("%s, tampered: %d", name, w.Code)
		}
		if name == "sources" && !strings.Contains(out.String(), "delivery seven, attempt 1") {
			t.Errorf("the source's id is not used:\n%s", out)
		}
	}
}

func TestListenAnswersAsTold(t *testing.T) {
	for _, c := range []struct {
		name  string
		flags listenFlags
		want  []int // to the attempts of one delivery
	}{
		{"nothing told", listenFlags{}, []int{200, 200}},
		{"a status", listenFlags{status: 410}, []int{410, 410, 410}},
		{"another success", listenFlags{status: 204}, []int{204, 204}},
		{"failures first", listenFlags{fails: 2}, []int{500, 500, 200, 200}},
		{"failures of one kind first", listenFlags{fails: 1, status: 429}, []int{429, 200}},
		{"failures, then another success", listenFlags{fails: 1, status: 202}, []int{500, 202}},
	} {
		l, _ := listenerOf(t, c.flags)
		for i, want := range c.want {
			for _, delivery := range []string{"one", "two"} { // each is counted by itself
				if w := post(l, "{}", "-H", "Webhook-Id: "+delivery); w.Code != want {
					t.Errorf("%s: attempt %d of %s: %d, want %d", c.name, i+1, delivery, w.Code, want)
				}
			}
		}
	}
	l, _ := listenerOf(t, listenFlags{fails: 1, retryAfter: "30", delay: 3 * time.Second})
	var waited time.Duration
	l.wait = func(_ context.Context, d time.Duration) { waited = d }
	if w := post(l, "{}"); w.Header().Get("Retry-After") != "30" || waited != 3*time.Second {
		t.Errorf("Retry-After %q after %s", w.Header().Get("Retry-After"), waited)
	}
	if w := post(l, "{}"); w.Header().Get("Retry-After") != "" {
		t.Error("Retry-After on a success")
	}
}

func TestListenServesUntilItIsTold(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	stderr, stdout := newScreen(), newScreen()
	ended := make(chan int, 1)
	go func() {
		ended <- listenCommand(ctx, []string{"--listen", "127.0.0.1:0", "--delay", "1h"}, stdout, stderr)
	}()
	<-stderr.grew
	_, url, _ := strings.Cut(stderr.String(), "listening on ")
	url, _, _ = strings.Cut(url, " ")
	answered := make(chan error, 1)
	go func() {
		res, err := http.Post(url, "text/plain", strings.NewReader("hello"))
		if err == nil {
			_, err = io.ReadAll(res.Body)
			res.Body.Close()
		}
		answered <- err
	}()
	<-stdout.grew
	cancel() // Ctrl-C, while an answer waits for its hour
	if exit := <-ended; exit != 0 {
		t.Errorf("exit %d: %s", exit, stderr)
	}
	<-answered
	if !strings.Contains(stdout.String(), "    hello") {
		t.Errorf("printed %s", stdout)
	}
}

func TestListenIsCalledWrongly(t *testing.T) {
	for _, c := range []struct {
		args string
		exit int
		want string
	}{
		{"--help", 0, "Usage: jobhook listen"},
		{"x", 2, "unexpected argument"},
		{"--status 99", 2, "--status is 99"},
		{"--fail-first -1", 2, "cannot be negative"},
		{"--sources x", 2, "--sources needs --source"},
		{"--source x", 2, "--source needs --sources"},
		{"--signature-header X-A", 2, "needs --scheme antinium"},
		{"--scheme github --signature-header X-A --secret hush-hush-hush-hush", 2, "--signature-header: the signature header"},
		{"--secret hush-hush-hush-hush", 2, "a secret without --scheme"},
		{"--scheme nope", 2, "unknown scheme"},
		{"--scheme github", 2, "no secret"},
		{"--listen 127.0.0.1:99999", 1, "listen:"},
	} {
		var stdout, stderr strings.Builder
		exit := listenCommand(t.Context(), strings.Fields(c.args), &stdout, &stderr)
		if out := stdout.String() + stderr.String(); exit != c.exit || !strings.Contains(out, c.want) {
			t.Errorf("%s: exit %d, want %d and %q:\n%s", c.args, exit, c.exit, c.want, out)
		}
	}
}
