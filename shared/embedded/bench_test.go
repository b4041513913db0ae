//go:build unix

package embedded_test

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/jobhook/jobhook/shared/embedded"
	"github.com/jobhook/jobhook/shared/webhook"
)

const benchWorkers = 64

// BenchmarkDelivery is all that the store and the queue do for one delivery
// that succeeds at once: accept the event with its message, receive that, claim
// the event, record the delivery, delete the message.
func BenchmarkDelivery(b *testing.B) {
	for _, callers := range []int{32, 128} {
		b.Run(fmt.Sprintf("callers=%d", callers), func(b *testing.B) { deliveries(b, callers) })
	}
}

func deliveries(b *testing.B, callers int) {
	dir := b.TempDir()
	db, syncs := openCounting(b, dir)
	q := openQueue(b, db, "completions", embedded.QueueConfig{Visibility: time.Minute})
	var n atomic.Int64
	before := cpu()
	b.ResetTimer()
	var all sync.WaitGroup
	for range callers {
		all.Go(func() {
			for i := int(n.Add(1)); i <= b.N; i = int(n.Add(1)) {
				if err := oneDelivery(b, db, q, i); err != nil {
					b.Error(err)
					return
				}
			}
		})
	}
	all.Wait()
	b.StopTimer()
	report(b, syncs, dir, before)
}

func openCounting(b *testing.B, dir string) (*embedded.DB, *atomic.Int64) {
	b.Helper()
	db, syncs, err := embedded.OpenCounting(embedded.Config{Dir: dir})
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() { _ = db.Close() })
	return db, syncs
}

func oneDelivery(b *testing.B, db *embedded.DB, q *embedded.Queue, n int) error {
	if err := accept(b, q, n); err != nil {
		return err
	}
	got, err := q.Receive(b.Context(), 1) // its own, or one that another worker has sent
	if err != nil || len(got) != 1 {
		return fmt.Errorf("received %d: %w", len(got), err)
	}
	if err := claimAndRecord(b, db, got[0]); err != nil {
		return err
	}
	return q.Delete(b.Context(), got[0].ID)
}

func claimAndRecord(b *testing.B, db *embedded.DB, r embedded.Received) error {
	m, _, err := webhook.ParseAccepted(r.Body)
	if err != nil {
		return err
	}
	have, err := db.Events(b.Context(), m.MessageID)
	if err != nil || have[0] == nil {
		return fmt.Errorf("event %s: found %v: %w", m.MessageID, have, err)
	}
	e, claim := have[0].Claim([]string{benchEndpoint}, webhook.Lease{Message: r.ID, Until: time.Now().Add(time.Minute)}, have[0].Rev+"c")
	if err := db.Write(b.Context(), claim)[0]; err != nil {
		return err
	}
	d := benchDelivery(e)
	return db.Write(b.Context(), webhook.Change{Delivery: &d})[0]
}

func accepted(e webhook.Event) webhook.Message {
	m := webhook.AcceptedMessage{Form: webhook.AcceptedForm, Version: webhook.Layout, MessageID: e.MessageID, Account: e.Account}
	return webhook.Message{Body: webhook.Encode(m), Group: e.Account}
}

const benchEndpoint = "ep_aaaaaaaaaaaaaaaaaaaaaaaa"

var benchResult = json.RawMessage(`{"content":"` + strings.Repeat("x", 1000) + `"}`)

func token(n int) string { return fmt.Sprintf("%022d", n) }

func benchEvent(n int) webhook.Event {
	id := fmt.Sprintf("bf68a1f2-%08d", n)
	eventID := "content_translate.success/" + id + "/success"
	now := time.Now()
	return webhook.Event{
		MessageID: webhook.MessageID("default", id, eventID), EventID: eventID, Type: "content_translate.success", Account: "default",
		Job:        webhook.Job{ID: id, Status: "success", Type: "content_translate"},
		OccurredAt: now, AcceptedAt: now, ExpiresAt: now.Add(30 * 24 * time.Hour), Result: benchResult,
		Hash: "abcdefghijklmnopqrstuvwxyz234567", Rev: token(n),
	}
}

