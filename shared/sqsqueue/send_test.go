package sqsqueue_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/sqs"
	"github.com/aws/aws-sdk-go-v2/service/sqs/types"

	"github.com/jobhook/jobhook/internal/emulators"
	"github.com/jobhook/jobhook/shared/schedule"
	"github.com/jobhook/jobhook/shared/sqsqueue"
	"github.com/jobhook/jobhook/shared/webhook"
)

// recorder keeps what was sent and answers as it is told.
type recorder struct {
	calls   []*sqs.SendMessageBatchInput
	changes []*sqs.ChangeMessageVisibilityBatchInput
	failed  []types.BatchResultErrorEntry
	err     error
}

func (r *recorder) SendMessageBatch(_ context.Context, in *sqs.SendMessageBatchInput, _ ...func(*sqs.Options)) (*sqs.SendMessageBatchOutput, error) {
	r.calls = append(r.calls, in)
	return &sqs.SendMessageBatchOutput{Failed: r.failed}, r.err
}

func (r *recorder) ChangeMessageVisibilityBatch(_ context.Context, in *sqs.ChangeMessageVisibilityBatchInput, _ ...func(*sqs.Options)) (*sqs.ChangeMessageVisibilityBatchOutput, error) {
	r.changes = append(r.changes, in)
	return &sqs.ChangeMessageVisibilityBatchOutput{Failed: r.failed}, r.err
}

// sent is the one message that was sent; nil when there was no call.
func (r *recorder) sent() *types.SendMessageBatchRequestEntry {
	if len(r.calls) == 0 {
		return nil
	}
	return &r.calls[0].Entries[0]
}

func TestDelay(t *testing.T) {
	for _, c := range []struct {
		delay time.Duration
		want  int32 // -1: refused
	}{
		{0, 0},
		{time.Nanosecond, 1},
		{time.Second, 1},
		{time.Second + 1, 2},
		{schedule.MaxHop - 1, 900},
		{schedule.MaxHop, 900},
		{schedule.MaxHop + 1, -1},
		{time.Hour, -1},
		{-time.Nanosecond, -1},
	} {
		api := &recorder{}
		err := sqsqueue.New(api, "http://sqs/123/retry").Send(t.Context(), webhook.Message{Body: []byte("{}"), Delay: c.delay})[0]
		var tooLong *sqsqueue.DelayError
		switch {
		case c.want < 0 && (!errors.As(err, &tooLong) || tooLong.Delay != c.delay || api.sent() != nil):
			t.Errorf("%s: got %v, want a DelayError and no call", c.delay, err)
		case c.want >= 0 && (err != nil || api.sent().DelaySeconds != c.want):
			t.Errorf("%s: got %v, %v; want %d s", c.delay, api.sent(), err, c.want)
		}
	}
}

func TestSize(t *testing.T) {
	api := &recorder{}
	q := sqsqueue.New(api, "http://sqs/123/completions")
	full := []byte(strings.Repeat("x", sqsqueue.MaxBody))
	if err := q.Send(t.Context(), webhook.Message{Body: full})[0]; err != nil {
		t.Errorf("1 MiB: %v", err)
	}
	for _, m := range []webhook.Message{{Body: append(full, 'x')}, {Body: full, Reason: "why"}} {
		api.calls = nil
		var tooLarge *sqsqueue.TooLargeError
		if err := q.Send(t.Context(), m)[0]; !errors.As(err, &tooLarge) || api.sent() != nil || len(err.Error()) > 200 {
			t.Errorf("got %.200v, want a TooLargeError and no call", err)
		}
	}
}

// TestGroup: every tenant's name makes a group that SQS takes, and the same one
// each time.
func TestGroup(t *testing.T) {
	long := strings.Repeat("a", 129)
	seen := map[string]string{}
	for _, tenant := range []string{"acct-1", "a_b:c/d#e@f.g", strings.Repeat("a", 128), long, long + "b", "日本", "日本語", "a b", "a\nb"} {
		api := &recorder{}
		if err := sqsqueue.New(api, "u").Send(t.Context(), webhook.Message{Group: tenant})[0]; err != nil {
			t.Fatal(err)
		}
		group := aws.ToString(api.sent().MessageGroupId)
		if group == "" || len(group) > 128 || strings.Trim(group, asciiGraphic) != "" {
			t.Errorf("%q makes %q", tenant, group)
		}
		if other, taken := seen[group]; taken {
			t.Errorf("%q and %q share a group", tenant, other)
		}
		seen[group] = tenant
	}
	api := &recorder{}
	if err := sqsqueue.New(api, "u").Send(t.Context(), webhook.Message{})[0]; err != nil || api.sent().MessageGroupId != nil {
		t.Errorf("no tenant makes group %q, %v", aws.ToString(api.sent().MessageGroupId), err)
	}
}

const asciiGraphic = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789!\"#$%&'()*+,-./:;<=>?@[\\]^_`{|}~"

func TestReason(t *testing.T) {
	for _, c := range []struct{ reason, want string }{
		{"id is missing", "id is missing"},
		{"bad byte \x00 here", "bad byte \ufffd here"},
		{"two\nlines\té", "two\nlines\té"},
		{strings.Repeat("é", 600), strings.Repeat("é", 512)},
		{strings.Repeat("x", 1023) + "é", strings.Repeat("x", 1023)},
	} {
		api := &recorder{}
		if err := sqsqueue.New(api, "u").Send(t.Context(), webhook.Message{Reason: c.reason})[0]; err != nil {
			t.Fatal(err)
		}
		if got := aws.ToString(api.sent().MessageAttributes[sqsqueue.ReasonAttribute].StringValue); got != c.want {
			t.Errorf("%q is sent as %q, want %q", c.reason, got, c.want)
		}
	}
}

