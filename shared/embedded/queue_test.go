package embedded

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/jobhook/jobhook/shared/schedule"
	"github.com/jobhook/jobhook/shared/webhook"
)

// TestCommitBehindTheCursor: a message whose delay ended a moment ago was sent
// long before one that is sent now but has its place before it.
func TestCommitBehindTheCursor(t *testing.T) {
	clock := newClock()
	db := openDB(t, t.TempDir(), clock.Now)
	q := newQueue(t, db, "q", QueueConfig{})
	send(t, q, "delayed", 10*time.Second)
	clock.Set(clock.Now().Add(20 * time.Second))
	if got := bodies(t, q, 10); !slices.Equal(got, []string{"delayed"}) {
		t.Fatalf("received %q", got)
	}
	clock.Set(clock.Now().Add(-15 * time.Second)) // so does a clock that was set back
	send(t, q, "behind", 0)
	if got := bodies(t, q, 10); !slices.Equal(got, []string{"behind"}) {
		t.Errorf("received %q, want the one behind", got)
	}
	if got := bodies(t, q, 10); got != nil {
		t.Errorf("received %q once more", got)
	}
}

// TestReceiversAndSenders: nothing is missed and nothing given out twice,
// however sends with delays and receipts fall together.
func TestReceiversAndSenders(t *testing.T) {
	db := openDB(t, t.TempDir(), time.Now)
	q := newQueue(t, db, "q", QueueConfig{Visibility: time.Hour})
	const senders, each = 8, 50
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	var sending, receiving sync.WaitGroup
	for s := range senders {
		sending.Go(func() {
			for n := range each {
				delay := time.Duration(n%5) * time.Millisecond
				if err := q.Send(ctx, webhook.Message{Body: fmt.Appendf(nil, "%d/%d", s, n), Delay: delay})[0]; err != nil {
					t.Error(err)
				}
			}
		})
	}
	var mu sync.Mutex
	seen := map[string]bool{}
	for range 4 {
		receiving.Go(func() {
			for q.Wait(ctx) == nil {
				got, err := q.Receive(ctx, 3)
				var ids []string
				mu.Lock()
				for _, r := range got {
					if seen[string(r.Body)] || r.Receives != 1 {
						t.Errorf("%s came twice", r.Body)
					}
					seen[string(r.Body)] = true
					ids = append(ids, r.ID)
				}
				done := len(seen) == senders*each
				mu.Unlock()
				if err = errors.Join(err, q.Delete(context.WithoutCancel(ctx), ids...)); err != nil && ctx.Err() == nil {
					t.Error(err)
				}
				if done {
					cancel()
				}
			}
		})
	}
	sending.Wait()
	receiving.Wait()
	if len(seen) != senders*each || q.Len() != 0 {
		t.Errorf("%d of %d came, %d left", len(seen), senders*each, q.Len())
	}
}

func TestReopeningShowsWhatWasGivenOut(t *testing.T) {
	dir, clock := t.TempDir(), newClock()
	db := openDB(t, dir, clock.Now)
	q := newQueue(t, db, "q", QueueConfig{})
	send(t, q, "a", 0)
	send(t, q, "b", 0)
	send(t, q, "c", time.Minute)
	first := receive(t, q, 10)
	must(t, q.Delete(t.Context(), first[1].ID))
	must(t, db.Close())
	db = openDB(t, dir, clock.Now)
	q = newQueue(t, db, "q", QueueConfig{})
	got := receive(t, q, 10)
	if len(got) != 1 || got[0].ID != first[0].ID || q.Len() != 2 {
		t.Errorf("received %+v of %d, want %q at once under its id", got, q.Len(), "a")
	}
	clock.Set(clock.Now().Add(time.Minute))
	if got := bodies(t, q, 10); !slices.Equal(got, []string{"c", "a"}) && !slices.Equal(got, []string{"a", "c"}) {
		t.Errorf("received %q, want the delayed one and the one that came back", got)
	}
}

