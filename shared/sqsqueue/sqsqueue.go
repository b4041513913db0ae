// Package sqsqueue sends to an SQS standard queue. Receiving is Lambda's part.
package sqsqueue

import (
	"context"
	"fmt"
	"strings"
	"time"
	"unicode"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/sqs"
	"github.com/aws/aws-sdk-go-v2/service/sqs/types"

	"github.com/jobhook/jobhook/shared/queue"
	"github.com/jobhook/jobhook/shared/schedule"
)

const (
	// ReasonAttribute is the message attribute that says why a completion was
	// set aside.
	ReasonAttribute = "jobhook-reason"
	// MaxBody is the largest message that SQS takes, attributes included: 1 MiB
	// since August 2025.
	MaxBody = 1 << 20
	// maxGroup is the longest MessageGroupId.
	maxGroup = 128
	// maxReason bounds the reason: it counts towards the message's size.
	maxReason = 1024
)

// TooLargeError says that a message is larger than SQS takes. Trying again does
// not help.
type TooLargeError struct {
	Size int // bytes, with the reason
}

func (e *TooLargeError) Error() string {
	return fmt.Sprintf("the message has %d bytes: SQS takes at most %d", e.Size, MaxBody)
}

// DelayError says that a delay is longer than SQS takes in one hop, or negative:
// a fault of the caller, who asks schedule.Hop.
type DelayError struct {
	Delay time.Duration
}

func (e *DelayError) Error() string {
	return fmt.Sprintf("a delay of %s: SQS takes 0 to %s", e.Delay, schedule.MaxHop)
}

// API is what the queue uses of the SDK's SQS client.
type API interface {
	SendMessage(ctx context.Context, in *sqs.SendMessageInput, opts ...func(*sqs.Options)) (*sqs.SendMessageOutput, error)
}

// Queue sends to one queue. It is safe for concurrent use.
type Queue struct {
	api API
	url string
}

// New returns the queue at this URL.
func New(api API, url string) *Queue { return &Queue{api: api, url: url} }

// Send puts a message on the queue; it is durable once Send returns nil. The
// delay is rounded up to whole seconds. A *DelayError or a *TooLargeError says
// that SQS would not take it; any other error is the SDK's. When an answer is
// lost, the SDK sends the message a second time: whoever takes it must expect
// that.
func (q *Queue) Send(ctx context.Context, m queue.Message) error {
	in, err := q.input(m)
	if err != nil {
		return fmt.Errorf("send to %s: %w", q.name(), err)
	}
	if _, err := q.api.SendMessage(ctx, in); err != nil {
		return fmt.Errorf("send to %s: %w", q.name(), err)
	}
	return nil
}

func (q *Queue) input(m queue.Message) (*sqs.SendMessageInput, error) {
	if m.Delay < 0 || m.Delay > schedule.MaxHop {
		return nil, &DelayError{Delay: m.Delay}
	}
	in := &sqs.SendMessageInput{
		QueueUrl:     aws.String(q.url),
		MessageBody:  aws.String(string(m.Body)),
		DelaySeconds: int32((m.Delay + time.Second - 1) / time.Second),
	}
	size := len(m.Body)
	if reason := cut(m.Reason); reason != "" {
		in.MessageAttributes = map[string]types.MessageAttributeValue{
			ReasonAttribute: {DataType: aws.String("String"), StringValue: aws.String(reason)},
		}
		size += len(ReasonAttribute) + len("String") + len(reason)
	}
	if size > MaxBody {
		return nil, &TooLargeError{Size: size}
	}
	if group := groupID(m.Group); group != "" {
		in.MessageGroupId = aws.String(group)
	}
	return in, nil
}

// name is the queue's own part of its URL, which has the account's number too.
func (q *Queue) name() string { return q.url[strings.LastIndexByte(q.url, '/')+1:] }

// cut bounds a reason and takes out what SQS refuses in an attribute: control
// characters other than tab and line ends.
func cut(reason string) string {
	clean := strings.Map(func(r rune) rune {
		if unicode.IsControl(r) && r != '\t' && r != '\n' && r != '\r' || r == 0xFFFE || r == 0xFFFF {
			return unicode.ReplacementChar
		}
		return r
	}, reason)
	if len(clean) > maxReason {
		clean = strings.ToValidUTF8(clean[:maxReason], "")
	}
	return clean
}