func benchDelivery(e webhook.Event) webhook.Delivery {
	now := time.Now()
	return webhook.Delivery{
		DeliveryKey: e.Key(benchEndpoint), EventID: e.EventID, URL: "http://127.0.0.1:9000/hook",
		Status: webhook.Delivered, Attempts: []webhook.Attempt{{Number: 1, At: now, Duration: time.Millisecond, StatusCode: 200, Response: "ok"}},
		ExpiresAt: e.ExpiresAt, Profile: webhook.Standard, IncludeResult: true, Rev: e.Rev + "d",
	}
}

func cpu() time.Duration {
	var use syscall.Rusage
	_ = syscall.Getrusage(syscall.RUSAGE_SELF, &use)
	return time.Duration(use.Utime.Nano() + use.Stime.Nano())
}

// report adds what a delivery costs beyond time: CPU, syncs,
// bytes of file and of memory.
func report(b *testing.B, syncs *atomic.Int64, dir string, cpuBefore time.Duration) {
	n := float64(b.N)
	b.ReportMetric(n/b.Elapsed().Seconds(), "deliveries/s")
	b.ReportMetric(float64((cpu()-cpuBefore).Microseconds())/n, "cpu-µs/op")
	b.ReportMetric(float64(syncs.Load())/n, "syncs/op")
	if info, err := os.Stat(filepath.Join(dir, "jobhook.db")); err == nil {
		b.ReportMetric(float64(info.Size())/(1<<20), "file-MB")
	}
	b.ReportMetric(resident(), "RSS-MB")
}

// resident is the memory of this process in MB, its mapped file included.
func resident() float64 {
	raw, err := os.ReadFile("/proc/self/statm")
	var size, pages float64
	if _, scanErr := fmt.Sscan(string(raw), &size, &pages); err != nil || scanErr != nil {
		return 0
	}
	return pages * float64(os.Getpagesize()) / (1 << 20)
}

// BenchmarkBacklog is the same with all events accepted first, and then taken
// ten at a time: claims and records at once, one deletion for the ten.
func BenchmarkBacklog(b *testing.B) {
	dir := b.TempDir()
	db, syncs := openCounting(b, dir)
	q := openQueue(b, db, "completions", embedded.QueueConfig{Visibility: time.Minute})
	var n atomic.Int64
	before := cpu()
	b.ResetTimer()
	var all sync.WaitGroup
	for range benchWorkers {
		all.Go(func() {
			for i := int(n.Add(1)); i <= b.N; i = int(n.Add(1)) {
				if err := accept(b, q, i); err != nil {
					b.Error(err)
					return
				}
			}
		})
	}
	all.Wait()
	accepted := b.Elapsed()
	for range benchWorkers / 10 {
		all.Go(func() {
			for drainTen(b, db, q) {
			}
		})
	}
	all.Wait()
	b.StopTimer()
	report(b, syncs, dir, before)
	b.ReportMetric(float64(b.N)/accepted.Seconds(), "accepted/s")
	b.ReportMetric(float64(b.N)/(b.Elapsed()-accepted).Seconds(), "drained/s")
	if q.Len() != 0 {
		b.Errorf("%d messages are left", q.Len())
	}
}

func accept(b *testing.B, q *embedded.Queue, n int) error {
	e := benchEvent(n)
	return q.Accept(b.Context(), e, accepted(e))
}

func drainTen(b *testing.B, db *embedded.DB, q *embedded.Queue) bool {
	got, err := q.Receive(b.Context(), 10)
	if err != nil || len(got) == 0 {
		return false
	}
	var ids []string
	var all sync.WaitGroup
	for _, r := range got {
		ids = append(ids, r.ID)
		all.Go(func() {
			if err := claimAndRecord(b, db, r); err != nil {
				b.Error(err)
			}
		})
	}
	all.Wait()
	if err := q.Delete(b.Context(), ids...); err != nil {
		b.Error(err)
	}
	return true
}
