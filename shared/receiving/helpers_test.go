package receiving_test

import (
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"net/http"
	"net/netip"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/jobhook/jobhook/shared/receiving"
	"github.com/jobhook/jobhook/shared/signing"
	"github.com/jobhook/jobhook/shared/storetest"
)

var at = time.Date(2026, 11, 20, 12, 0, 0, 500_000_000, time.UTC)

// sourcesOf reads a configuration of the tests.
func sourcesOf(t testing.TB, config string) receiving.Sources {
	t.Helper()
	sources, err := receiving.ParseSources([]byte(config))
	if err != nil {
		t.Fatal(err)
	}
	return sources
}

// sourceOf is one source with a scheme, its secrets and further settings.
func sourceOf(t testing.TB, scheme, more string, secrets ...string) receiving.Source {
	t.Helper()
	list, _ := json.Marshal(secrets)
	return sourcesOf(t, fmt.Sprintf(`{"sources":{"src":{"scheme":%q,"secrets":%s%s}}}`, scheme, list, more))["src"]
}

// signedBy is a request to src as a sender makes it.
func signedBy(t testing.TB, s receiving.Source, id string, body string, when time.Time) receiving.Request {
	t.Helper()
	headers, err := signing.Sign(s.Scheme, s.Secrets[:1], signing.Message{ID: id, Timestamp: when, Body: []byte(body)})
	if err != nil {
		t.Fatal(err)
	}
	r := receiving.Request{
		Source: "src", Method: http.MethodPost, Header: http.Header{"Content-Type": {"application/json"}},
		Body: []byte(body), IP: netip.MustParseAddr("192.0.2.7"),
	}
	for _, h := range headers {
		r.Header.Set(h.Name, h.Value)
	}
	return r
}

// fixed is a Directory.
type fixed receiving.Sources

func (f fixed) Source(_ context.Context, name string) (receiving.Source, error) {
	s, ok := f[name]
	if !ok {
		return s, receiving.ErrUnknownSource
	}
	return s, nil
}

// inbox is a queue in memory with faults as storetest.MemoryReceipts has.
type inbox struct {
	fault func() (apply bool, err error)

	mu       sync.Mutex
	messages []receiving.Message
}

func (q *inbox) Send(_ context.Context, m receiving.Message) error {
	q.mu.Lock()
	defer q.mu.Unlock()
	if q.fault != nil {
		if apply, err := q.fault(); err != nil {
			if apply {
				q.messages = append(q.messages, m)
			}
			return err
		}
	}
	q.messages = append(q.messages, m)
	return nil
}

func (q *inbox) count() int {
	q.mu.Lock()
	defer q.mu.Unlock()
	return len(q.messages)
}

// world is a Receiver with all that it works on.
type world struct {
	*receiving.Receiver

	receipts *storetest.MemoryReceipts
	inbox    *inbox
	now      time.Time
	log      *strings.Builder
}

func newWorld(sources ...receiving.Source) *world {
	w := &world{receipts: &storetest.MemoryReceipts{}, inbox: &inbox{}, now: at, log: &strings.Builder{}}
	directory := fixed{}
	for _, s := range sources {
		directory[s.Name] = s
	}
	var mu sync.Mutex
	owners := 0
	w.Receiver = &receiving.Receiver{Deps: receiving.Deps{
		Sources: directory, Receipts: w.receipts, Inbox: w.inbox,
		Log: slog.New(slog.NewTextHandler(w.log, nil)),
		Now: func() time.Time { return w.now },
		Token: func() string {
			mu.Lock()
			defer mu.Unlock()
			owners++
			return fmt.Sprint("owner", owners)
		},
	}}
	return w
}

func envelope(t testing.TB, m receiving.Message) receiving.Envelope {
	t.Helper()
	var e receiving.Envelope
	if err := json.Unmarshal(m.Body, &e); err != nil {
		t.Fatal(err)
	}
	return e
}
