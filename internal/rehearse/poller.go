package rehearse

import (
	"context"
	"encoding/json"
	"sync"
	"time"

	"github.com/aws/aws-lambda-go/events"
	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/sqs"
	"github.com/aws/aws-sdk-go-v2/service/sqs/types"

	"github.com/jobhook/jobhook/internal/rehearse/gate"
)

// poller is Lambda's event source mapping for SQS: it takes messages under the
// function's role, hands them over in batches, and deletes those that the
// function answers for. What it leaves out: batching windows, scaling, filters.
type poller struct {
	cloud    *Cloud
	function *Function
	url, arn string
	batch    int
	partial  bool // ReportBatchItemFailures

	cancel context.CancelFunc
	done   sync.WaitGroup
}

func (p *poller) start() {
	ctx, cancel := context.WithCancel(context.Background())
	p.cancel = cancel
	p.done.Go(func() {
		client := sqs.NewFromConfig(p.cloud.As(p.function.Role))
		_, _ = client.GetQueueAttributes(ctx, &sqs.GetQueueAttributesInput{ // what it says is of no use here; that it is asked counts
			QueueUrl: aws.String(p.url), AttributeNames: []types.QueueAttributeName{types.QueueAttributeNameAll},
		})
		for ctx.Err() == nil {
			p.round(ctx, client)
		}
	})
}

// stop lets a poll and an invocation that are under way end.
func (p *poller) stop() {
	p.cancel()
	p.done.Wait()
}

func (p *poller) round(ctx context.Context, client *sqs.Client) {
	// A poll that is under way ends by itself, and what it takes is worked on: one
	// given up halfway may have taken messages, which then stay hidden.
	working := context.WithoutCancel(ctx)
	got, err := client.ReceiveMessage(working, &sqs.ReceiveMessageInput{
		QueueUrl: aws.String(p.url), MaxNumberOfMessages: int32(min(p.batch, 10)), WaitTimeSeconds: 1,
		MessageAttributeNames:       []string{"All"},
		MessageSystemAttributeNames: []types.MessageSystemAttributeName{types.MessageSystemAttributeNameAll},
	})
	if err != nil {
		select { // a refusal is in the journal
		case <-time.After(50 * time.Millisecond):
		case <-ctx.Done():
		}
		return
	}
	if len(got.Messages) == 0 {
		return
	}
	failed, ok := p.invoke(working, got.Messages)
	for _, m := range got.Messages {
		if ok && !failed[*m.MessageId] {
			_, _ = client.DeleteMessage(working, &sqs.DeleteMessageInput{QueueUrl: aws.String(p.url), ReceiptHandle: m.ReceiptHandle}) // as above
		}
	}
}

// invoke returns the messages that must come back; ok is false when all must.
func (p *poller) invoke(ctx context.Context, messages []types.Message) (failed map[string]bool, ok bool) {
	payload, err := json.Marshal(p.event(messages))
	if err != nil {
		return nil, false
	}
	answer, err := p.function.Invoke(ctx, payload)
	if err != nil {
		return nil, false
	}
	if !p.partial {
		return nil, true // whatever the answer says, Lambda deletes them all
	}
	var response events.SQSEventResponse
	if err := json.Unmarshal(answer, &response); err != nil {
		return nil, false
	}
	failed = map[string]bool{}
	for _, f := range response.BatchItemFailures {
		if f.ItemIdentifier == "" {
			return nil, false
		}
		failed[f.ItemIdentifier] = true
	}
	return failed, true
}

func (p *poller) event(messages []types.Message) events.SQSEvent {
	var e events.SQSEvent
	for _, m := range messages {
		record := events.SQSMessage{
			MessageId: *m.MessageId, ReceiptHandle: *m.ReceiptHandle, Body: aws.ToString(m.Body), Md5OfBody: aws.ToString(m.MD5OfBody),
			Attributes: m.Attributes, MessageAttributes: map[string]events.SQSMessageAttribute{},
			EventSource: "aws:sqs", EventSourceARN: p.arn, AWSRegion: gate.Region,
		}
		for name, a := range m.MessageAttributes {
			record.MessageAttributes[name] = events.SQSMessageAttribute{StringValue: a.StringValue, DataType: aws.ToString(a.DataType)}
		}
		e.Records = append(e.Records, record)
	}
	return e
}
