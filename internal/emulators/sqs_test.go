package emulators_test

import (
	"context"
	"fmt"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/sqs"
	"github.com/aws/aws-sdk-go-v2/service/sqs/types"

	"github.com/jobhook/jobhook/internal/emulators"
)

// These tests run one after the other: they move the clock that all queues share.

func queue(t *testing.T, name string, attributes map[string]string) (*sqs.Client, *string) {
	t.Helper()
	client := sqs.NewFromConfig(emulators.Config(emulators.SQS(t)))
	created, err := client.CreateQueue(t.Context(), &sqs.CreateQueueInput{QueueName: aws.String(name), Attributes: attributes})
	if err != nil {
		t.Fatal(err)
	}
	return client, created.QueueUrl
}

func receive(t *testing.T, client *sqs.Client, url *string, wait int32) []types.Message {
	t.Helper()
	got, err := client.ReceiveMessage(t.Context(), &sqs.ReceiveMessageInput{
		QueueUrl: url, MaxNumberOfMessages: 10, WaitTimeSeconds: wait,
		MessageAttributeNames:       []string{"All"},
		MessageSystemAttributeNames: []types.MessageSystemAttributeName{types.MessageSystemAttributeNameAll},
	})
	if err != nil {
		t.Fatal(err)
	}
	return got.Messages
}

func TestSQSDelaysGroupsAndAttributes(t *testing.T) {
	client, url := queue(t, emulators.Name("delayed"), nil)
	_, err := client.SendMessage(t.Context(), &sqs.SendMessageInput{
		QueueUrl: url, MessageBody: aws.String("later"), DelaySeconds: 900, MessageGroupId: aws.String("tenant"),
		MessageAttributes: map[string]types.MessageAttributeValue{"due": {DataType: aws.String("Number"), StringValue: aws.String("17")}},
	})
	if err != nil {
		t.Fatal(err)
	}
	emulators.Advance(t, 899*time.Second)
	if early := receive(t, client, url, 0); len(early) != 0 {
		t.Fatalf("a second before its delay ends, %q is there", aws.ToString(early[0].Body))
	}
	emulators.Advance(t, time.Second)
	got := receive(t, client, url, 5)
	if len(got) != 1 || aws.ToString(got[0].Body) != "later" {
		t.Fatalf("after the delay: %d messages; want one", len(got))
	}
	message := got[0]
	if v := message.MessageAttributes["due"]; aws.ToString(v.StringValue) != "17" {
		t.Errorf("message attribute: %+v; want 17", v)
	}
	if message.Attributes["MessageGroupId"] != "tenant" || message.Attributes["ApproximateReceiveCount"] != "1" {
		t.Errorf("system attributes: %v; want the group tenant, received once", message.Attributes)
	}
	if _, err := client.DeleteMessage(t.Context(), &sqs.DeleteMessageInput{QueueUrl: url, ReceiptHandle: message.ReceiptHandle}); err != nil {
		t.Fatal(err)
	}
	emulators.Advance(t, time.Hour)
	if again := receive(t, client, url, 0); len(again) != 0 {
		t.Error("a deleted message came back")
	}
}

func TestSQSRedeliversAndThenSetsAside(t *testing.T) {
	dead := emulators.Name("dead")
	client, deadURL := queue(t, dead, nil)
	_, url := queue(t, emulators.Name("source"), map[string]string{
		"VisibilityTimeout": "60",
		"RedrivePolicy":     `{"deadLetterTargetArn":"arn:aws:sqs:us-east-1:123456789012:` + dead + `","maxReceiveCount":"2"}`,
	})
	if _, err := client.SendMessage(t.Context(), &sqs.SendMessageInput{QueueUrl: url, MessageBody: aws.String("poison")}); err != nil {
		t.Fatal(err)
	}
	for attempt := range 2 {
		if got := receive(t, client, url, 5); len(got) != 1 {
			t.Fatalf("receive %d: %d messages; want one", attempt+1, len(got))
		}
		emulators.Advance(t, time.Minute)
	}
	if got := receive(t, client, url, 0); len(got) != 0 {
		t.Errorf("received a third time; want it set aside after two")
	}
	if got := receive(t, client, deadURL, 5); len(got) != 1 || aws.ToString(got[0].Body) != "poison" {
		t.Errorf("dead letters: %d; want the one", len(got))
	}
}

