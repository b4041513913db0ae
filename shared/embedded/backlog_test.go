package embedded

import (
	"fmt"
	"math/rand/v2"
	"os"
	"runtime"
	"slices"
	"strconv"
	"testing"
	"time"

	"github.com/jobhook/jobhook/shared/webhook"
)

// TestBacklog drains a queue of many groups, with acknowledgements out of order
// and a restart midway: the last tenth costs Receive as many moves of a cursor
// as the first. JOBHOOK_BACKLOG=1000000 is the full size, of 10,000 groups.
func TestBacklog(t *testing.T) {
	messages := 20_000
	if testing.Short() {
		messages = 5000
	}
	if n, err := strconv.Atoi(os.Getenv("JOBHOOK_BACKLOG")); err == nil {
		messages = n
	}
	dir, tenth := t.TempDir(), messages/10
	db := openDB(t, dir, time.Now)
	cfg := QueueConfig{Visibility: time.Hour}
	q := newQueue(t, db, "q", cfg)
	flood(t, q, messages, messages/100)
	memory := liveHeap()
	var steps [10]int
	var took [10]time.Duration
	var unacknowledged []string
	for done := 0; done < messages; {
		if done == messages/2 {
			must(t, q.Delete(t.Context(), unacknowledged...)) // else they are received once more
			unacknowledged = nil
			must(t, db.Close())
			db = openDB(t, dir, time.Now)
			q = newQueue(t, db, "q", cfg)
		}
		before, began := q.steps, time.Now()
		got := receive(t, q, 10)
		steps[done/tenth] += q.steps - before
		took[done/tenth] += time.Since(began)
		if len(got) != 10 {
			t.Fatalf("received %d after %d of %d", len(got), done, messages)
		}
		for _, r := range got {
			unacknowledged = append(unacknowledged, r.ID)
		}
		if done += 10; len(unacknowledged) >= 1000 {
			rand.Shuffle(len(unacknowledged), func(i, j int) {
				unacknowledged[i], unacknowledged[j] = unacknowledged[j], unacknowledged[i]
			})
			must(t, q.Delete(t.Context(), unacknowledged[500:]...))
			unacknowledged = unacknowledged[:500]
		}
		if len(q.flights) > 1000 {
			t.Fatalf("%d flights are kept in memory", len(q.flights))
		}
	}
	t.Logf("%d messages: %.1f steps each; receiving took %v by tenths; heap %d KB with all waiting, %d KB with none",
		messages, float64(steps[0])/float64(tenth), took, memory>>10, liveHeap()>>10)
	if last, first := slices.Max(steps[1:]), steps[0]; float64(last) > 1.1*float64(first) || first > 3*tenth {
		t.Errorf("%v steps a tenth: want no more for any than for the first, at most 3 a message", steps)
	}
	must(t, q.Delete(t.Context(), unacknowledged...))
	if q.Len() != 0 || len(q.groups)+len(q.flights)+q.ready.Len()+q.waiting.Len()+q.flying.Len() != 0 {
		t.Errorf("an empty queue of %d messages keeps %d groups and %d flights", q.Len(), len(q.groups), len(q.flights))
	}
}

func flood(t *testing.T, q *Queue, messages, groups int) {
	t.Helper()
	for sent := 0; sent < messages; {
		var batch []webhook.Message
		for ; len(batch) < 1000 && sent < messages; sent++ {
			batch = append(batch, webhook.Message{Body: fmt.Append(nil, sent), Group: fmt.Sprint("acct-", sent%groups)})
		}
		for _, err := range q.Send(t.Context(), batch...) {
			must(t, err)
		}
	}
}

func liveHeap() int64 {
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return int64(m.HeapAlloc)
}
