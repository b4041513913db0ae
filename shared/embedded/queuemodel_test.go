package embedded

import (
	"cmp"
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"github.com/jobhook/jobhook/shared/webhook"
)

// modelMessage is what a message is to a queue that looks at all of them each time.
type modelMessage struct {
	body, group, id string
	visible         time.Time
	sent            int
	receives        int
	working         bool // received, and not given back for later
}

type queueModel struct {
	all  []*modelMessage
	sent int
}

func (m *queueModel) flying(group string, now time.Time) (n int) {
	for _, one := range m.all {
		if one.group == group && one.working && one.visible.After(now) {
			n++
		}
	}
	return n
}

// next is the message that may be received now: by its group's messages in
// flight; of its group the one that returned first, else the oldest. Groups with
// as many in flight are equals here.
func (m *queueModel) next(now time.Time, below int) (least int, first map[string]*modelMessage) {
	least, first = below, map[string]*modelMessage{}
	for _, one := range m.all {
		n := m.flying(one.group, now)
		if one.visible.After(now) || n > least || n >= below {
			continue
		}
		if n < least {
			least, first = n, map[string]*modelMessage{}
		}
		have := first[one.group]
		if have == nil || m.before(one, have) {
			first[one.group] = one
		}
	}
	return least, first
}

func (m *queueModel) before(a, b *modelMessage) bool {
	return cmp.Or(cmp.Compare(min(b.receives, 1), min(a.receives, 1)), a.visible.Compare(b.visible), cmp.Compare(a.sent, b.sent)) < 0
}

// TestQueueAgainstAModel does at random what can be done with a queue.
func TestQueueAgainstAModel(t *testing.T) {
	for seed := range uint64(8) {
		t.Run(fmt.Sprint("seed ", seed), func(t *testing.T) { againstModel(t, rand.New(rand.NewPCG(seed, 9))) })
	}
}

func againstModel(t *testing.T, random *rand.Rand) {
	dir, clock, m := t.TempDir(), newClock(), &queueModel{}
	db := openDB(t, dir, clock.Now)
	cfg := QueueConfig{Visibility: 30 * time.Second}
	q := newQueue(t, db, "q", cfg)
	for step := range 500 {
		clock.Set(clock.Now().Add(time.Duration(random.IntN(3)) * time.Second))
		now := clock.Now()
		switch random.IntN(12) {
		case 0, 1, 2:
			one := &modelMessage{body: fmt.Sprint(step), group: fmt.Sprint(random.IntN(5)), sent: m.sent}
			delay := time.Duration(random.IntN(3)*random.IntN(20)) * time.Second
			one.visible = now.Add(delay)
			m.sent++
			m.all = append(m.all, one)
			must(t, q.Send(t.Context(), webhook.Message{Body: []byte(one.body), Group: one.group, Delay: delay})[0])
		case 3, 4, 5, 6, 7:
			m.receive(t, q, now, []int{math.MaxInt, 2, 1}[random.IntN(3)])
		case 8, 9:
			if one := m.any(random); one != nil && one.id != "" {
				must(t, q.Delete(t.Context(), one.id))
				m.all = slices.DeleteFunc(m.all, func(o *modelMessage) bool { return o == one })
			}
		case 10:
			if one := m.any(random); one != nil && one.receives > 0 {
				after := time.Duration(random.IntN(50)) * time.Second
				must(t, q.ChangeVisibility(t.Context(), map[string]time.Duration{one.id: after}))
				one.visible, one.working = now.Add(after), false
			}
		case 11:
			if random.IntN(10) == 0 {
				must(t, db.Close())
				db = openDB(t, dir, clock.Now)
				q = newQueue(t, db, "q", cfg)
				m.reopen(t, q)
			}
		}
		if q.Len() != len(m.all) || len(q.groups) > 5 {
			t.Fatalf("step %d: %d messages, want %d; %d groups", step, q.Len(), len(m.all), len(q.groups))
		}
	}
}

func (m *queueModel) any(random *rand.Rand) *modelMessage {
	if len(m.all) == 0 {
		return nil
	}
	return m.all[random.IntN(len(m.all))]
}

func (m *queueModel) receive(t *testing.T, q *Queue, now time.Time, below int) {
	t.Helper()
	least, want := m.next(now, below)
	got, err := q.ReceiveBelow(t.Context(), 1, below)
	must(t, err)
	if len(got) == 0 {
		if len(want) > 0 {
			t.Fatalf("received nothing, want one of %d groups with %d in flight", len(want), least)
		}
		for _, one := range m.all { // and Wait must not sleep through the next
			if at, ok := q.NextVisible(); one.visible.After(now) && (!ok || at.After(one.visible)) {
				t.Fatalf("next visible at %s, want %s or earlier", at, one.visible)
			}
		}
		return
	}
	one := want[got[0].Group]
	if one == nil || one.body != string(got[0].Body) || got[0].Receives != one.receives+1 {
		t.Fatalf("received %s of group %s, want %+v (of %d groups with %d in flight)", got[0].Body, got[0].Group, one, len(want), least)
	}
	one.id, one.receives, one.working, one.visible = got[0].ID, one.receives+1, true, now.Add(q.cfg.Visibility)
}

// reopen forgets what is in flight: all of it is visible at its first time.
func (m *queueModel) reopen(t *testing.T, q *Queue) {
	t.Helper()
	list, _, err := q.List(t.Context(), len(m.all)+1, "")
	must(t, err)
	for _, listed := range list {
		i := slices.IndexFunc(m.all, func(o *modelMessage) bool { return o.body == string(listed.Body) })
		at, _ := parsePlace(listed.ID)
		m.all[i].visible, m.all[i].receives, m.all[i].working = time.Unix(0, at.visible()).UTC(), 0, false
	}
}
