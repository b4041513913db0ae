package embedded

import (
	"context"
	"errors"
	"fmt"
	"runtime"
	"sync/atomic"
	"testing"
	"time"

	"github.com/jobhook/jobhook/shared/storetest"
	"github.com/jobhook/jobhook/shared/webhook"
)

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatalf("unexpected error: %v", err)
	}
}

func newClock() *storetest.Clock {
	clock := &storetest.Clock{}
	clock.Set(storetest.Start)
	return clock
}

func openDB(t testing.TB, dir string, now func() time.Time) *DB {
	t.Helper()
	db, err := Open(Config{Dir: dir, Now: now})
	must(t, err)
	t.Cleanup(func() { _ = db.Close() })
	return db
}

func newQueue(t testing.TB, db *DB, name string, cfg QueueConfig) *Queue {
	t.Helper()
	if cfg.Visibility == 0 {
		cfg.Visibility = time.Minute
	}
	q, err := db.Queue(name, cfg)
	must(t, err)
	return q
}

func send(t testing.TB, q *Queue, body string, delay time.Duration) {
	t.Helper()
	must(t, q.Send(t.Context(), webhook.Message{Body: []byte(body), Delay: delay})[0])
}

// bodies receives up to max messages and returns their bodies.
func bodies(t testing.TB, q *Queue, max int) []string {
	t.Helper()
	var all []string
	for _, r := range receive(t, q, max) {
		all = append(all, string(r.Body))
	}
	return all
}

func receive(t testing.TB, q *Queue, max int) []Received {
	t.Helper()
	got, err := q.Receive(t.Context(), max)
	must(t, err)
	return got
}

func event(n int, expires time.Time) webhook.Event {
	id := fmt.Sprintf("event-%d", n)
	return webhook.Event{
		MessageID: webhook.MessageID("acct", "job", id), EventID: id, Type: "t.success", Account: "acct", Hash: "h",
		Job:        webhook.Job{ID: "job", Status: "success", Type: "t"},
		AcceptedAt: storetest.Start, ExpiresAt: expires, Result: []byte(`{"n":1}`), Rev: fmt.Sprintf("rev-%d", n),
	}
}

func delivery(e webhook.Event, endpoint string) webhook.Delivery {
	return webhook.Delivery{
		DeliveryKey: e.Key(endpoint), EventID: e.EventID, Status: webhook.Pending, ExpiresAt: e.ExpiresAt, Rev: e.Rev + endpoint,
	}
}

func insert(t testing.TB, db *DB, e webhook.Event, endpoints ...string) webhook.Event {
	t.Helper()
	changes := []webhook.Change{{Event: &e}}
	for _, id := range endpoints {
		d := delivery(e, id)
		changes = append(changes, webhook.Change{Delivery: &d})
	}
	must(t, errors.Join(db.Write(t.Context(), changes...)...))
	return e
}

func insertEvent(ctx context.Context, db *DB, e webhook.Event) error {
	return db.Write(ctx, webhook.Change{Event: &e})[0]
}

func insertDelivery(ctx context.Context, db *DB, d webhook.Delivery) error {
	return db.Write(ctx, webhook.Change{Delivery: &d})[0]
}

// lookUp reads an event and those of its deliveries that are there; nil when
// there is no event.
func lookUp(t testing.TB, db *DB, e webhook.Event, endpoints ...string) (*webhook.Event, []webhook.Delivery) {
	t.Helper()
	found, err := db.Events(t.Context(), e.MessageID)
	must(t, err)
	e.Targets = endpoints
	all, err := db.Deliveries(t.Context(), e.Keys()...)
	must(t, err)
	var deliveries []webhook.Delivery
	for _, d := range all {
		if d != nil {
			deliveries = append(deliveries, *d)
		}
	}
	return found[0], deliveries
}

// block keeps the disk busy until the answer is called: what is to be durable
// waits meanwhile.
func block(db *DB) (release func()) {
	<-db.own.turn
	return func() { db.own.turn <- struct{}{} }
}

// waiting blocks until n ops wait for the disk.
func waiting(db *DB, n int) {
	for have := 0; have < n; runtime.Gosched() { // no signal tells when another goroutine waits
		db.own.mu.Lock()
		have = len(db.own.waiting.ops)
		db.own.mu.Unlock()
	}
}

// openCounting counts the syncs of the log.
func openCounting(t testing.TB) (*DB, *atomic.Int64) {
	t.Helper()
	db, syncs, err := OpenCounting(Config{Dir: t.TempDir()})
	must(t, err)
	t.Cleanup(func() { _ = db.Close() })
	return db, syncs
}

// OpenCounting is Open with a count of the syncs of the log.
func OpenCounting(cfg Config) (*DB, *atomic.Int64, error) {
	syncs := new(atomic.Int64)
	d := systemDisk()
	open1 := d.open
	d.open = func(path string) (logWriter, error) {
		f, err := open1(path)
		return counted{f, syncs}, err
	}
	db, err := open(cfg, d, maxOverlay)
	return db, syncs, err
}

type counted struct {
	logWriter
	syncs *atomic.Int64
}

func (c counted) Sync() error {
	c.syncs.Add(1)
	return c.logWriter.Sync()
}

// OpenSmall is Open with an overlay of a few kilobytes: a checkpoint every few
// writes.
func OpenSmall(cfg Config) (*DB, error) {
	d := systemDisk()
	d.mapSize = 0 // the file outgrows its map all the time
	return open(cfg, d, 4<<10)
}

// Commits is how many there have been: frames of the log.
func (db *DB) Commits() uint64 { return db.committed.Load() }

// records counts what lies in a table.
func records(t testing.TB, db *DB, b table) (n int) {
	t.Helper()
	must(t, db.view(func(t *txn) error {
		c := t.cursor(b)
		for k, _ := c.Seek(nil); k != nil; k, _ = c.Next() {
			n++
		}
		return nil
	}))
	return n
}

// CountReceipts counts receipts and checks that each has its one expiry.
func CountReceipts(t testing.TB, s *Receipts) int {
	t.Helper()
	n := records(t, s.db, receipts)
	if e := records(t, s.db, expiring); e != n {
		t.Errorf("%d receipts have %d expiries", n, e)
	}
	return n
}
