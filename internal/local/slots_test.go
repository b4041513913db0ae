package local

import (
	"bytes"
	"context"
	"fmt"
	"log/slog"
	"testing"
	"testing/synctest"

	"github.com/jobhook/jobhook/shared/deliver"
	"github.com/jobhook/jobhook/shared/webhook"
)

// sent is so many messages of a group, with bodies of that size.
type sent struct {
	group       string
	count, size int
}

// TestSlots: the function hangs, so what is in flight shows who got the slots.
// Of 40 slots and a spare of ten, a group uses what it leaves free.
func TestSlots(t *testing.T) {
	many := func(groups, each int) (all []sent) {
		for n := range groups {
			all = append(all, sent{fmt.Sprint("g", n), each, 1})
		}
		return all
	}
	for name, c := range map[string]struct {
		first, then []sent
		want        map[string]int // in flight, of these groups
		all         int
		groups      int // with as many in flight, or one more; 0: not checked
	}{
		"a lone group has every slot": {first: []sent{{"a", 100, 1}}, want: map[string]int{"a": 40}, all: 40},
		"a newcomer begins at once": {
			first: []sent{{"a", 100, 1}}, then: []sent{{"b", 1, 1}},
			want: map[string]int{"a": 40, "b": 1}, all: 41,
		},
		"a second flood leaves room for a third": {
			first: []sent{{"a", 100, 1}}, then: []sent{{"b", 100, 1}, {"c", 1, 1}},
			want: map[string]int{"a": 40, "b": 5, "c": 1}, all: 46,
		},
		"who has little in flight may use the spare": {
			first: []sent{{"a", 35, 1}, {"b", 5, 1}}, then: []sent{{"b", 10, 1}},
			want: map[string]int{"a": 35, "b": 8}, all: 43, // a ninth would leave less free than b has
		},
		"500 groups have one each": {first: many(500, 3), all: 50, groups: 50},
		"five floods share alike":  {first: many(5, 100), all: 42, groups: 5}, // 8 each, and two of the spare
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				inFlight := fly(t, &slots{count: 40, bytes: 40 << 20}, c.first, c.then)
				total := 0
				for group, n := range inFlight {
					if total += n; c.groups > 0 && n != c.all/c.groups && n != c.all/c.groups+1 {
						t.Errorf("%s has %d in flight, want an equal share", group, n)
					}
				}
				if total != c.all {
					t.Errorf("%d in flight, want %d: %v", total, c.all, inFlight)
				}
				for group, n := range c.want {
					if inFlight[group] != n {
						t.Errorf("%s has %d in flight, want %d: %v", group, inFlight[group], n, inFlight)
					}
				}
			})
		})
	}
}

// TestLargeMessages: bytes bound what is in flight as well, and leave a spare.
func TestLargeMessages(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const size = 256 << 10 // and messageBytes each: 16 fit
		inFlight := fly(t, &slots{count: 1000, bytes: 5 << 20}, []sent{{"a", 30, size}}, []sent{{"b", 30, size}, {"c", 1, 1}})
		if a := inFlight["a"]; a < 16 || a >= 16+receiveMax {
			t.Errorf("a has %d in flight, want what 5 MiB hold and less than a receive more", a)
		}
		if inFlight["c"] != 1 {
			t.Errorf("in flight: %v, want the one of c too", inFlight)
		}
	})
}

// fly polls until all slots that can be used are, and returns what was in
// flight then, by group.
func fly(t *testing.T, s *slots, rounds ...[]sent) map[string]int {
	t.Helper()
	db, q := openQueue(t)
	inFlight, begun, end := map[string]int{}, make(chan string, 1000), make(chan struct{})
	p := poller{name: "q", queue: q, slots: s, worker: worker(slog.New(slog.DiscardHandler), func(m deliver.Message) error {
		begun <- m.Group
		<-end
		return nil
	})}
	ctx, stop := context.WithCancel(t.Context())
	stopped := make(chan struct{})
	for n, round := range rounds {
		for _, one := range round {
			var ms []webhook.Message
			for range one.count {
				ms = append(ms, webhook.Message{Group: one.group, Body: bytes.Repeat([]byte("x"), one.size)})
			}
			for _, err := range q.Send(t.Context(), ms...) {
				ok(t, err)
			}
		}
		if n == 0 {
			go func() { p.run(ctx); close(stopped) }()
		}
		synctest.Wait()
	}
	for range len(begun) {
		inFlight[<-begun]++
	}
	stop()
	close(end)
	<-stopped
	ok(t, db.Close())
	return inFlight
}

// TestAResultCounts: what the API has accepted is in its event, not in the message.
func TestAResultCounts(t *testing.T) {
	db, q := openQueue(t)
	defer db.Close()
	e := webhook.Event{MessageID: webhook.MessageID("acme", "j", "e"), Account: "acme", Result: bytes.Repeat([]byte("1"), 1000)}
	ok(t, q.Accept(t.Context(), e, webhook.Message{Body: []byte("m")}))
	got, err := q.Receive(t.Context(), 1)
	ok(t, err)
	if n := size(got[0]); n != messageBytes+1+2000 {
		t.Errorf("it counts %d bytes", n)
	}
}

// TestSlotsOfAMachine: what its open files and its queues leave.
func TestSlotsOfAMachine(t *testing.T) {
	for name, c := range map[string]struct{ queues, files, count, most int }{
		"plenty of files":   {2, 1 << 20, 2048, 2560},
		"a common limit":    {2, fewFiles, 128, 160},
		"very few files":    {2, 32, minSlots, 10},
		"a third queue":     {3, 1 << 20, 1365, 1706},
		"one queue for all": {1, 1 << 20, 4096, 5120},
	} {
		t.Run(name, func(t *testing.T) {
			if s := newSlots(c.queues, c.files); s.count != c.count || s.most() != c.most {
				t.Errorf("%d slots, %d with the spare; want %d and %d", s.count, s.most(), c.count, c.most)
			}
		})
	}
	if n := openFiles(); n < 64 {
		t.Errorf("%d open files", n)
	}
}