// TestErrors: a refusal keeps its type and names the queue, not the account
// that owns it.
func TestErrors(t *testing.T) {
	api := &recorder{err: &types.QueueDoesNotExist{}}
	err := sqsqueue.New(api, "https://sqs.us-east-1.amazonaws.com/123456789012/retry").Send(t.Context(), webhook.Message{Body: []byte("secret")})[0]
	var missing *types.QueueDoesNotExist
	if !errors.As(err, &missing) || !strings.HasPrefix(err.Error(), "send to retry: ") || strings.Contains(err.Error(), "123456789012") {
		t.Errorf("got %v", err)
	}
}

// TestGroupArrives: the emulator takes a group on a standard queue, as SQS does,
// with a delay too, and hands it to whoever receives.
func TestGroupArrives(t *testing.T) {
	client := sqs.NewFromConfig(emulators.Config(emulators.SQS(t)))
	url := create(t, client, "groups-"+time.Now().Format("150405000000000"), nil)
	if err := sqsqueue.New(client, url).Send(t.Context(), webhook.Message{Body: []byte("m"), Group: "acct-1", Delay: time.Second})[0]; err != nil {
		t.Fatal(err)
	}
	pass(t)(2 * time.Second)
	out, err := client.ReceiveMessage(t.Context(), &sqs.ReceiveMessageInput{
		QueueUrl: aws.String(url), WaitTimeSeconds: 5,
		MessageSystemAttributeNames: []types.MessageSystemAttributeName{"All"},
	})
	if err != nil || len(out.Messages) != 1 {
		t.Fatalf("received %+v, %v", out, err)
	}
	if got := out.Messages[0].Attributes["MessageGroupId"]; got != "acct-1" {
		t.Errorf("MessageGroupId is %q among %v", got, out.Messages[0].Attributes)
	}
}

// TestOneCallForTen: messages of one Send go ten to a call, fewer when they are
// large, and each has its own verdict.
func TestOneCallForTen(t *testing.T) {
	large := []byte(strings.Repeat("x", 400<<10))
	for name, c := range map[string]struct {
		messages []webhook.Message
		failed   []types.BatchResultErrorEntry
		err      error
		calls    []int // entries of each
		bad      []int // places of the messages that were refused
	}{
		"one":                {messages: make([]webhook.Message, 1), calls: []int{1}},
		"ten":                {messages: make([]webhook.Message, 10), calls: []int{10}},
		"twenty-five":        {messages: make([]webhook.Message, 25), calls: []int{10, 10, 5}},
		"three large ones":   {messages: []webhook.Message{{Body: large}, {Body: large}, {Body: large}}, calls: []int{2, 1}},
		"one of them early":  {messages: []webhook.Message{{}, {Delay: -1}, {}}, calls: []int{2}, bad: []int{1}},
		"all of them early":  {messages: []webhook.Message{{Delay: -1}}, bad: []int{0}},
		"one fails":          {messages: make([]webhook.Message, 3), failed: []types.BatchResultErrorEntry{{Id: aws.String("1"), Code: aws.String("InternalError")}}, calls: []int{3}, bad: []int{1}},
		"the call is broken": {messages: make([]webhook.Message, 2), err: errors.New("broken"), calls: []int{2}, bad: []int{0, 1}},
		"none":               {},
	} {
		t.Run(name, func(t *testing.T) {
			api := &recorder{failed: c.failed, err: c.err}
			var bad, calls []int
			for i, err := range sqsqueue.New(api, "u/q").Send(t.Context(), c.messages...) {
				if err != nil {
					bad = append(bad, i)
				}
			}
			for _, call := range api.calls {
				calls = append(calls, len(call.Entries))
			}
			if !slices.Equal(bad, c.bad) || !slices.Equal(calls, c.calls) {
				t.Errorf("calls of %v entries, refused %v; want %v, %v", calls, bad, c.calls, c.bad)
			}
		})
	}
}

func TestChangeVisibility(t *testing.T) {
	after := map[string]time.Duration{}
	for i := range 23 {
		after[fmt.Sprint("handle-", i)] = time.Duration(i)*time.Second - 1
	}
	api := &recorder{}
	if err := sqsqueue.New(api, "u/q").ChangeVisibility(t.Context(), after); err != nil || len(api.changes) != 3 {
		t.Fatalf("%d calls (%v), want 3", len(api.changes), err)
	}
	for _, call := range api.changes {
		for _, e := range call.Entries {
			if want := fmt.Sprint("handle-", e.VisibilityTimeout); want != *e.ReceiptHandle {
				t.Errorf("%s becomes visible after %d s", *e.ReceiptHandle, e.VisibilityTimeout)
			}
		}
	}
	for code, fault := range map[string]bool{
		"AWS.SimpleQueueService.MessageNotInflight": false, "ReceiptHandleIsInvalid": false, "InternalError": true,
	} {
		api := &recorder{failed: []types.BatchResultErrorEntry{{Id: aws.String("0"), Code: aws.String(code)}}}
		err := sqsqueue.New(api, "u/q").ChangeVisibility(t.Context(), map[string]time.Duration{"h": time.Second})
		if (err != nil) != fault {
			t.Errorf("%s: %v", code, err)
		}
	}
}
