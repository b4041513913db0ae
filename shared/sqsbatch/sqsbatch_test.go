package sqsbatch_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"slices"
	"strconv"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/aws/aws-lambda-go/events"

	"github.com/jobhook/jobhook/shared/deliver"
	"github.com/jobhook/jobhook/shared/sqsbatch"
)

// source remembers what became visible again, and when.
type source struct {
	after map[string]time.Duration
	err   error
}

func (s *source) ChangeVisibility(_ context.Context, after map[string]time.Duration) error {
	s.after = after
	return s.err
}

func record(id string, receives int) events.SQSMessage {
	return events.SQSMessage{
		MessageId: id, ReceiptHandle: "handle-" + id, Body: id,
		Attributes: map[string]string{"ApproximateReceiveCount": strconv.Itoa(receives)},
	}
}

// A panic that no message is to blame for brings all of the batch back in
// seconds, and is logged with its stack.
func TestAPanicOfTheWholeBatch(t *testing.T) {
	var lines bytes.Buffer
	s := &source{}
	work := func(context.Context, []deliver.Message) []error { panic("boom") }
	handler := sqsbatch.Handler(work, sqsbatch.Sources{Queue: s}, func() float64 { return 0.5 }, slog.New(slog.NewJSONHandler(&lines, nil)))
	answer, err := handler(t.Context(), events.SQSEvent{Records: []events.SQSMessage{record("a", 1), record("b", 2)}})
	if err != nil || len(answer.BatchItemFailures) != 2 || s.after["handle-a"] != 5*time.Second || s.after["handle-b"] != 10*time.Second {
		t.Errorf("got %v, %v, back after %v", answer, err, s.after)
	}
	if n := strings.Count(lines.String(), "TestAPanicOfTheWholeBatch"); n < 2 {
		t.Errorf("%d stacks: %s", n, lines.String())
	}
}

// Only what failed comes back, in seconds, and one failure holds up nobody else.
func TestWhatFailsComesBack(t *testing.T) {
	var lines bytes.Buffer
	s := &source{err: errors.New("throttled")} // which costs time, and no message
	work := func(_ context.Context, ms []deliver.Message) []error {
		return deliver.Each(ms, func(m deliver.Message) error {
			switch m.ID {
			case "b":
				return errors.New("broken")
			case "c":
				panic("boom")
			}
			return nil
		})
	}
	handler := sqsbatch.Handler(work, sqsbatch.Sources{Queue: s}, func() float64 { return 0.5 }, slog.New(slog.NewJSONHandler(&lines, nil)))
	answer, err := handler(t.Context(), events.SQSEvent{Records: []events.SQSMessage{record("a", 1), record("b", 1), record("c", 3)}})
	if err != nil {
		t.Fatal(err)
	}
	want := []events.SQSBatchItemFailure{{ItemIdentifier: "b"}, {ItemIdentifier: "c"}}
	if !slices.Equal(answer.BatchItemFailures, want) {
		t.Errorf("%v come back, want %v", answer.BatchItemFailures, want)
	}
	if after := map[string]time.Duration{"handle-b": 5 * time.Second, "handle-c": 20 * time.Second}; !maps.Equal(s.after, after) {
		t.Errorf("they come back after %v, want %v", s.after, after)
	}
	logged := map[string]map[string]any{}
	for line := range strings.Lines(lines.String()) {
		var l map[string]any
		if err := json.Unmarshal([]byte(line), &l); err != nil {
			t.Fatal(err)
		}
		if id, ok := l["queue_message_id"].(string); ok {
			logged[id] = l
		}
	}
	if stack, _ := logged["c"]["stack"].(string); !strings.Contains(stack, "sqsbatch_test.go") {
		t.Errorf("the panic is logged without its stack: %v", logged["c"])
	}
	if logged["b"]["level"] != "ERROR" || logged["b"]["stack"] != nil || !strings.Contains(lines.String(), "visibility.unchanged") {
		t.Errorf("logged\n%s", &lines)
	}
}

