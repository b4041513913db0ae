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
	// invocationTimeout is the functions' timeout in template.yaml.
	invocationTimeout = 60 * time.Second
	// visibility is longer than an invocation and its lease.
	visibility = 75 * time.Second
	// maxReceives is the template's maxReceiveCount.
	maxReceives = 100
	// receiveMax is how many messages a receive asks for, which costs one look
	// at the queue.
	receiveMax = 10
)

// poller does what Lambda's event source mapping does: it takes messages off a
// queue, hands each as JSON to a function, and deletes those that the function
// does not give back. A message is an invocation of its own, so that its slot is
// free as soon as its own POST has ended. In batches of up to ten, which wait for
// their slowest, the rate was the same (1 KB, an instant endpoint, eight pairs of
// runs) and CPU about a tenth less: the store joins all invocations' writes anyway.
type poller struct {
	name     string // of the queue
	queue    *embedded.Queue
	slots    *slots
	function lambda.Handler
	log      *slog.Logger
}

// run polls until ctx ends and then waits for the invocations under way, which
// go on under their own deadline.
func (p *poller) run(ctx context.Context) {
	var running sync.WaitGroup
	defer running.Wait()
	for ctx.Err() == nil {
		room, below, until := p.slots.room(ctx)
		if room == 0 {
			<-until.Done()
			continue
		}
		messages, err := p.queue.ReceiveBelow(ctx, min(room, receiveMax), below)
		for _, m := range messages {
			p.slots.take(m)
			running.Go(func() {
				defer p.slots.release(m)
				p.invoke(context.WithoutCancel(ctx), m)
			})
		}
		if err != nil && ctx.Err() == nil {
			p.log.Error("queue.receive_failed", "queue", p.name, "error", err)
			select {
			case <-time.After(time.Second):
			case <-ctx.Done():
			}
		}
		if len(messages) == 0 {
			_ = p.queue.WaitBelow(until, below) // its only error is that until has ended
		}
	}
}

func (p *poller) invoke(ctx context.Context, m embedded.Received) {
	ctx, cancel := context.WithTimeout(ctx, invocationTimeout)
	defer cancel()
	done, err := p.call(ctx, m)
	if err == nil && done {
		err = p.queue.Delete(ctx, m.ID)
	}
	if err != nil {
		p.log.Error("function.failed", "queue", p.name, "error", err)
	}
}

// call invokes the function and says whether the message may go.
func (p *poller) call(ctx context.Context, m embedded.Received) (done bool, err error) {
	payload, err := json.Marshal(p.event(m))
	if err != nil {
		return false, fmt.Errorf("encode the message: %w", err)
	}
	answer, err := p.function.Invoke(ctx, payload)
	if err != nil {
		return false, fmt.Errorf("invoke: %w", err)
	}
	var response events.SQSEventResponse
	if err := json.Unmarshal(answer, &response); err != nil {
		return false, fmt.Errorf("read the function's answer: %w", err)
	}
	if len(response.BatchItemFailures) == 0 {
		return true, nil
	}
	if m.Receives >= maxReceives {
		p.log.Error("message.given_up", "queue", p.name, "queue_message_id", m.ID, "receives", m.Receives)
	}
	return false, nil
}

func (p *poller) event(m embedded.Received) events.SQSEvent {
	attributes := map[string]string{
		"ApproximateReceiveCount": strconv.Itoa(m.Receives),
		"SentTimestamp":           strconv.FormatInt(m.SentAt.UnixMilli(), 10),
	}
	if m.Group != "" {
		attributes["MessageGroupId"] = m.Group
	}
	return events.SQSEvent{Records: []events.SQSMessage{{
		MessageId: m.ID, ReceiptHandle: m.ID, Body: string(m.Body), Attributes: attributes,
		EventSource: "aws:sqs", EventSourceARN: "arn:aws:sqs:local:000000000000:" + p.name, AWSRegion: "local",
	}}}
}
