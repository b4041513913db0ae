package storetest

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/jobhook/jobhook/shared/webhook"
)

func queueBodies(t *testing.T, h QueueHarness) {
	want := map[string]string{}
	for n, reason := range []string{"", "not JSON: invalid character 'é' \"x\"", "a missing id"} {
		body := fmt.Sprintf(`{"n":%d,"text":"日本語 🎉 <&> \\u0000"}`, n)
		want[body] = reason
		h.send(t, webhook.Message{Body: []byte(body), Group: account, Reason: reason})
	}
	large := strings.Repeat("x", 250<<10)
	want[large] = ""
	h.send(t, bodies(large)...)
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

func queueNone(t *testing.T, h QueueHarness) {
	h.send(t)
	must(t, h.Queue.ChangeVisibility(t.Context(), nil))
	take(t, h.Queue)
}

// queueMany sends more than some queues take in one call of their own.
func queueMany(t *testing.T, h QueueHarness) {
	var ms []webhook.Message
	var want []string
	for n := range 25 {
		want = append(want, fmt.Sprint("m", n))
		ms = append(ms, webhook.Message{Body: []byte(want[n]), Group: fmt.Sprint("acct-", n%5), Reason: fmt.Sprint("reason ", n)})
	}
	h.send(t, ms...)
	ids := map[string]bool{}
	got := take(t, h.Queue, want...)
	for n, body := range want {
		r := got[body]
		if r.Reason != fmt.Sprint("reason ", n) {
			t.Errorf("%s has reason %q", body, r.Reason)
		}
		ids[r.ID] = true
		must(t, h.Queue.Delete(t.Context(), r))
	}
	if len(ids) != len(want) {
		t.Errorf("%d ids for %d messages", len(ids), len(want))
	}
	h.Pass(h.Visibility + time.Second)
	take(t, h.Queue)
}

// queueLarge sends more bytes than some queues take in one call of their own.
func queueLarge(t *testing.T, h QueueHarness) {
	var want []string
	for n := range 6 {
		want = append(want, fmt.Sprint(n, strings.Repeat("x", 200<<10)))
	}
	h.send(t, bodies(want...)...)
	take(t, h.Queue, want...)
}

// queueAnswers: a delay that is none fails its message alone.
func queueAnswers(t *testing.T, h QueueHarness) {
	const longest = 900 * time.Second // schedule.MaxHop, the longest that SQS takes
	var ms []webhook.Message
	var want []string
	for n := range 25 {
		m := webhook.Message{Body: fmt.Append(nil, "m", n)}
		switch n {
		case 3:
			m.Delay = longest + time.Second
		case 12:
			m.Delay = -time.Second
		case 20:
			m.Delay = longest
		default:
			want = append(want, string(m.Body))
		}
		ms = append(ms, m)
	}
	got := h.Queue.Send(t.Context(), ms...)
	if len(got) != len(ms) {
		t.Fatalf("%d answers for %d messages", len(got), len(ms))
	}
	for n, err := range got {
		if refused := n == 3 || n == 12; (err != nil) != refused {
			t.Errorf("message %d, delay %v: error %v", n, ms[n].Delay, err)
		}
	}
	take(t, h.Queue, want...)
}

func queueDelay(t *testing.T, h QueueHarness) {
	h.send(t, webhook.Message{Body: []byte("late"), Delay: 3 * time.Second}, webhook.Message{Body: []byte("now")})
	r := take(t, h.Queue, "now")["now"]
	must(t, h.Queue.Delete(t.Context(), r))
	h.Pass(time.Second)
	take(t, h.Queue) // nothing
	h.Pass(3 * time.Second)
	if r := take(t, h.Queue, "late")["late"]; r.Receives != 1 {
		t.Errorf("Receives is %d, want 1", r.Receives)
	}
}
