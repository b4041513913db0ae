// Package inbox puts received webhooks on an SQS queue.
package inbox

import (
	"context"
	"fmt"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/sqs"
	"github.com/aws/aws-sdk-go-v2/service/sqs/types"

	"github.com/jobhook/jobhook/shared/receiving"
)

// API is what Queue uses of the SDK's SQS client; receive's role needs no more.
type API interface {
	SendMessage(ctx context.Context, in *sqs.SendMessageInput, opts ...func(*sqs.Options)) (*sqs.SendMessageOutput, error)
}

// Queue is the inbox queue, standard or FIFO (its URL then ends in ".fifo").
//
// On both the source is the message group: on a standard queue that keeps one
// source's flood from delaying another's (fair queues), on a FIFO queue it keeps
// a source's messages in the order of their arrival. A FIFO queue also drops
// what comes again within 5 minutes.
type Queue struct {
	API API
	URL string
}

// Send puts one message on the queue; on an error it may be there all the same.
func (q Queue) Send(ctx context.Context, m receiving.Message) error {
	in := &sqs.SendMessageInput{
		QueueUrl:       aws.String(q.URL),
		MessageBody:    aws.String(string(m.Body)),
		MessageGroupId: aws.String(m.Source),
		MessageAttributes: map[string]types.MessageAttributeValue{
			"source": {DataType: aws.String("String"), StringValue: aws.String(m.Source)},
			"id":     {DataType: aws.String("String"), StringValue: aws.String(m.ID)},
		},
	}
	if strings.HasSuffix(q.URL, ".fifo") {
		in.MessageDeduplicationId = aws.String(m.DedupID)
	}
	if _, err := q.API.SendMessage(ctx, in); err != nil {
		return fmt.Errorf("send to the inbox queue: %w", err)
	}
	return nil
}
