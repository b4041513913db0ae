package storetest

import (
	"fmt"
	"testing"
	"time"

	"github.com/jobhook/jobhook/shared/webhook"
)

func queueAgain(t *testing.T, h QueueHarness) {
	h.send(t, webhook.Message{Body: []byte("m"), Reason: "why"})
	first := take(t, h.Queue, "m")["m"]
	take(t, h.Queue) // hidden
	h.Pass(h.Visibility + time.Second)
	second := take(t, h.Queue, "m")["m"]
	if second.ID != first.ID || second.Receives != 2 || second.Reason != "why" {
		t.Errorf("received again as %+v, was %+v: want the same ID and Reason, Receives 2", second, first)
	}
}

func queueDeleted(t *testing.T, h QueueHarness) {
	h.send(t, bodies("gone", "stays")...)
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
	h.send(t, webhook.Message{Body: []byte("poison"), Group: account, Reason: "why"})
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
		t.Errorf("the dead letter's Reason is %q, want %q", r.Reason, "why")
	}
	h.Pass(h.Visibility + time.Second)
	take(t, h.Queue)
}

// queueLateDelete: the holder of the latest receipt may delete the message after
// its visibility ran out, as long as nobody else has received it since.
func queueLateDelete(t *testing.T, h QueueHarness) {
	h.send(t, bodies("m")...)
	r := take(t, h.Queue, "m")["m"]
	h.Pass(h.Visibility + time.Second)
	must(t, h.Queue.Delete(t.Context(), r))
	take(t, h.Queue)
}

// hide changes the visibility of received messages in one call.
func (h QueueHarness) hide(t testing.TB, after time.Duration, received ...Received) {
	t.Helper()
	change := map[string]time.Duration{}
	for _, r := range received {
		change[r.Handle] = after
	}
	must(t, h.Queue.ChangeVisibility(t.Context(), change))
}

func queueAtOnce(t *testing.T, h QueueHarness) {
	h.send(t, bodies("m")...)
	first := take(t, h.Queue, "m")["m"]
	h.hide(t, 0, first)
	second := take(t, h.Queue, "m")["m"]
	if second.ID != first.ID || second.Receives != 2 {
		t.Errorf("received again as %+v, was %+v: want the same ID, Receives 2", second, first)
	}
	take(t, h.Queue) // hidden as usual
	must(t, h.Queue.Delete(t.Context(), second))
	h.Pass(h.Visibility + time.Second)
	take(t, h.Queue)
}

// queueLater: hidden for longer than by itself, counted from the change.
func queueLater(t *testing.T, h QueueHarness) {
	h.send(t, bodies("m")...)
	r := take(t, h.Queue, "m")["m"]
	h.Pass(time.Second)
	h.hide(t, h.Visibility+2*time.Second, r)
	h.Pass(h.Visibility)
	take(t, h.Queue)
	h.Pass(3 * time.Second)
	if again := take(t, h.Queue, "m")["m"]; again.Receives != 2 {
		t.Errorf("Receives is %d, want 2", again.Receives)
	}
}

func queueEachItsOwn(t *testing.T, h QueueHarness) {
	h.send(t, bodies("now", "later", "unchanged")...)
	got := take(t, h.Queue, "now", "later", "unchanged")
	must(t, h.Queue.ChangeVisibility(t.Context(), map[string]time.Duration{
		got["now"].Handle: 0, got["later"].Handle: 2*h.Visibility + 4*time.Second,
	}))
	now := take(t, h.Queue, "now")["now"]
	must(t, h.Queue.Delete(t.Context(), now))
	h.Pass(h.Visibility + time.Second)
	must(t, h.Queue.Delete(t.Context(), take(t, h.Queue, "unchanged")["unchanged"]))
	h.Pass(h.Visibility + 4*time.Second)
	take(t, h.Queue, "later")
}

// queueChangeMany changes more than some queues take in one call of their own.
func queueChangeMany(t *testing.T, h QueueHarness) {
	var want []string
	for n := range 25 {
		want = append(want, fmt.Sprint("m", n))
	}
	h.send(t, bodies(want...)...)
	var received []Received
	for _, r := range take(t, h.Queue, want...) {
		received = append(received, r)
	}
	h.hide(t, 0, received...)
	for body, r := range take(t, h.Queue, want...) {
		if r.Receives != 2 {
			t.Errorf("%s: Receives is %d, want 2", body, r.Receives)
		}
	}
}

// queueChangeDeleted: a deleted message stays deleted, and the others of the
// call are changed, whether the queue answers with an error or not.
func queueChangeDeleted(t *testing.T, h QueueHarness) {
	h.send(t, bodies("deleted", "stays")...)
	got := take(t, h.Queue, "deleted", "stays")
	must(t, h.Queue.Delete(t.Context(), got["deleted"]))
	_ = h.Queue.ChangeVisibility(t.Context(), map[string]time.Duration{got["deleted"].Handle: 0, got["stays"].Handle: 0})
	take(t, h.Queue, "stays")
}