// min(5 s * 2^n, 300 s), within a tenth: a hiccup costs seconds, and 100
// receives span more than six hours.
func TestWhenItComesBack(t *testing.T) {
	for _, chance := range []float64{0, 0.5, 1} {
		t.Run(fmt.Sprint("jitter ", chance), func(t *testing.T) {
			var all time.Duration
			for n := 1; n <= 100; n++ {
				s := &source{}
				handler := sqsbatch.Handler(func(context.Context, []deliver.Message) []error { return []error{errors.New("down")} },
					sqsbatch.Sources{Queue: s}, func() float64 { return chance }, slog.New(slog.DiscardHandler))
				if _, err := handler(t.Context(), events.SQSEvent{Records: []events.SQSMessage{record("a", n)}}); err != nil {
					t.Fatal(err)
				}
				got, plain := s.after["handle-a"], 300*time.Second
				if n <= 6 {
					plain = 5 * time.Second << (n - 1)
				}
				if got < plain*9/10-time.Second || got > plain*11/10+time.Second {
					t.Errorf("receive %d: it comes back after %s, want about %s", n, got, plain)
				}
				all += got
			}
			if all < 6*time.Hour {
				t.Errorf("100 receives span %s", all)
			}
		})
	}
}

// Work in flight elsewhere is no error: the message comes back when that ends.
func TestBusyIsNoError(t *testing.T) {
	for name, c := range map[string]struct {
		until time.Duration // from now; 0: not said
		want  time.Duration
	}{
		"it says when": {40 * time.Second, 40 * time.Second}, "over already": {-time.Minute, time.Second},
		"far away": {time.Hour, 15 * time.Minute}, "it does not say": {0, 10 * time.Second},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				var lines bytes.Buffer
				s, busy := &source{}, &deliver.BusyError{}
				if c.until != 0 {
					busy.Until = time.Now().Add(c.until)
				}
				handler := sqsbatch.Handler(func(context.Context, []deliver.Message) []error { return []error{fmt.Errorf("event: %w", busy)} },
					sqsbatch.Sources{Queue: s}, func() float64 { return 0.5 }, slog.New(slog.NewJSONHandler(&lines, nil)))
				if _, err := handler(t.Context(), events.SQSEvent{Records: []events.SQSMessage{record("a", 2)}}); err != nil {
					t.Fatal(err)
				}
				if s.after["handle-a"] != c.want || strings.Contains(lines.String(), `"ERROR"`) {
					t.Errorf("it comes back after %s, want %s; logged %s", s.after["handle-a"], c.want, &lines)
				}
			})
		})
	}
}

// A message says which account it belongs to and which queue it came over, and
// returns to that queue.
func TestEachQueueHasItsOwnMessages(t *testing.T) {
	for name, c := range map[string]struct {
		arn  string
		slow bool
	}{
		"the function's own":           {"arn:aws:sqs:us-east-1:123456789012:jobhook-RetryQueue-X", false},
		"the slow one":                 {"arn:aws:sqs:us-east-1:123456789012:jobhook-SlowQueue-Y", true},
		"one whose name ends the same": {"arn:aws:sqs:us-east-1:123456789012:another-jobhook-SlowQueue-Y", false},
		"none is named":                {"", false},
	} {
		t.Run(name, func(t *testing.T) {
			own, slow := &source{}, &source{}
			var got []deliver.Message
			work := func(_ context.Context, ms []deliver.Message) []error {
				got = ms
				return []error{errors.New("down"), nil}
			}
			sources := sqsbatch.Sources{Queue: own, Slow: slow, SlowName: "jobhook-SlowQueue-Y"}
			batch := events.SQSEvent{Records: []events.SQSMessage{record("a", 1), record("b", 1)}}
			for i := range batch.Records {
				batch.Records[i].EventSourceARN = c.arn
			}
			batch.Records[0].Attributes["MessageGroupId"] = "acme"
			handler := sqsbatch.Handler(work, sources, func() float64 { return 0.5 }, slog.New(slog.DiscardHandler))
			if _, err := handler(t.Context(), batch); err != nil {
				t.Fatal(err)
			}
			if len(got) != 2 || got[0].Group != "acme" || got[1].Group != "" || got[0].Slow != c.slow || got[1].Slow != c.slow {
				t.Errorf("the messages are %+v", got)
			}
			if returned := len(slow.after) == 1; returned != c.slow || len(own.after)+len(slow.after) != 1 {
				t.Errorf("%v return to the queue, %v to the slow one", own.after, slow.after)
			}
		})
	}
}
