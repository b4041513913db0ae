package local

import (
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"strconv"
	"sync"
	"time"

	"github.com/aws/aws-lambda-go/events"
	"github.com/aws/aws-lambda-go/lambda"

	"github.com/jobhook/jobhook/shared/embedded"
)

const (
	// batchSize is what the template's event source mappings use.
	batchSize = 10
	// invocations bounds those under way at once for one queue.
	invocations = 32
	// invocationTimeout is the functions' timeout in template.yaml.
	invocationTimeout = 60 * time.Second
	// visibility is longer than an invocation and its lease.
	visibility = 75 * time.Second
	// maxReceives is the template's maxReceiveCount.
	maxReceives = 100
)

// poller does what Lambda's event source mapping does: it takes messages off a
// queue, hands them as JSON to a function, and deletes those that the
// function does not give back.
type poller struct {
	name     string // of the queue
	queue    *embedded.Queue
	function lambda.Handler
	log      *slog.Logger
}

// run polls until ctx ends and then waits for the invocations under way, which
// go on under their own deadline.
func (p *poller) run(ctx context.Context) {
	var running sync.WaitGroup
	defer running.Wait()
	slots := make(chan struct{}, invocations)
	for ctx.Err() == nil {
		slots <- struct{}{}
		messages, err := p.queue.Receive(ctx, batchSize)
		if err == nil && len(messages) > 0 {
			running.Go(func() {
				defer func() { <-slots }()
				p.invoke(context.WithoutCancel(ctx), messages)
			})
			continue
		}
		<-slots
		if err != nil && ctx.Err() == nil {
			p.log.Error("queue.receive_failed", "queue", p.name, "error", err)
			select {
			case <-time.After(time.Second):
			case <-ctx.Done():
			}
		}
		_ = p.queue.Wait(ctx) // its only error is that ctx has ended
	}
}

func (p *poller) invoke(ctx context.Context, messages []embedded.Received) {
	ctx, cancel := context.WithTimeout(ctx, invocationTimeout)
	defer cancel()
	done, err := p.call(ctx, messages)
	if err == nil {
		err = p.queue.Delete(ctx, done...)
	}
	if err != nil {
		p.log.Error("function.failed", "queue", p.name, "error", err)
	}
}

// call invokes the function and returns the ids of the messages that may go.
func (p *poller) call(ctx context.Context, messages []embedded.Received) ([]string, error) {
	payload, err := json.Marshal(p.event(messages))
	if err != nil {
		return nil, fmt.Errorf("encode the batch: %w", err)
	}
	answer, err := p.function.Invoke(ctx, payload)
	if err != nil {
		return nil, fmt.Errorf("invoke: %w", err)
	}
	var response events.SQSEventResponse
	if err := json.Unmarshal(answer, &response); err != nil {
		return nil, fmt.Errorf("read the function's answer: %w", err)
	}
	kept := make(map[string]bool, len(response.BatchItemFailures))
	for _, f := range response.BatchItemFailures {
		kept[f.ItemIdentifier] = true
	}
	done := make([]string, 0, len(messages))
	for _, m := range messages {
		switch {
		case !kept[m.ID]:
			done = append(done, m.ID)
		case m.Receives >= maxReceives:
			p.log.Error("message.given_up", "queue", p.name, "queue_message_id", m.ID, "receives", m.Receives)
		}
	}
	return done, nil
}

func (p *poller) event(messages []embedded.Received) events.SQSEvent {
	records := make([]events.SQSMessage, len(messages))
	for i, m := range messages {
		records[i] = events.SQSMessage{
			MessageId: m.ID, ReceiptHandle: m.ID, Body: string(m.Body),
			EventSource: "aws:sqs", EventSourceARN: "arn:aws:sqs:local:000000000000:" + p.name, AWSRegion: "local",
			Attributes: map[string]string{
				"ApproximateReceiveCount": strconv.Itoa(m.Receives),
				"SentTimestamp":           strconv.FormatInt(m.SentAt.UnixMilli(), 10),
			},
		}
	}
	return events.SQSEvent{Records: records}
}
