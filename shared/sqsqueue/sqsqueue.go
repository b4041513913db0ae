// Package sqsqueue sends to an SQS standard queue, and gives received messages
// back to it. Receiving is Lambda's part.
package sqsqueue

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"
	"unicode"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/sqs"
	"github.com/aws/aws-sdk-go-v2/service/sqs/types"

	"github.com/jobhook/jobhook/shared/schedule"
	"github.com/jobhook/jobhook/shared/webhook"
)

const (
	// ReasonAttribute is the message attribute that says why a completion was
	// rejected.
	ReasonAttribute = "jobhook-reason"
	// MaxBody is the largest message that SQS takes, attributes included: 1 MiB
	// since August 2025.
	MaxBody = 1 << 20
	// maxBatch is the most entries of one batch call.
	maxBatch = 10
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
	SendMessageBatch(ctx context.Context, in *sqs.SendMessageBatchInput, opts ...func(*sqs.Options)) (*sqs.SendMessageBatchOutput, error)
	ChangeMessageVisibilityBatch(ctx context.Context, in *sqs.ChangeMessageVisibilityBatchInput, opts ...func(*sqs.Options)) (*sqs.ChangeMessageVisibilityBatchOutput, error)
}

// Queue is one queue. It is safe for concurrent use.
type Queue struct {
	api API
	url string
}

// New returns the queue at this URL.
func New(api API, url string) *Queue { return &Queue{api: api, url: url} }

// Send puts messages on the queue, in as few calls as SQS allows, and answers
// for each: it is durable when its error is nil. The delay is rounded up to
// whole seconds. A *DelayError or a *TooLargeError says that SQS would not
// accept the message; any other error is the SDK's or SQS's. When an answer is
// lost, the SDK sends the messages a second time: whoever receives them must
// expect that.
func (q *Queue) Send(ctx context.Context, ms ...webhook.Message) []error {
	errs := make([]error, len(ms))
	var entries []types.SendMessageBatchRequestEntry
	size := 0
	flush := func() {
		for i, err := range q.send(ctx, entries) {
			errs[i] = err
		}
		entries, size = nil, 0
	}
	for i, m := range ms {
		entry, bytes, err := entryOf(strconv.Itoa(i), m)
		if err != nil {
			errs[i] = fmt.Errorf("send to %s: %w", q.name(), err)
			continue
		}
		if len(entries) == maxBatch || size+bytes > MaxBody {
			flush()
		}
		entries, size = append(entries, entry), size+bytes
	}
	flush()
	return errs
}

// send answers for each entry by its id, a message's place.
func (q *Queue) send(ctx context.Context, entries []types.SendMessageBatchRequestEntry) map[int]error {
	errs := map[int]error{}
	if len(entries) == 0 {
		return errs
	}
	out, err := q.api.SendMessageBatch(ctx, &sqs.SendMessageBatchInput{QueueUrl: aws.String(q.url), Entries: entries})
	if err != nil {
		for _, e := range entries {
			i, _ := strconv.Atoi(*e.Id)
			errs[i] = fmt.Errorf("send to %s: %w", q.name(), err)
		}
		return errs
	}
	for _, failed := range out.Failed {
		i, _ := strconv.Atoi(aws.ToString(failed.Id))
		errs[i] = fmt.Errorf("send to %s: %s", q.name(), aws.ToString(failed.Code))
	}
	return errs
}

func entryOf(id string, m webhook.Message) (e types.SendMessageBatchRequestEntry, size int, err error) {
	if m.Delay < 0 || m.Delay > schedule.MaxHop {
		return e, 0, &DelayError{Delay: m.Delay}
	}
	e = types.SendMessageBatchRequestEntry{
		Id: aws.String(id), MessageBody: aws.String(string(m.Body)),
		DelaySeconds: int32((m.Delay + time.Second - 1) / time.Second),
	}
	size = len(m.Body)
	if reason := cut(m.Reason); reason != "" {
		e.MessageAttributes = map[string]types.MessageAttributeValue{
			ReasonAttribute: {DataType: aws.String("String"), StringValue: aws.String(reason)},
		}
		size += len(ReasonAttribute) + len("String") + len(reason)
	}
	if size > MaxBody {
		return e, 0, &TooLargeError{Size: size}
	}
	if group := groupID(m.Group); group != "" {
		e.MessageGroupId = aws.String(group)
	}
	return e, size, nil
}

// ChangeVisibility makes received messages, by their receipt handles, visible
// again after these times, rounded up to whole seconds; SQS allows up to 12
// hours from their receipt. A handle that is no longer in flight is no fault.
func (q *Queue) ChangeVisibility(ctx context.Context, after map[string]time.Duration) error {
	var entries []types.ChangeMessageVisibilityBatchRequestEntry
	var errs []error
	flush := func() {
		if len(entries) == 0 {
			return
		}
		out, err := q.api.ChangeMessageVisibilityBatch(ctx, &sqs.ChangeMessageVisibilityBatchInput{QueueUrl: aws.String(q.url), Entries: entries})
		entries = nil
		if err != nil {
			errs = append(errs, err)
			return
		}
		for _, failed := range out.Failed {
			if code := aws.ToString(failed.Code); !strings.HasSuffix(code, "MessageNotInflight") && !strings.HasSuffix(code, "ReceiptHandleIsInvalid") {
				errs = append(errs, errors.New(code))
			}
		}
	}
	for handle, d := range after {
		entries = append(entries, types.ChangeMessageVisibilityBatchRequestEntry{
			Id: aws.String(strconv.Itoa(len(entries))), ReceiptHandle: aws.String(handle),
			VisibilityTimeout: int32((max(d, 0) + time.Second - 1) / time.Second),
		})
		if len(entries) == maxBatch {
			flush()
		}
	}
	flush()
	if err := errors.Join(errs...); err != nil {
		return fmt.Errorf("change visibility on %s: %w", q.name(), err)
	}
	return nil
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
