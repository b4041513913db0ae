package sqsqueue_test

import (
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/sqs"
	"github.com/aws/aws-sdk-go-v2/service/sqs/types"

	"github.com/jobhook/jobhook/internal/emulators"
	"github.com/jobhook/jobhook/shared/queue"
	"github.com/jobhook/jobhook/shared/schedule"
	"github.com/jobhook/jobhook/shared/sqsqueue"
)

// recorder keeps what was sent.
type recorder struct {
	sent *sqs.SendMessageInput
	err  error
}

func (r *recorder) SendMessage(_ context.Context, in *sqs.SendMessageInput, _ ...func(*sqs.Options)) (*sqs.SendMessageOutput, error) {
	r.sent = in
	return &sqs.SendMessageOutput{}, r.err
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
		err := sqsqueue.New(api, "http://sqs/123/retry").Send(t.Context(), queue.Message{Body: []byte("{}"), Delay: c.delay})
		var tooLong *sqsqueue.DelayError
		switch {
		case c.want < 0 && (!errors.As(err, &tooLong) || tooLong.Delay != c.delay || api.sent != nil):
			t.Errorf("%s: got %v, want a DelayError and no call", c.delay, err)
		case c.want >= 0 && (err != nil || api.sent.DelaySeconds != c.want):
			t.Errorf("%s: got %v, %v; want %d s", c.delay, api.sent, err, c.want)
		}
	}
}

func TestSize(t *testing.T) {
	api := &recorder{}
	q := sqsqueue.New(api, "http://sqs/123/completions")
	full := []byte(strings.Repeat("x", sqsqueue.MaxBody))
	if err := q.Send(t.Context(), queue.Message{Body: full}); err != nil {
		t.Errorf("1 MiB: %v", err)
	}
	for _, m := range []queue.Message{{Body: append(full, 'x')}, {Body: full, Reason: "why"}} {
		api.sent = nil
		var tooLarge *sqsqueue.TooLargeError
		if err := q.Send(t.Context(), m); !errors.As(err, &tooLarge) || api.sent != nil || len(err.Error()) > 200 {
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
		if err := sqsqueue.New(api, "u").Send(t.Context(), queue.Message{Group: tenant}); err != nil {
			t.Fatal(err)
		}
		group := aws.ToString(api.sent.MessageGroupId)
		if group == "" || len(group) > 128 || strings.Trim(group, asciiGraphic) != "" {
			t.Errorf("%q makes %q", tenant, group)
		}
		if other, taken := seen[group]; taken {
			t.Errorf("%q and %q share a group", tenant, other)
		}
		seen[group] = tenant
	}
	api := &recorder{}
	if err := sqsqueue.New(api, "u").Send(t.Context(), queue.Message{}); err != nil || api.sent.MessageGroupId != nil {
		t.Errorf("no tenant makes group %q, %v", aws.ToString(api.sent.MessageGroupId), err)
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
		if err := sqsqueue.New(api, "u").Send(t.Context(), queue.Message{Reason: c.reason}); err != nil {
			t.Fatal(err)
		}
		if got := aws.ToString(api.sent.MessageAttributes[sqsqueue.ReasonAttribute].StringValue); got != c.want {
			t.Errorf("%q is sent as %q, want %q", c.reason, got, c.want)
		}
	}
}

// TestErrors: a refusal keeps its type and names the queue, not the account
// that owns it.
func TestErrors(t *testing.T) {
	api := &recorder{err: &types.QueueDoesNotExist{}}
	err := sqsqueue.New(api, "https://sqs.us-east-1.amazonaws.com/123456789012/retry").Send(t.Context(), queue.Message{Body: []byte("secret")})
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
	if err := sqsqueue.New(client, url).Send(t.Context(), queue.Message{Body: []byte("m"), Group: "acct-1", Delay: time.Second}); err != nil {
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
