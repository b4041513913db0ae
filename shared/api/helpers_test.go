package api_test

import (
	"bytes"
	"context"
	"crypto/rand"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/jobhook/jobhook/shared/api"
	"github.com/jobhook/jobhook/shared/deliver"
	"github.com/jobhook/jobhook/shared/embedded"
	"github.com/jobhook/jobhook/shared/intake"
	"github.com/jobhook/jobhook/shared/secrets"
	"github.com/jobhook/jobhook/shared/webhook"
)

var start = time.Date(2040, time.February, 29, 12, 30, 15, 123_456_789, time.FixedZone("", 3600))

// fixture is the API over a real embedded store and real sealing.
type fixture struct {
	t      testing.TB
	db     *embedded.DB
	queued *embedded.Queue // messages to dispatch
	aside  *embedded.Queue // rejected completions
	ring   *secrets.Ring
	server *httptest.Server
	log    *lockedBuffer

	mu  sync.Mutex
	now time.Time
}

func (f *fixture) clock() time.Time {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.now
}

func (f *fixture) later(d time.Duration) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.now = f.now.Add(d)
}

type lockedBuffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (l *lockedBuffer) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.Write(p)
}

func (l *lockedBuffer) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.String()
}

// start serves the API; change may alter what it works with.
func serve(t testing.TB, change ...func(*api.Deps)) *fixture {
	t.Helper()
	f := &fixture{t: t, now: start, log: &lockedBuffer{}}
	var err error
	f.db, err = embedded.Open(embedded.Config{Dir: t.TempDir(), Now: f.clock})
	must(t, err)
	t.Cleanup(func() { _ = f.db.Close() })
	f.queued, f.aside = f.queue("completions"), f.queue("rejected")
	deps := f.deps()
	for _, c := range change {
		c(&deps)
	}
	f.server = httptest.NewServer(api.New(deps))
	t.Cleanup(f.server.Close)
	return f
}

func (f *fixture) queue(name string) *embedded.Queue {
	q, err := f.db.Queue(name, embedded.QueueConfig{Visibility: time.Minute})
	must(f.t, err)
	return q
}

func (f *fixture) deps() api.Deps {
	f.ring = secrets.NewRing(secrets.Static{
		"signing": {{Text: secrets.NewText("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw")}},
		"sealing": {{Text: secrets.NewText(strings.Repeat("k", secrets.MinKeyText))}},
	}, secrets.LocalNames)
	return api.Deps{
		Store:     f.db,
		Publisher: &deliver.Publisher{Acceptor: f.queued, Store: f.db, Completions: f.queued, Token: rand.Text},
		Rejected:  rejected{f.aside},
		Seal: func(account, id, secret string, createdAt time.Time) (webhook.SealedSecret, error) {
			return f.ring.Seal(context.Background(), rand.Reader, account, id, secret, createdAt)
		},
		Open: func(account, id string, sealed webhook.SealedSecret) (string, error) {
			return f.ring.Open(context.Background(), account, id, sealed, f.clock())
		},
		Now: f.clock, Rules: intake.Rules{Retention: 72 * time.Hour}, SendTimeout: 10 * time.Second, RetryAfterMax: time.Hour,
		Log: slog.New(slog.NewJSONHandler(f.log, &slog.HandlerOptions{Level: slog.LevelDebug})),
	}
}

type rejected struct{ q *embedded.Queue }

func (s rejected) List(ctx context.Context, limit int, cursor string) ([]api.Rejected, string, error) {
	found, next, err := s.q.List(ctx, limit, cursor)
	var list []api.Rejected
	for _, m := range found {
		list = append(list, api.Rejected{ID: m.ID, Reason: m.Reason, At: m.SentAt, Body: m.Body})
	}
	return list, next, err
}

// answer is what came back.
type answer struct {
	t      testing.TB
	status int
	header http.Header
	body   []byte
}

// do sends a request; headers alternate name and value. A body is JSON unless
// they say otherwise.
func (f *fixture) do(method, path, body string, headers ...string) answer {
	f.t.Helper()
	return send(f.t, f.server.URL, method, path, body, headers...)
}

func send(t testing.TB, base, method, path, body string, headers ...string) answer {
	t.Helper()
	req, err := http.NewRequest(method, base+path, strings.NewReader(body))
	must(t, err)
	if body != "" {
		req.Header.Set("Content-Type", "application/json")
	}
	for i := 0; i < len(headers); i += 2 {
		req.Header.Set(headers[i], headers[i+1])
		if headers[i] == "Host" {
			req.Host = headers[i+1]
		}
	}
	res, err := http.DefaultTransport.RoundTrip(req)
	must(t, err)
	defer func() { _ = res.Body.Close() }()
	raw, err := io.ReadAll(res.Body)
	must(t, err)
	return answer{t, res.StatusCode, res.Header, raw}
}

// is checks the status and reads the body into a map.
func (a answer) is(status int) map[string]any {
	a.t.Helper()
	if a.status != status {
		a.t.Fatalf("status %d, want %d: %s", a.status, status, a.body)
	}
	if len(a.body) == 0 {
		return nil
	}
	var v map[string]any
	must(a.t, json.Unmarshal(a.body, &v))
	return v
}

// problem checks that the answer is a whole problem with that status and field.
func (a answer) problem(status int, field string) map[string]any {
	a.t.Helper()
	p := a.is(status)
	if got := a.header.Get("Content-Type"); got != "application/problem+json" {
		a.t.Errorf("content type %q", got)
	}
	if got, _ := p["field"].(string); got != field {
		a.t.Errorf("field %q, want %q: %s", got, field, a.body)
	}
	if p["status"] != float64(status) || p["title"] != http.StatusText(status) || p["type"] == "" || p["detail"] == "" {
		a.t.Errorf("not a whole problem: %s", a.body)
	}
	return p
}

func (f *fixture) create(body string) map[string]any {
	f.t.Helper()
	return f.do("POST", "/v1/accounts/acme/endpoints", body).is(201)
}

func (f *fixture) stored(account string) []webhook.Endpoint {
	f.t.Helper()
	all, err := f.db.AccountEndpoints(context.Background(), account)
	must(f.t, err)
	return all
}

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatalf("unexpected error: %v", err)
	}
}

func text(v any) string { return fmt.Sprint(v) }

// same compares as JSON, so that numbers and null are what a client sees.
func same(t testing.TB, what string, got, want any) {
	t.Helper()
	g, err := json.Marshal(got)
	must(t, err)
	w, err := json.Marshal(want)
	must(t, err)
	if !bytes.Equal(g, w) {
		t.Errorf("%s:\n got %s\nwant %s", what, g, w)
	}
}
