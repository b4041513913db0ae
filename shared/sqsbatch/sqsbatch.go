// Package sqsbatch translates between Lambda's SQS events and the messages
// that jobhook works on. dispatch and retry share it.
package sqsbatch

import (
	"context"
	"errors"
	"log/slog"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/aws/aws-lambda-go/events"

	"github.com/jobhook/jobhook/shared/deliver"
)

// A message that comes back after an internal error does so after
// firstReturn, then twice as long each time, up to maxReturn: in seconds after
// a hiccup, and 100 receives (template.yaml's maxReceiveCount) span more than
// six hours, so that an outage empties no queue into the dead letters.
const (
	firstReturn = 5 * time.Second
	maxReturn   = 5 * time.Minute
	maxBusy     = 15 * time.Minute
)

// Work does what a batch asks for and answers for each message. One with an
// error comes back.
type Work func(context.Context, []deliver.Message) []error

// Source is the queue that the messages come from.
type Source interface {
	// ChangeVisibility makes received messages, by their receipt handles,
	// visible again after these times, in whole seconds.
	ChangeVisibility(ctx context.Context, after map[string]time.Duration) error
}

// Sources are the queues that a function takes from.
type Sources struct {
	Queue    Source
	Slow     Source // attempts at slow endpoints; nil for a function that takes none
	SlowName string // what the slow queue's ARN ends with, as its URL does
}

// of tells which queue a batch came from: Lambda takes each from one queue.
func (s Sources) of(batch events.SQSEvent) (source Source, slow bool) {
	if s.Slow != nil && len(batch.Records) > 0 && strings.HasSuffix(batch.Records[0].EventSourceARN, ":"+s.SlowName) {
		return s.Slow, true
	}
	return s.Queue, false
}

// Function is what lambda.Start accepts.
type Function func(context.Context, events.SQSEvent) (events.SQSEventResponse, error)

// Handler answers an SQS event with the messages that must come back
// (ReportBatchItemFailures), so that one failure holds up nobody else. chance
// gives numbers from 0 to 1, for jitter.
func Handler(work Work, sources Sources, chance func() float64, log *slog.Logger) Function {
	w := Worker{work, chance, log}
	return func(ctx context.Context, batch events.SQSEvent) (events.SQSEventResponse, error) {
		source, slow := sources.of(batch)
		all := make([]Received, len(batch.Records))
		for i, r := range batch.Records {
			receives, _ := strconv.Atoi(r.Attributes["ApproximateReceiveCount"]) // SQS always gives one
			m := deliver.Message{ID: r.MessageId, Body: []byte(r.Body), Group: r.Attributes["MessageGroupId"], Slow: slow}
			all[i] = Received{m, r.ReceiptHandle, receives}
		}
		failures := []events.SQSBatchItemFailure{}
		for _, r := range w.Process(ctx, source, all...) {
			failures = append(failures, events.SQSBatchItemFailure{ItemIdentifier: r.ID})
		}
		return events.SQSEventResponse{BatchItemFailures: failures}, nil
	}
}

// Received is a message as its queue gives it.
type Received struct {
	deliver.Message
	Receipt  string // what ChangeVisibility takes
	Receives int    // this time included
}

// Worker works on batches of one queue.
type Worker struct {
	Work   Work
	Chance func() float64 // from 0 to 1, for jitter
	Log    *slog.Logger
}

// Process works on messages and returns those that must come back, having said
// when: by itself a queue waits for the end of their visibility timeout.
func (w Worker) Process(ctx context.Context, source Source, all ...Received) (failed []Received) {
	ms := make([]deliver.Message, len(all))
	for i, r := range all {
		ms[i] = r.Message
	}
	var errs []error
	guard := func(ms []deliver.Message) error { errs = w.Work(ctx, ms); return nil }
	if panicked := deliver.Each([][]deliver.Message{ms}, guard)[0]; panicked != nil {
		errs = slices.Repeat([]error{panicked}, len(ms))
	}
	var after map[string]time.Duration
	for i, err := range errs {
		if err == nil {
			continue
		}
		if after == nil {
			after = map[string]time.Duration{}
		}
		failed = append(failed, all[i])
		back := returnAfter(err, all[i].Receives, w.Chance())
		after[all[i].Receipt] = back
		w.logReturned(ctx, all[i], err, back)
	}
	if len(after) > 0 {
		if err := source.ChangeVisibility(ctx, after); err != nil {
			w.Log.LogAttrs(ctx, slog.LevelWarn, "visibility.unchanged", slog.Int("messages", len(after)), slog.Any("error", err))
		}
	}
	return failed
}

// returnAfter says how long a message is to stay away after its nth receive.
func returnAfter(err error, receives int, chance float64) time.Duration {
	var busy *deliver.BusyError
	if errors.As(err, &busy) && !busy.Until.IsZero() {
		return min(max(time.Until(busy.Until), time.Second), maxBusy).Round(time.Second)
	}
	after := float64(firstReturn) * float64(int(1)<<min(max(receives-1, 0), 10))
	return time.Duration(min(after, float64(maxReturn)) * (0.9 + 0.2*chance)).Round(time.Second)
}

// logReturned writes at error level what is an internal error; that a
// message's work is in flight elsewhere is none.
func (w Worker) logReturned(ctx context.Context, r Received, err error, after time.Duration) {
	attrs := []slog.Attr{
		slog.String("queue_message_id", r.ID), slog.Int("receives", r.Receives),
		slog.Int("returns_after_s", int(after.Seconds())), slog.Any("error", err),
	}
	level := slog.LevelError
	var busy *deliver.BusyError
	if errors.As(err, &busy) {
		level = slog.LevelInfo
	}
	var p *deliver.PanicError
	if errors.As(err, &p) {
		attrs = append(attrs, slog.String("stack", string(p.Stack)))
	}
	w.Log.LogAttrs(ctx, level, "message.returned", attrs...)
}
