package main

import (
	"context"
	"fmt"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/sqs"
)

// drain takes all messages off a queue, those still delayed for up to 2 s too:
// env.json's first delay is 1 s, lengthened by a tenth at most and rounded up.
func (w *world) drain(ctx context.Context, name string) ([]string, error) {
	url := aws.String(w.queueURL(name))
	var bodies []string
	for {
		got, err := w.sqs.ReceiveMessage(ctx, &sqs.ReceiveMessageInput{QueueUrl: url, MaxNumberOfMessages: 10, WaitTimeSeconds: wait(name)})
		if err != nil {
			return nil, fmt.Errorf("read %s: %w", name, err)
		}
		if len(got.Messages) == 0 {
			return bodies, nil
		}
		for _, m := range got.Messages {
			bodies = append(bodies, aws.ToString(m.Body))
			if _, err := w.sqs.DeleteMessage(ctx, &sqs.DeleteMessageInput{QueueUrl: url, ReceiptHandle: m.ReceiptHandle}); err != nil {
				return nil, fmt.Errorf("read %s: %w", name, err)
			}
		}
	}
}

func wait(name string) int32 {
	if name == retryQueue {
		return 3
	}
	return 0
}
