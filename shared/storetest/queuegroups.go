package storetest

import (
	"fmt"
	"testing"

	"github.com/jobhook/jobhook/shared/webhook"
)

// group is n messages of a message group, whose bodies begin with its name.
func group(name string, n int) (ms []webhook.Message) {
	for i := range n {
		ms = append(ms, webhook.Message{Body: fmt.Append(nil, name, "/", i), Group: name})
	}
	return ms
}

// queueFlood: what is sent behind thousands of another group's, some of them in
// flight, is received next.
func queueFlood(t *testing.T, h QueueHarness) {
	if h.Unfair {
		t.Skip("it does not share itself out among groups")
	}
	h.send(t, group("flood", 2000)...)
	for flying := 0; flying < 50; {
		got, err := h.Queue.Receive(t.Context(), 10)
		must(t, err)
		flying += len(got)
	}
	h.send(t, group("other", 1)...)
	got, err := h.Queue.Receive(t.Context(), 10)
	must(t, err)
	for _, r := range got {
		if r.Body == "other/0" {
			return
		}
	}
	t.Errorf("received %d of the flood before the other group's message", len(got))
}

// queueTurns: groups with as many in flight take turns, each its oldest first.
func queueTurns(t *testing.T, h QueueHarness) {
	if h.Unfair {
		t.Skip("it does not share itself out among groups")
	}
	for _, name := range []string{"a", "b", "c"} {
		h.send(t, group(name, 4)...)
	}
	for n := range 4 {
		seen := map[string]bool{}
		for range 3 {
			got, err := h.Queue.Receive(t.Context(), 1)
			must(t, err)
			for _, r := range got {
				seen[r.Body] = true
			}
		}
		for _, name := range []string{"a", "b", "c"} {
			if !seen[fmt.Sprint(name, "/", n)] {
				t.Errorf("turn %d: received %v, want one of each group", n, seen)
			}
		}
	}
}
