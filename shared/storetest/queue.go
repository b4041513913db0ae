package storetest

import (
	"context"
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/jobhook/jobhook/shared/queue"
)

// Queue is a queue as a test sees it: what jobhook sends to, and what Lambda
// or the local runner takes from it.
type Queue interface {
	Send(ctx context.Context, m queue.Message) error
	// Receive returns up to max messages that are due, in any order, each
	// hidden from then on for the harness's Visibility; none after a short wait.
	Receive(ctx context.Context, max int) ([]Received, error)
	// Delete takes a received message away for good.
	Delete(ctx context.Context, r Received) error
}

// Received is one message as it was received once.
type Received struct {
	ID       string // stays the same each time the message comes back
	Body     string
	Reason   string
	Receives int    // how often it was received, this time included
	Handle   string // whatever Delete needs of this one receipt
}

// QueueHarness is one empty queue with its dead letters.
type QueueHarness struct {
	Queue Queue
	Dead  Queue // where a message goes when it was received MaxReceives times
	// Pass lets time go by for the queue: by moving its clock, or by waiting.
	Pass        func(d time.Duration)
	Visibility  time.Duration // at least a second
	MaxReceives int           // at least 2
}

// RunQueue checks everything a queue promises. Delays are of whole seconds,
// few of them, for the sake of queues whose time cannot be moved.
func RunQueue(t *testing.T, open func(t testing.TB) QueueHarness) {
	for name, check := range map[string]func(t *testing.T, h QueueHarness){
		"queue/bodies and reasons":       queueBodies,
		"queue/delay":                    queueDelay,
		"queue/comes back":               queueComesBack,
		"queue/deleted":                  queueDeleted,
		"queue/dead letters":             queueDead,
		"queue/all of many":              queueMany,
		"queue/late delete of a receipt": queueLateDelete,
	} {
		t.Run(name, func(t *testing.T) { check(t, open(t)) })
	}
}

// take receives exactly the messages with these bodies, in any order.
func take(t testing.TB, q Queue, want ...string) map[string]Received {
	t.Helper()
	got := map[string]Received{}
	for range 20 {
		batch, err := q.Receive(t.Context(), 10)
		must(t, err)
		for _, r := range batch {
			if _, twice := got[r.Body]; twice || !slices.Contains(want, r.Body) || r.ID == "" {
				t.Fatalf("received %+v, wanted %.200q", r, want)
			}
			got[r.Body] = r
		}
		if len(got) == len(want) && (len(want) > 0 || len(batch) == 0) {
			return got
		}
	}
	t.Fatalf("received %d messages, want %d", len(got), len(want))
	return nil
}

func queueBodies(t *testing.T, h QueueHarness) {
	want := map[string]string{}
	for n, reason := range []string{"", "not JSON: invalid character 'é' \"x\"", "a missing id"} {
		body := fmt.Sprintf(`{"n":%d,"text":"日本語 🎉 <&> \\u0000"}`, n)
		want[body] = reason
		must(t, h.Queue.Send(t.Context(), queue.Message{Body: []byte(body), Group: "acct-1", Reason: reason}))
	}
	big := string(slices.Repeat([]byte("x"), 250<<10))
	want[big] = ""
	must(t, h.Queue.Send(t.Context(), queue.Message{Body: []byte(big)}))
	for tries := 0; len(want) > 0 && tries < 20; tries++ { // a batch may hold fewer
		batch, err := h.Queue.Receive(t.Context(), 10)
		must(t, err)
		for _, r := range batch {
			reason, expected := want[r.Body]
			if !expected || r.Reason != reason || r.Receives != 1 || r.ID == "" {
				t.Errorf("received reason %q, receives %d, id %q, body %.80q; want reason %q", r.Reason, r.Receives, r.ID, r.Body, reason)
			}
			delete(want, r.Body)
			must(t, h.Queue.Delete(t.Context(), r))
		}
	}
	if len(want) > 0 {
		t.Errorf("%d messages did not come", len(want))
	}
}