func TestQueuesAreApart(t *testing.T) {
	db := openDB(t, t.TempDir(), newClock().Now)
	var queues []*Queue
	for _, name := range []string{"a", "aa", "b"} {
		q := newQueue(t, db, name, QueueConfig{})
		queues = append(queues, q)
		send(t, q, name, 0)
	}
	ids := map[string]bool{}
	for _, q := range queues {
		got := receive(t, q, 10)
		if len(got) != 1 || string(got[0].Body) != q.name || ids[got[0].ID] {
			t.Errorf("%s: received %+v", q.name, got)
		}
		ids[got[0].ID] = true
		for _, other := range queues {
			if other != q {
				must(t, other.Delete(t.Context(), got[0].ID)) // not its own
			}
		}
		if q.Len() != 1 {
			t.Errorf("%s holds %d", q.name, q.Len())
		}
	}
}

func TestDeadLettersKeepWhatIsKnown(t *testing.T) {
	clock := newClock()
	db := openDB(t, t.TempDir(), clock.Now)
	q := newQueue(t, db, "retries", QueueConfig{MaxReceives: 2, DeadLetters: "dead"})
	must(t, q.Send(t.Context(), webhook.Message{Body: []byte("poison"), Group: "acct"})[0])
	must(t, q.Send(t.Context(), webhook.Message{Body: []byte("next"), Group: "acct", Delay: 5 * time.Minute})[0])
	sent := clock.Now()
	for range 2 {
		if got := bodies(t, q, 1); !slices.Equal(got, []string{"poison"}) {
			t.Fatalf("received %q", got)
		}
		clock.Set(clock.Now().Add(3 * time.Minute))
	}
	// A dead letter takes nobody's turn, and the queue need not be open for it.
	if got := bodies(t, q, 1); !slices.Equal(got, []string{"next"}) {
		t.Errorf("received %q, want what comes after", got)
	}
	dead := newQueue(t, db, "dead", QueueConfig{})
	list, next, err := dead.List(t.Context(), 10, "")
	must(t, err)
	if len(list) != 1 || next != "" || list[0].Group != "acct" || !list[0].SentAt.Equal(sent) || !strings.Contains(list[0].Reason, "retries") {
		t.Errorf("dead letters: %+v", list)
	}
	if q.Len() != 1 || dead.Len() != 1 {
		t.Errorf("%d and %d messages, want 1 and 1", q.Len(), dead.Len())
	}
}

// TestListPages: the order is by time, whatever the groups.
func TestListPages(t *testing.T) {
	clock := newClock()
	db := openDB(t, t.TempDir(), clock.Now)
	q := newQueue(t, db, "rejected", QueueConfig{})
	want := []string{"0", "1", "2", "3", "4", "5", "6"}
	for n, body := range want {
		m := webhook.Message{Body: []byte(body), Delay: time.Duration(n) * time.Second, Group: []string{"a", "", "b"}[n*n%3]}
		must(t, q.Send(t.Context(), m)[0])
	}
	receive(t, q, 1)
	for _, limit := range []int{1, 2, 7, 9} {
		var got []string
		for cursor, first := "", true; first || cursor != ""; first = false {
			page, next, err := q.List(t.Context(), limit, cursor)
			must(t, err)
			for _, r := range page {
				got = append(got, string(r.Body))
			}
			cursor = next
		}
		if !slices.Equal(got, want) {
			t.Errorf("pages of %d: %q", limit, got)
		}
	}
	for _, cursor := range []string{"x", "AAAA", "!", "bQ"} {
		if _, _, err := q.List(t.Context(), 1, cursor); !errors.Is(err, webhook.ErrCursor) {
			t.Errorf("cursor %q: %v", cursor, err)
		}
	}
}

