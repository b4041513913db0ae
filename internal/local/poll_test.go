package local

import (
	"context"
	"encoding/json"
	"errors"
	"log/slog"
	"strconv"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/aws/aws-lambda-go/events"

	"github.com/jobhook/jobhook/shared/embedded"
	"github.com/jobhook/jobhook/shared/webhook"
)

// function is a Lambda handler of a test's own.
type function func(batch events.SQSEvent) (any, error)

func (f function) Invoke(_ context.Context, payload []byte) ([]byte, error) {
	var batch events.SQSEvent
	if err := json.Unmarshal(payload, &batch); err != nil {
		return nil, err
	}
	answer, err := f(batch)
	if err != nil {
		return nil, err
	}
	if raw, ok := answer.(string); ok {
		return []byte(raw), nil
	}
	return json.Marshal(answer)
}

func failures(batch events.SQSEvent, body string) (f events.SQSEventResponse) {
	for _, r := range batch.Records {
		if r.Body == body {
			f.BatchItemFailures = append(f.BatchItemFailures, events.SQSBatchItemFailure{ItemIdentifier: r.MessageId})
		}
	}
	return f
}

// Time is the bubble's: a message that is not deleted comes back after its
// visibility, which a test doesn't wait for.
func TestThePollerGivesBackWhatWasNotDone(t *testing.T) {
	for _, c := range []struct {
		name  string
		first func(events.SQSEvent) (any, error)
		back  bool
	}{
		{"done", func(events.SQSEvent) (any, error) { return events.SQSEventResponse{}, nil }, false},
		{"null is done", func(events.SQSEvent) (any, error) { return "null", nil }, false},
		{"failed", func(b events.SQSEvent) (any, error) { return failures(b, "m"), nil }, true},
		{"an error", func(events.SQSEvent) (any, error) { return nil, errors.New("no") }, true},
		{"no answer", func(events.SQSEvent) (any, error) { return "", nil }, true},
	} {
		t.Run(c.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				db, q := openQueue(t)
				ok(t, q.Send(t.Context(), webhook.Message{Body: []byte("m")})[0])
				calls := 0
				ctx, stop := context.WithCancel(t.Context())
				began := time.Now()
				p := poller{name: "q", queue: q, slots: newSlots(1, fewFiles), log: slog.New(slog.DiscardHandler), function: function(func(b events.SQSEvent) (any, error) {
					if calls++; calls == 1 {
						return c.first(b)
					}
					stop()
					return events.SQSEventResponse{}, nil
				})}
				if !c.back {
					go func() { synctest.Wait(); stop() }()
				}
				p.run(ctx)
				ok(t, db.Close())
				if back := calls == 2; back != c.back || back && time.Since(began) < visibility {
					t.Errorf("%d calls within %s; comes back: want %v", calls, time.Since(began), c.back)
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
		ctx, stop := context.WithTimeout(t.Context(), (maxReceives+2)*visibility)
		defer stop()
		calls := 0
		p := poller{name: "q", queue: q, slots: newSlots(1, fewFiles), log: slog.New(NewLines(&said, slog.LevelInfo, time.Now)), function: function(func(b events.SQSEvent) (any, error) {
			calls++
			return failures(b, "m"), nil
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

func TestWhatTheFunctionSees(t *testing.T) {
	db, q := openQueue(t)
	defer db.Close()
	ok(t, q.Send(t.Context(), webhook.Message{Body: []byte("hi"), Group: "acme"})[0])
	got, err := q.Receive(t.Context(), 10)
	ok(t, err)
	record := (&poller{name: "q"}).event(got[0]).Records[0]
	if record.Attributes["MessageGroupId"] != "acme" || record.MessageId == "" || record.Body != "hi" || record.Attributes["ApproximateReceiveCount"] != "1" || record.EventSource != "aws:sqs" {
		t.Errorf("record %+v", record)
	}
	if ms, err := strconv.ParseInt(record.Attributes["SentTimestamp"], 10, 64); err != nil || time.Since(time.UnixMilli(ms)) > time.Minute {
		t.Errorf("SentTimestamp %q", record.Attributes["SentTimestamp"])
	}
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
