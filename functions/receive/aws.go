package main

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/secretsmanager"
	"github.com/aws/aws-sdk-go-v2/service/sqs"
	"github.com/aws/aws-sdk-go-v2/service/sqs/types"

	"github.com/jobhook/jobhook/shared/receiving"
)

// sourcesSecret reads the configuration of the sources.
type sourcesSecret struct {
	client *secretsmanager.Client
	id     string // ARN or name
}

// Fetch returns the secret's current value.
func (s sourcesSecret) Fetch(ctx context.Context) ([]byte, error) {
	out, err := s.client.GetSecretValue(ctx, &secretsmanager.GetSecretValueInput{SecretId: aws.String(s.id)})
	if err != nil {
		return nil, fmt.Errorf("get the sources' secret: %w", err)
	}
	if out.SecretString == nil {
		return nil, errors.New("the sources' secret is binary: store it as text (SecretString)")
	}
	return []byte(*out.SecretString), nil
}

// inboxQueue is the inbox queue, standard or FIFO (its URL then ends in ".fifo").
//
// On both the source is the message group: on a standard queue that keeps one
// source's flood from delaying another's (fair queues), on a FIFO queue it keeps
// a source's messages in the order of their arrival. A FIFO queue also drops
// what comes again within 5 minutes.
type inboxQueue struct {
	client *sqs.Client
	url    string
}

// Send puts one message on the queue; on an error it may be there all the same.
func (q inboxQueue) Send(ctx context.Context, m receiving.Message) error {
	in := &sqs.SendMessageInput{
		QueueUrl:       aws.String(q.url),
		MessageBody:    aws.String(string(m.Body)),
		MessageGroupId: aws.String(m.Source),
		MessageAttributes: map[string]types.MessageAttributeValue{
			"source": {DataType: aws.String("String"), StringValue: aws.String(m.Source)},
			"id":     {DataType: aws.String("String"), StringValue: aws.String(m.ID)},
		},
	}
	if strings.HasSuffix(q.url, ".fifo") {
		in.MessageDeduplicationId = aws.String(m.DedupID)
	}
	if _, err := q.client.SendMessage(ctx, in); err != nil {
		return fmt.Errorf("send to the inbox queue: %w", err)
	}
	return nil
}
