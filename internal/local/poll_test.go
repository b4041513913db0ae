package local

import (
	"context"
	"errors"
	"log/slog"
	"strconv"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/jobhook/jobhook/shared/deliver"
	"github.com/jobhook/jobhook/shared/embedded"
	"github.com/jobhook/jobhook/shared/sqsbatch"
	"github.com/jobhook/jobhook/shared/webhook"
)

// worker works on messages as a test wants it, without jitter.
func worker(log *slog.Logger, work func(m deliver.Message) error) sqsbatch.Worker {
	return sqsbatch.Worker{
		Work:   func(_ context.Context, ms []deliver.Message) []error { return deliver.Each(ms, work) },
		Chance: func() float64 { return 0.5 }, Log: log,
	}
}

// Time is the bubble's: a message that is not done comes back in seconds, which
// a test doesn't wait for.
func TestThePollerGivesBackWhatWasNotDone(t *testing.T) {
	for _, c := range []struct {
		name  string
		first func(deliver.Message) error
		back  bool
	}{
		{"done", func(deliver.Message) error { return nil }, false},
		{"failed", func(deliver.Message) error { return errors.New("no") }, true},
		{"panicked", func(deliver.Message) error { panic("no") }, true},
	} {
		t.Run(c.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				db, q := openQueue(t)
				ok(t, q.Send(t.Context(), webhook.Message{Body: []byte("m"), Group: "acme"})[0])
				var calls []deliver.Message
				ctx, stop := context.WithCancel(t.Context())
				began := time.Now()
				p := poller{name: "q", queue: q, slots: newSlots(1, fewFiles), worker: worker(slog.New(slog.DiscardHandler), func(m deliver.Message) error {
					if calls = append(calls, m); len(calls) == 1 {
						return c.first(m)
					}
					stop()
					return nil
				})}
				if !c.back {
					go func() { synctest.Wait(); stop() }()
				}
				p.run(ctx)
				if q.Len() != 0 {
					t.Errorf("%d messages are left", q.Len())
				}
				ok(t, db.Close())
				if back := len(calls) == 2; back != c.back || back && time.Since(began) != 5*time.Second {
					t.Errorf("%d calls within %s; comes back: want %v", len(calls), time.Since(began), c.back)
				}
				for _, m := range calls {
					if string(m.Body) != "m" || m.Group != "acme" || m.ID != calls[0].ID || m.ID == "" {
						t.Errorf("the message is %+v", m)
					}
				}
			})
		})
	}
}

// What fails each time is given up, said so, and taken up by the next start.
func TestGivenUpAndResumed(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		db, q := openQueue(t)
		ok(t, q.Send(t.Context(), webhook.Message{Body: []byte("m")})[0])
		var said strings.Builder
		ctx, stop := context.WithTimeout(t.Context(), 24*time.Hour)
		defer stop()
		calls := 0
		p := poller{name: "q", queue: q, slots: newSlots(1, fewFiles), worker: worker(slog.New(NewLines(&said, slog.LevelInfo, time.Now)), func(deliver.Message) error {
			calls++
			return errors.New("no")
		})}
		p.run(ctx)
		dead, err := db.Queue("q-dead", embedded.QueueConfig{Visibility: visibility})
		ok(t, err)
		if calls != maxReceives || q.Len() != 0 || dead.Len() != 1 || strings.Count(said.String(), "given up") != 1 {
			t.Errorf("%d calls, %d left, %d dead; said %s", calls, q.Len(), dead.Len(), said.String())
		}
		moved, err := redrive(t.Context(), dead, q)
		ok(t, err)
		if moved != 1 || q.Len() != 1 {
			t.Errorf("%d moved, %d there", moved, q.Len())
		}
		ok(t, db.Close())
	})
}

func openQueue(t *testing.T) (*embedded.DB, *embedded.Queue) {
	t.Helper()
	db, err := embedded.Open(embedded.Config{Dir: t.TempDir()})
	ok(t, err)
	q, err := db.Queue("q", embedded.QueueConfig{Visibility: visibility, MaxReceives: maxReceives, DeadLetters: "q-dead"})
	ok(t, err)
	return db, q
}

func TestTheDeadAreTriedAgain(t *testing.T) {
	db, q := openQueue(t)
	defer db.Close()
	dead, err := db.Queue("q-dead", embedded.QueueConfig{Visibility: visibility})
	ok(t, err)
	for n := range upkeepStep + 5 {
		ok(t, dead.Send(t.Context(), webhook.Message{Body: []byte(strconv.Itoa(n)), Group: "acme"})[0])
	}
	moved, err := redrive(t.Context(), dead, q)
	ok(t, err)
	if moved != upkeepStep+5 || dead.Len() != 0 || q.Len() != moved {
		t.Errorf("%d moved, %d left, %d there", moved, dead.Len(), q.Len())
	}
	got, err := q.Receive(t.Context(), 1)
	ok(t, err)
	if string(got[0].Body) != "0" || got[0].Group != "acme" {
		t.Errorf("message %+v", got[0])
	}
}

func TestOldLettersGo(t *testing.T) {
	now := time.Date(2026, time.November, 20, 12, 0, 0, 0, time.UTC)
	db, err := embedded.Open(embedded.Config{Dir: t.TempDir(), Now: func() time.Time { return now }})
	ok(t, err)
	defer db.Close()
	q, err := db.Queue("rejected", embedded.QueueConfig{Visibility: visibility})
	ok(t, err)
	for range 2*upkeepStep + 1 {
		ok(t, q.Send(t.Context(), webhook.Message{Body: []byte("old")})[0])
	}
	now = now.Add(letterAge)
	ok(t, q.Send(t.Context(), webhook.Message{Body: []byte("new")})[0])
	ok(t, dropOld(t.Context(), q, now.Add(-letterAge)))
	if q.Len() != 2*upkeepStep+2 {
		t.Errorf("%d left: some went too early", q.Len())
	}
	ok(t, dropOld(t.Context(), q, now.Add(-letterAge+1)))
	if list, _, err := q.List(t.Context(), 10, ""); err != nil || len(list) != 1 || string(list[0].Body) != "new" {
		t.Errorf("left: %v %v", list, err)
	}
}

func ok(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func TestThePutEventsGroup(t *testing.T) {
	for detail, want := range map[string]string{
		`{"account":"acme","id":"1"}`: "acme",
		`{"id":"1"}`:                  "default",
		`{"account":""}`:              "default",
		`{"account":7}`:               "default",
	} {
		if got := groupOf(putEntry{Detail: detail}); got != want {
			t.Errorf("%s: group %q, want %q", detail, got, want)
		}
	}
}
