package sqsqueue_test

import (
	"context"
	"fmt"
	"os"
	"strconv"
	"sync/atomic"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/sqs"
	"github.com/aws/aws-sdk-go-v2/service/sqs/types"

	"github.com/jobhook/jobhook/internal/emulators"
	"github.com/jobhook/jobhook/shared/sqsqueue"
	"github.com/jobhook/jobhook/shared/storetest"
)

const (
	visibility  = 2 * time.Second
	maxReceives = 3
)

func TestContract(t *testing.T) {
	storetest.RunQueue(t, func(t testing.TB) storetest.QueueHarness {
		client := sqs.NewFromConfig(emulators.Config(emulators.SQS(t)))
		name := "q-" + strconv.FormatInt(time.Now().UnixNano(), 36) + "-" + strconv.FormatInt(queues.Add(1), 10)
		dead := create(t, client, name+"-dead", nil)
		main := create(t, client, name, map[string]string{
			"VisibilityTimeout": fmt.Sprint(visibility.Seconds()),
			"RedrivePolicy":     fmt.Sprintf(`{"deadLetterTargetArn":%q,"maxReceiveCount":"%d"}`, arn(t, client, dead), maxReceives),
		})
		return storetest.QueueHarness{
			Queue: received{sqsqueue.New(client, main), client, main}, Dead: received{sqsqueue.New(client, dead), client, dead},
			Pass: pass(t), Visibility: visibility, MaxReceives: maxReceives,
			Unfair: os.Getenv("JOBHOOK_SQS_ENDPOINT") != "", // which may be any emulator
		}
	})
}

var queues atomic.Int64

// longPoll: SQS proper may answer empty at once though messages are there.
func longPoll() int32 {
	if os.Getenv("JOBHOOK_SQS_ENDPOINT") != "" {
		return 1
	}
	return 0
}

// pass moves the emulator's clock, or waits where another one is named.
func pass(t testing.TB) func(time.Duration) {
	if os.Getenv("JOBHOOK_SQS_ENDPOINT") != "" {
		return time.Sleep
	}
	return func(d time.Duration) { emulators.Advance(t, d) }
}

func create(t testing.TB, client *sqs.Client, name string, attributes map[string]string) string {
	t.Helper()
	out, err := client.CreateQueue(t.Context(), &sqs.CreateQueueInput{QueueName: aws.String(name), Attributes: attributes})
	if err != nil {
		t.Fatal(err)
	}
	return *out.QueueUrl
}

func arn(t testing.TB, client *sqs.Client, url string) string {
	t.Helper()
	out, err := client.GetQueueAttributes(t.Context(), &sqs.GetQueueAttributesInput{
		QueueUrl: aws.String(url), AttributeNames: []types.QueueAttributeName{types.QueueAttributeNameQueueArn},
	})
	if err != nil {
		t.Fatal(err)
	}
	return out.Attributes["QueueArn"]
}

// received adds what Lambda does to what the adapter does.
type received struct {
	*sqsqueue.Queue

	client *sqs.Client
	url    string
}

func (q received) Receive(ctx context.Context, most int) ([]storetest.Received, error) {
	out, err := q.client.ReceiveMessage(ctx, &sqs.ReceiveMessageInput{
		QueueUrl: aws.String(q.url), MaxNumberOfMessages: int32(most), WaitTimeSeconds: longPoll(),
		MessageAttributeNames:       []string{"All"},
		MessageSystemAttributeNames: []types.MessageSystemAttributeName{"All"},
	})
	if err != nil {
		return nil, err
	}
	messages := make([]storetest.Received, 0, len(out.Messages))
	for _, m := range out.Messages {
		receives, err := strconv.Atoi(m.Attributes["ApproximateReceiveCount"])
		if err != nil {
			return nil, fmt.Errorf("receive count: %w", err)
		}
		messages = append(messages, storetest.Received{
			ID: *m.MessageId, Body: *m.Body, Receives: receives, Handle: *m.ReceiptHandle,
			Reason: aws.ToString(m.MessageAttributes[sqsqueue.ReasonAttribute].StringValue),
		})
	}
	return messages, nil
}

func (q received) Delete(ctx context.Context, r storetest.Received) error {
	_, err := q.client.DeleteMessage(ctx, &sqs.DeleteMessageInput{QueueUrl: aws.String(q.url), ReceiptHandle: aws.String(r.Handle)})
	return err
}