func TestWait(t *testing.T) {
	dir := t.TempDir()
	synctest.Test(t, func(t *testing.T) {
		db := openDB(t, dir, time.Now)
		q := newQueue(t, db, "q", QueueConfig{Visibility: 30 * time.Second})
		if _, ok := q.NextVisible(); ok {
			t.Error("an empty queue has a next message")
		}
		start := time.Now()
		wait := func(what string, want time.Duration) {
			t.Helper()
			must(t, q.Wait(t.Context()))
			if got := time.Since(start); got != want {
				t.Errorf("%s: waited until %s, want %s", what, got, want)
			}
		}
		send(t, q, "later", 10*time.Second)
		go func() {
			time.Sleep(4 * time.Second)
			send(t, q, "sooner", 2*time.Second)
		}()
		wait("a message sent meanwhile", 6*time.Second)
		receive(t, q, 10)
		wait("the next delay", 10*time.Second)
		receive(t, q, 10)
		wait("a visibility", 36*time.Second)
		if at, ok := q.NextVisible(); !ok || at.Sub(start) != 36*time.Second {
			t.Errorf("next visible %s, %v", at.Sub(start), ok)
		}
		for _, r := range receive(t, q, 10) {
			must(t, q.Delete(t.Context(), r.ID))
		}
		wait("the other visibility", 40*time.Second)
		for _, r := range receive(t, q, 10) {
			must(t, q.Delete(t.Context(), r.ID))
		}
		ctx, cancel := context.WithTimeout(t.Context(), time.Hour)
		defer cancel()
		if err := q.Wait(ctx); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("nothing left to wait for: %v", err)
		}
		must(t, db.Close())
	})
}

func TestQueueSettings(t *testing.T) {
	db := openDB(t, t.TempDir(), time.Now)
	good := QueueConfig{Visibility: time.Second, MaxReceives: 3, DeadLetters: "dead"}
	first, err := db.Queue("q", good)
	must(t, err)
	again, err := db.Queue("q", good)
	must(t, err)
	if first != again {
		t.Error("the same name gives another queue")
	}
	for what, c := range map[string]struct {
		name string
		cfg  QueueConfig
	}{
		"other settings":  {"q", QueueConfig{Visibility: time.Minute}},
		"no visibility":   {"r", QueueConfig{}},
		"no name":         {"", good},
		"a bad name":      {"Q/1", good},
		"itself as dead":  {"dead", good},
		"a bad dead name": {"r", QueueConfig{Visibility: 1, MaxReceives: 1, DeadLetters: "?"}},
	} {
		if _, err := db.Queue(c.name, c.cfg); err == nil {
			t.Errorf("%s: no error", what)
		}
	}
	if err := first.Delete(t.Context(), "not an id"); err == nil {
		t.Error("deleting by what is no id: no error")
	}
}

// TestAccept: an event and the message about it land together; of a second event
// under the id, neither does.
func TestAccept(t *testing.T) {
	db := openDB(t, t.TempDir(), newClock().Now)
	q := newQueue(t, db, "completions", QueueConfig{})
	e := event(1, time.Time{})
	before := db.Commits()
	must(t, q.Accept(t.Context(), e, webhook.Message{Body: []byte("accepted")}))
	if n := db.Commits() - before; n != 1 {
		t.Errorf("%d commits, want 1", n)
	}
	other := e
	other.Rev, other.Hash = "another", "another"
	if err := q.Accept(t.Context(), other, webhook.Message{Body: []byte("lost")}); !errors.Is(err, webhook.ErrLost) {
		t.Errorf("the second: %v, want ErrLost", err)
	}
	if err := q.Send(t.Context(), webhook.Message{Body: make([]byte, MaxBody+1)})[0]; !errors.Is(err, ErrTooLarge) {
		t.Errorf("a body of a byte too many: %v, want ErrTooLarge", err)
	}
	third := event(3, time.Time{})
	if err := q.Accept(t.Context(), third, webhook.Message{Body: make([]byte, MaxBody+1)}); !errors.Is(err, ErrTooLarge) {
		t.Errorf("a message that is too large: %v, want ErrTooLarge", err)
	}
	if have, _ := lookUp(t, db, third); have != nil {
		t.Error("an event is there whose message was refused")
	}
	if have, _ := lookUp(t, db, e); have == nil || have.Hash != e.Hash {
		t.Errorf("stored is %+v, want the first", have)
	}
	if got := bodies(t, q, 10); !slices.Equal(got, []string{"accepted"}) || q.Len() != 1 {
		t.Errorf("received %q of %d, want the first's message alone", got, q.Len())
	}
}