func queueDelay(t *testing.T, h QueueHarness) {
	must(t, h.Queue.Send(t.Context(), queue.Message{Body: []byte("late"), Delay: 3 * time.Second}))
	must(t, h.Queue.Send(t.Context(), queue.Message{Body: []byte("now")}))
	r := take(t, h.Queue, "now")["now"]
	must(t, h.Queue.Delete(t.Context(), r))
	h.Pass(time.Second)
	take(t, h.Queue) // nothing
	h.Pass(3 * time.Second)
	if r := take(t, h.Queue, "late")["late"]; r.Receives != 1 {
		t.Errorf("Receives is %d, want 1", r.Receives)
	}
}

func queueComesBack(t *testing.T, h QueueHarness) {
	must(t, h.Queue.Send(t.Context(), queue.Message{Body: []byte("m"), Reason: "why"}))
	first := take(t, h.Queue, "m")["m"]
	take(t, h.Queue) // hidden
	h.Pass(h.Visibility + time.Second)
	second := take(t, h.Queue, "m")["m"]
	if second.ID != first.ID || second.Receives != 2 || second.Reason != "why" {
		t.Errorf("came back as %+v, was %+v: want the same ID and Reason, Receives 2", second, first)
	}
}

func queueDeleted(t *testing.T, h QueueHarness) {
	for _, body := range []string{"gone", "stays"} {
		must(t, h.Queue.Send(t.Context(), queue.Message{Body: []byte(body)}))
	}
	got := take(t, h.Queue, "gone", "stays")
	must(t, h.Queue.Delete(t.Context(), got["gone"]))
	h.Pass(h.Visibility + time.Second)
	back := take(t, h.Queue, "stays")["stays"]
	must(t, h.Queue.Delete(t.Context(), back))
	must(t, h.Queue.Delete(t.Context(), back)) // deleting twice is harmless
	h.Pass(h.Visibility + time.Second)
	take(t, h.Queue)
	take(t, h.Dead)
}

func queueDead(t *testing.T, h QueueHarness) {
	must(t, h.Queue.Send(t.Context(), queue.Message{Body: []byte("poison"), Group: "acct-1", Reason: "why"}))
	for n := range h.MaxReceives {
		r := take(t, h.Queue, "poison")["poison"]
		if r.Receives != n+1 {
			t.Errorf("Receives is %d, want %d", r.Receives, n+1)
		}
		h.Pass(h.Visibility + time.Second)
	}
	take(t, h.Queue) // some queues move it only when it would be received again
	r := take(t, h.Dead, "poison")["poison"]
	if r.Reason != "why" {
		t.Errorf("dead letter's Reason is %q, want %q", r.Reason, "why")
	}
	h.Pass(h.Visibility + time.Second)
	take(t, h.Queue)
}

func queueMany(t *testing.T, h QueueHarness) {
	var want []string
	for n := range 60 {
		want = append(want, fmt.Sprint("m", n))
		must(t, h.Queue.Send(t.Context(), queue.Message{Body: []byte(want[n]), Group: fmt.Sprint("acct-", n%5)}))
	}
	ids := map[string]bool{}
	for _, r := range take(t, h.Queue, want...) {
		ids[r.ID] = true
		must(t, h.Queue.Delete(t.Context(), r))
	}
	if len(ids) != len(want) {
		t.Errorf("%d ids for %d messages", len(ids), len(want))
	}
	h.Pass(h.Visibility + time.Second)
	take(t, h.Queue)
}

// queueLateDelete: who still holds the latest receipt after its visibility ran
// out may delete the message, as long as nobody else has received it since.
func queueLateDelete(t *testing.T, h QueueHarness) {
	must(t, h.Queue.Send(t.Context(), queue.Message{Body: []byte("m")}))
	r := take(t, h.Queue, "m")["m"]
	h.Pass(h.Visibility + time.Second)
	must(t, h.Queue.Delete(t.Context(), r))
	take(t, h.Queue)
}
