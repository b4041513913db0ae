// Package sqsbatch translates between Lambda's SQS events and the messages
// that jobhook works on. dispatch and retry share it.
package sqsbatch

import (
	"context"
	"errors"
	"log/slog"

	"github.com/aws/aws-lambda-go/events"

	"github.com/jobhook/jobhook/shared/deliver"
)

// Work does what one message asks for. On an error the message comes back.
type Work func(context.Context, deliver.Message) error

// Function is what lambda.Start takes.
type Function func(context.Context, events.SQSEvent) (events.SQSEventResponse, error)

// Handler answers an SQS event with the messages that must come back
// (ReportBatchItemFailures), so that one failure holds up nobody else.
func Handler(work Work, log *slog.Logger) Function {
	return func(ctx context.Context, batch events.SQSEvent) (events.SQSEventResponse, error) {
		errs := deliver.Results(batch.Records, func(r events.SQSMessage) error {
			return work(ctx, deliver.Message{ID: r.MessageId, Body: []byte(r.Body)})
		})
		failures := []events.SQSBatchItemFailure{}
		for i, err := range errs {
			if err != nil {
				logFailure(ctx, log, batch.Records[i], err)
				failures = append(failures, events.SQSBatchItemFailure{ItemIdentifier: batch.Records[i].MessageId})
			}
		}
		return events.SQSEventResponse{BatchItemFailures: failures}, nil
	}
}

// logFailure writes at error level what is a fault of ours; that a message is
// early or double is none.
func logFailure(ctx context.Context, log *slog.Logger, r events.SQSMessage, err error) {
	level := slog.LevelError
	if errors.Is(err, deliver.ErrBusy) {
		level = slog.LevelInfo
	}
	log.LogAttrs(ctx, level, "message.returned", slog.String("queue_message_id", r.MessageId),
		slog.String("receives", r.Attributes["ApproximateReceiveCount"]), slog.Any("error", err))
}