// TestHandedOver: an accepted event comes with its message, without being read
// again, as long as there is room for it in memory; at the next receive it is read.
func TestHandedOver(t *testing.T) {
	clock := newClock()
	dir := t.TempDir()
	db := openDB(t, dir, clock.Now)
	q := newQueue(t, db, "completions", QueueConfig{})
	large := event(9, time.Time{})
	large.Result = []byte(`"` + strings.Repeat("x", maxHanded/20) + `"`)
	accept := func(n int, e webhook.Event) {
		e.MessageID, e.EventID = fmt.Sprintf("msg_%d", n), fmt.Sprint(n)
		must(t, q.Accept(t.Context(), e, webhook.Message{Body: fmt.Append(nil, n)}))
	}
	for n := range 30 {
		accept(n, large)
	}
	handed := 0
	for n, m := range receive(t, q, 30) {
		if string(m.Body) != fmt.Sprint(n) || m.Receives != 1 || m.Result != len(large.Result) || m.SentAt.IsZero() {
			t.Errorf("message %d is %q of %s, received %d times, with %d bytes", n, m.Body, m.SentAt, m.Receives, m.Result)
		}
		if m.Event != nil {
			if handed++; m.Event.MessageID != fmt.Sprintf("msg_%d", n) || !bytes.Equal(m.Event.Result, large.Result) {
				t.Errorf("message %d comes with event %s", n, m.Event.MessageID)
			}
		}
	}
	if handed < 15 || handed > 20 || q.handedBytes != 0 || len(q.handed) != 0 {
		t.Errorf("%d of 30 were handed over; %d of %d bytes are left", handed, len(q.handed), q.handedBytes)
	}
	clock.Set(clock.Now().Add(time.Hour))
	for _, m := range receive(t, q, 30) {
		if m.Event != nil || m.Receives != 2 || m.Result != len(large.Result) {
			t.Errorf("message %q comes with its event at receive %d", m.Body, m.Receives)
		}
	}
	accept(30, large) // never received
	waiting, _, err := q.List(t.Context(), 100, "")
	must(t, err)
	must(t, q.Delete(t.Context(), waiting[len(waiting)-1].ID))
	if q.handedBytes != 0 || len(q.handed) != 0 {
		t.Errorf("%d of %d bytes are left of a message that is deleted", len(q.handed), q.handedBytes)
	}
}

// TestChangeVisibility: each message has an end of its own, Wait wakes for it,
// and what is not in flight is ignored.
func TestChangeVisibility(t *testing.T) {
	dir := t.TempDir()
	synctest.Test(t, func(t *testing.T) {
		db := openDB(t, dir, time.Now)
		q := newQueue(t, db, "q", QueueConfig{Visibility: 30 * time.Second})
		start := time.Now()
		ids := map[string]string{}
		for _, body := range []string{"a", "b", "c", "deleted"} {
			send(t, q, body, 0)
			ids[body] = receive(t, q, 1)[0].ID
		}
		must(t, q.Delete(t.Context(), ids["deleted"]))
		send(t, q, "not received", schedule.MaxHop)
		waiting, _, err := q.List(t.Context(), 10, "")
		must(t, err)
		go func() {
			time.Sleep(time.Second)
			must(t, q.ChangeVisibility(t.Context(), map[string]time.Duration{
				ids["a"]: time.Minute, ids["b"]: 0, ids["c"]: 5 * time.Second,
				ids["deleted"]: 0, "unknown": 0, waiting[len(waiting)-1].ID: 0,
			}))
		}()
		for _, want := range []struct {
			body string
			at   time.Duration
		}{{"b", time.Second}, {"c", 6 * time.Second}, {"b", 31 * time.Second}, {"c", 36 * time.Second}, {"a", 61 * time.Second}} {
			must(t, q.Wait(t.Context()))
			got := receive(t, q, 10)
			if len(got) == 0 || string(got[0].Body) != want.body || time.Since(start) != want.at {
				t.Fatalf("received %+v after %s, want %s after %s", got, time.Since(start), want.body, want.at)
			}
		}
		must(t, db.Close())
	})
}