func TestSQSBatchesHaveAVerdictEach(t *testing.T) {
	client, url := queue(t, emulators.Name("batches"), nil)
	entry := func(id string, delay int32) types.SendMessageBatchRequestEntry {
		return types.SendMessageBatchRequestEntry{Id: aws.String(id), MessageBody: aws.String(id), DelaySeconds: delay, MessageGroupId: aws.String("g")}
	}
	sent, err := client.SendMessageBatch(t.Context(), &sqs.SendMessageBatchInput{
		QueueUrl: url, Entries: []types.SendMessageBatchRequestEntry{entry("a", 5), entry("b", 901)},
	})
	if err != nil {
		t.Fatal(err)
	}
	if len(sent.Successful) != 1 || len(sent.Failed) != 1 || aws.ToString(sent.Failed[0].Id) != "b" {
		t.Errorf("a batch with a delay over the limit: %d sent, %d failed; want one each", len(sent.Successful), len(sent.Failed))
	}
	emulators.Advance(t, 5*time.Second)
	got := receive(t, client, url, 5)
	if len(got) != 1 {
		t.Fatalf("received %d; want the good one", len(got))
	}
	deleted, err := client.DeleteMessageBatch(t.Context(), &sqs.DeleteMessageBatchInput{
		QueueUrl: url, Entries: []types.DeleteMessageBatchRequestEntry{{Id: aws.String("a"), ReceiptHandle: got[0].ReceiptHandle}},
	})
	if err != nil || len(deleted.Successful) != 1 {
		t.Errorf("delete in a batch: %+v, %v", deleted, err)
	}
}

// SQS answers a long poll as soon as it has one message, not when the time is up.
func TestSQSLongPollsAnswerAtOnce(t *testing.T) {
	client, url := queue(t, emulators.Name("polled"), nil)
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
	defer cancel()
	answered := make(chan error, 1)
	go func() {
		got, err := client.ReceiveMessage(ctx, &sqs.ReceiveMessageInput{QueueUrl: url, MaxNumberOfMessages: 10, WaitTimeSeconds: 20})
		if err == nil && len(got.Messages) != 1 {
			err = fmt.Errorf("%d messages; want one", len(got.Messages))
		}
		answered <- err
	}()
	if _, err := client.SendMessage(t.Context(), &sqs.SendMessageInput{QueueUrl: url, MessageBody: aws.String("now")}); err != nil {
		t.Fatal(err)
	}
	if err := <-answered; err != nil {
		t.Error(err)
	}
}

// A poller that stops while it waits must not take the next message with it.
func TestSQSAbandonedPollsTakeNothing(t *testing.T) {
	client, url := queue(t, emulators.Name("abandoned"), nil)
	ctx, cancel := context.WithTimeout(t.Context(), 100*time.Millisecond)
	defer cancel()
	if _, err := client.ReceiveMessage(ctx, &sqs.ReceiveMessageInput{QueueUrl: url, WaitTimeSeconds: 20}); err == nil {
		t.Fatal("a poll of an empty queue answered early")
	}
	// The next poll is a connection of its own, and later than the hang-up's.
	if got := receive(t, client, url, 0); len(got) != 0 {
		t.Fatal("an empty queue gave a message")
	}
	if _, err := client.SendMessage(t.Context(), &sqs.SendMessageInput{QueueUrl: url, MessageBody: aws.String("kept")}); err != nil {
		t.Fatal(err)
	}
	if got := receive(t, client, url, 5); len(got) != 1 {
		t.Error("the abandoned poll took the message")
	}
}
