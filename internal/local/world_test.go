package local_test

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/jobhook/jobhook/internal/local"
	"github.com/jobhook/jobhook/shared/schedule"
	"github.com/jobhook/jobhook/shared/webhook"
)

// patience bounds every wait: reached only when something is broken.
const patience = 30 * time.Second

// world is a runner with its log.
type world struct {
	*local.Runner
	t       testing.TB
	options local.Options
	log     *logbook
	once    sync.Once
}

func options(t testing.TB) local.Options {
	return local.Options{
		Listen: "127.0.0.1:0", Dir: t.TempDir(), Schedule: schedule.Schedule{20 * time.Millisecond, 20 * time.Millisecond},
		AllowLoopback: true, SendTimeout: 5 * time.Second, Retention: 24 * time.Hour, Profile: webhook.Standard,
	}
}

func run(t testing.TB, change ...func(*local.Options)) *world {
	t.Helper()
	o := options(t)
	for _, c := range change {
		c(&o)
	}
	return start(t, o)
}

func start(t testing.TB, o local.Options) *world {
	t.Helper()
	w := &world{t: t, options: o, log: newLogbook()}
	w.options.Log = slog.New(w.log)
	r, err := local.Start(t.Context(), w.options)
	must(t, err)
	w.Runner = r
	t.Cleanup(w.stop)
	return w
}

// stop ends the runner; again is a new one on the same directory.
func (w *world) stop() {
	w.t.Helper()
	w.once.Do(func() {
		ctx, cancel := context.WithTimeout(context.Background(), patience)
		defer cancel()
		must(w.t, w.Stop(ctx))
	})
}

func (w *world) again() *world {
	w.t.Helper()
	w.stop()
	return start(w.t, w.options)
}

// logbook keeps what was logged and lets tests wait for it.
type logbook struct {
	mu      sync.Mutex
	entries []entry
	changed chan struct{}
}

type entry map[string]string

func newLogbook() *logbook { return &logbook{changed: make(chan struct{})} }

func (l *logbook) Enabled(_ context.Context, level slog.Level) bool { return level >= slog.LevelInfo }
func (l *logbook) WithAttrs([]slog.Attr) slog.Handler               { return l }
func (l *logbook) WithGroup(string) slog.Handler                    { return l }

func (l *logbook) Handle(_ context.Context, r slog.Record) error {
	e := entry{"msg": r.Message, "level": r.Level.String()}
	r.Attrs(func(a slog.Attr) bool { e[a.Key] = a.Value.String(); return true })
	l.mu.Lock()
	defer l.mu.Unlock()
	l.entries = append(l.entries, e)
	close(l.changed)
	l.changed = make(chan struct{})
	return nil
}

// await waits for an entry that has all of the wanted, given as name, value.
func (w *world) await(want ...string) entry {
	w.t.Helper()
	late := time.After(patience)
	for {
		entries, changed := w.log.all()
		for _, e := range entries {
			if e.has(want) {
				return e
			}
		}
		select {
		case <-changed:
		case <-late:
			w.t.Fatalf("no log entry with %q among %v", want, entries)
		}
	}
}

func (l *logbook) all() ([]entry, <-chan struct{}) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return slices.Clip(l.entries), l.changed
}

func (e entry) has(want []string) bool {
	for i := 0; i < len(want); i += 2 {
		if e[want[i]] != want[i+1] {
			return false
		}
	}
	return true
}

// hit is one POST that a receiver got.
type hit struct {
	path   string
	header http.Header
	body   []byte
}

// receiver answers as it is told and passes on what came.
type receiver struct {
	*httptest.Server
	hits chan hit
}

// receive starts a receiver; answer is told how many came to that path before.
func receive(t testing.TB, answer func(h hit, before int) int) *receiver {
	r := &receiver{hits: make(chan hit, 1000)}
	var mu sync.Mutex
	came := map[string]int{}
	r.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
		body, err := io.ReadAll(req.Body)
		if err != nil {
			t.Errorf("receiver: %v", err)
		}
		h := hit{req.URL.Path, req.Header, body}
		mu.Lock()
		before := came[h.path]
		came[h.path]++
		mu.Unlock()
		r.hits <- h
		w.WriteHeader(answer(h, before))
	}))
	t.Cleanup(r.Close)
	return r
}

func always(status int) func(hit, int) int { return func(hit, int) int { return status } }

func (r *receiver) next(t testing.TB) hit {
	t.Helper()
	select {
	case h := <-r.hits:
		return h
	case <-time.After(patience):
		t.Fatal("nothing came to the receiver")
		return hit{}
	}
}

func (r *receiver) none(t testing.TB) {
	t.Helper()
	select {
	case h := <-r.hits:
		t.Errorf("another POST came to %s", h.path)
	default:
	}
}

// reply is an answer of the API.
type reply struct {
	t      testing.TB
	status int
	header http.Header
	body   []byte
}

func (w *world) do(method, path, body string, headers ...string) reply {
	w.t.Helper()
	req, err := http.NewRequest(method, w.URL+path, strings.NewReader(body))
	must(w.t, err)
	if body != "" {
		req.Header.Set("Content-Type", "application/json")
	}
	for i := 0; i < len(headers); i += 2 {
		req.Header.Set(headers[i], headers[i+1])
		if headers[i] == "Host" {
			req.Host = headers[i+1]
		}
	}
	res, err := http.DefaultClient.Do(req)
	must(w.t, err)
	defer res.Body.Close()
	raw, err := io.ReadAll(res.Body)
	must(w.t, err)
	return reply{w.t, res.StatusCode, res.Header, raw}
}

// is checks the status and reads the answer.
func (r reply) is(status int) object {
	r.t.Helper()
	if r.status != status {
		r.t.Fatalf("status %d, want %d: %s", r.status, status, r.body)
	}
	if len(r.body) == 0 {
		return nil
	}
	var v object
	must(r.t, json.Unmarshal(r.body, &v))
	return v
}

type object map[string]any

func (o object) text(name string) string { return fmt.Sprint(o[name]) }

func (o object) list(name string) []object {
	var list []object
	items, _ := o[name].([]any)
	for _, item := range items {
		list = append(list, item.(map[string]any))
	}
	return list
}

const acme = "/v1/accounts/acme"

func (w *world) endpoint(body string) object {
	w.t.Helper()
	return w.do("POST", acme+"/endpoints", body).is(201)
}

func (w *world) publish(body string) object {
	w.t.Helper()
	return w.do("POST", acme+"/events", body).is(202)
}

func (w *world) event(id string) object {
	w.t.Helper()
	return w.do("GET", acme+"/events/"+strings.ReplaceAll(id, "/", "%2F"), "").is(200)
}

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func equal[T comparable](t testing.TB, what string, got, want T) {
	t.Helper()
	if got != want {
		t.Errorf("%s: got %v, want %v", what, got, want)
	}
}

func compact(v any) string {
	raw, err := json.Marshal(v)
	if err != nil {
		return err.Error()
	}
	return string(bytes.TrimSpace(raw))
}
