package storetest

import (
	"context"
	"slices"
	"testing"
	"time"

	"github.com/jobhook/jobhook/shared/webhook"
)

// Queue is a queue as a test sees it: what jobhook sends to, and what Lambda
// or the local runner takes from it.
type Queue interface {
	// Send sends each message by itself; the answer has an entry for each.
	Send(ctx context.Context, ms ...webhook.Message) []error
	// Receive returns up to max messages that are due, in any order, each
	// hidden from then on for the harness's Visibility; none after a short wait.
	Receive(ctx context.Context, max int) ([]Received, error)
	// ChangeVisibility hides received messages, by their Handle, for so long
	// from now, in whole seconds.
	ChangeVisibility(ctx context.Context, after map[string]time.Duration) error
	// Delete takes a received message away for good.
	Delete(ctx context.Context, r Received) error
}

// Received is one message as it was received once.
type Received struct {
	ID       string // stays the same each time the message is received
	Body     string
	Reason   string
	Receives int    // how often it was received, this time included
	Handle   string // whatever ChangeVisibility and Delete need of this one receipt
}

// QueueHarness is one empty queue with its dead-letter queue.
type QueueHarness struct {
	Queue Queue
	Dead  Queue // where a message goes when it was received MaxReceives times
	// Pass lets time go by for the queue: by moving its clock, or by waiting.
	Pass        func(d time.Duration)
	Visibility  time.Duration // at least a second
	MaxReceives int           // at least 2
	// Unfair: the queue does not share itself out among message groups.
	Unfair bool
}

// RunQueue checks everything a queue promises. Delays are of whole seconds,
// few of them, for the sake of queues whose time cannot be moved.
func RunQueue(t *testing.T, open func(t testing.TB) QueueHarness) {
	for name, check := range map[string]func(t *testing.T, h QueueHarness){
		"send/bodies and reasons":         queueBodies,
		"send/none":                       queueNone,
		"send/25 at once":                 queueMany,
		"send/large ones at once":         queueLarge,
		"send/each its own answer":        queueAnswers,
		"send/delay":                      queueDelay,
		"receive/again":                   queueAgain,
		"receive/dead letters":            queueDead,
		"receive/deleted":                 queueDeleted,
		"receive/late delete":             queueLateDelete,
		"visibility/at once":              queueAtOnce,
		"visibility/later":                queueLater,
		"visibility/each its own":         queueEachItsOwn,
		"visibility/25 at once":           queueChangeMany,
		"visibility/of a deleted message": queueChangeDeleted,
		"groups/a flood":                  queueFlood,
		"groups/turns":                    queueTurns,
	} {
		t.Run(name, func(t *testing.T) { check(t, open(t)) })
	}
}

// send sends messages in one call; all must be accepted.
func (h QueueHarness) send(t testing.TB, ms ...webhook.Message) {
	t.Helper()
	got := h.Queue.Send(t.Context(), ms...)
	if len(got) != len(ms) {
		t.Fatalf("%d answers for %d messages", len(got), len(ms))
	}
	for _, err := range got {
		must(t, err)
	}
}

// bodies are messages without anything but a body.
func bodies(texts ...string) []webhook.Message {
	var ms []webhook.Message
	for _, text := range texts {
		ms = append(ms, webhook.Message{Body: []byte(text)})
	}
	return ms
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
				t.Fatalf("received id %q, receives %d, body %.80q (already: %v); wanted %.200q", r.ID, r.Receives, r.Body, twice, want)
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
