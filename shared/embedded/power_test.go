package embedded

import (
	"context"
	"errors"
	"math/rand/v2"
	"os"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"go.etcd.io/bbolt"

	"github.com/jobhook/jobhook/shared/webhook"
)

// cutDisk keeps what is written to its files from them until they are synced: a
// copy of the directory is what a power cut leaves. One sync in so many fails, 0
// for none, and of what it should have written some sectors are lost.
type cutDisk struct{ fails atomic.Int64 }

func (d *cutDisk) disk() disk {
	return disk{spare: os.Rename, open: func(path string) (logWriter, error) {
		f, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE, 0o600)
		return &cutFile{File: f, disk: d}, err
	}}
}

type cutFile struct {
	*os.File
	disk    *cutDisk
	written []byte
	size    int
}

func (f *cutFile) Write(p []byte) (int, error) {
	f.written = append(f.written, p...)
	return len(p), nil
}

func (f *cutFile) Sync() error {
	p := f.written
	f.written = nil
	if odds := f.disk.fails.Load(); odds > 0 && rand.Int64N(odds) == 0 {
		end := (f.size + rand.IntN(len(p)+1)) / 512 * 512
		_, _ = f.File.Write(p[:max(end-f.size, 0)])
		return errFull
	}
	f.size += len(p)
	_, err := f.File.Write(p)
	return err
}

// TestPowerCut: many write while syncs fail now and then, in the end all. What was answered is
// there after a power cut; what was refused is there whole or not at all; and
// every message of what is there is received, by this process and by the next.
func TestPowerCut(t *testing.T) {
	for range 5 {
		dir, d := t.TempDir(), &cutDisk{}
		db, err := open(Config{Dir: dir}, d.disk(), 64<<10)
		must(t, err)
		q := newQueue(t, db, "q", QueueConfig{})
		var mu sync.Mutex
		answered, taken := map[string]bool{}, map[string]bool{}
		note := func(m map[string]bool, id string) {
			mu.Lock()
			defer mu.Unlock()
			m[id] = true
		}
		d.fails.Store(20)
		const workers, each = 8, 40
		var all sync.WaitGroup
		for w := range workers {
			all.Go(func() {
				for n := range each {
					if w == 0 && n == each-2 {
						d.fails.Store(1)
					}
					e := event(w*each+n, time.Time{})
					if q.Accept(t.Context(), e, webhook.Message{Body: []byte(e.MessageID), Group: e.EventID}) == nil {
						note(answered, e.MessageID)
					}
					if n%2 == 0 {
						takeOne(t, q, func(id string) { note(taken, id) })
					}
				}
			})
		}
		all.Wait()
		cut, err := crashed(t, dir)
		must(t, err)
		checkCut(t, cut, newQueue(t, cut, "q", QueueConfig{}), workers*each, answered, taken)
		must(t, cut.Close())
		d.fails.Store(0)
		insert(t, db, event(-1, time.Time{}))
		checkCut(t, db, q, workers*each, answered, taken)
		must(t, db.Close())
	}
}

// takeOne receives a message, tells its body and deletes it.
func takeOne(t *testing.T, q *Queue, told func(string)) {
	got, err := q.Receive(context.Background(), 1)
	if err != nil {
		t.Error(err)
	}
	for _, m := range got {
		told(string(m.Body))
		if err := q.Delete(t.Context(), m.ID); err != nil && !errors.Is(err, errFull) {
			t.Error(err)
		}
	}
}

func checkCut(t *testing.T, db *DB, q *Queue, events int, answered, taken map[string]bool) {
	t.Helper()
	waiting := map[string]bool{}
	for _, m := range receive(t, q, 1<<20) {
		waiting[string(m.Body)] = true
	}
	for n := range events {
		have, _ := lookUp(t, db, event(n, time.Time{}))
		id := event(n, time.Time{}).MessageID
		switch {
		case have == nil && (answered[id] || taken[id] || waiting[id]):
			t.Errorf("event %d is gone: answered %v, received %v, its message is there: %v", n, answered[id], taken[id], waiting[id])
		case have != nil && !taken[id] && !waiting[id]:
			t.Errorf("event %d is there, its message is not", n)
		}
	}
}

// TestDoubtEndsInOneTransaction: what no log is known to have comes into the file
// whole or not at all, however much it is.
func TestDoubtEndsInOneTransaction(t *testing.T) {
	d := &cutDisk{}
	db, err := open(Config{Dir: t.TempDir()}, d.disk(), 64<<20)
	must(t, err)
	t.Cleanup(func() { _ = db.Close() })
	q := newQueue(t, db, "q", QueueConfig{})
	large := webhook.Message{Body: make([]byte, MaxBody)}
	for range 2*checkpointPiece/MaxBody + 1 {
		must(t, q.Send(t.Context(), large)[0])
	}
	transactions := func() (id int) {
		must(t, db.file.View(func(tx *bbolt.Tx) error { id = tx.ID(); return nil }))
		return id
	}
	before := transactions()
	d.fails.Store(1)
	if err := q.Send(t.Context(), large)[0]; err == nil {
		t.Fatal("the sync did not fail")
	}
	d.fails.Store(0)
	send(t, q, "after", 0)
	if n := transactions() - before; n != 1 {
		t.Errorf("the doubt ended in %d transactions, want 1", n)
	}
}
