package main

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/aws/aws-lambda-go/events"
)

// invoker invokes a function by its event, and returns its answer.
type invoker func(ctx context.Context, function string, event []byte) ([]byte, error)

// localInvoke is sam local invoke: a container for each call.
func (c *checker) localInvoke(ctx context.Context, function string, event []byte) ([]byte, error) {
	args := append([]string{"local", "invoke", function, "--event", "-"}, c.local()...)
	answer, _, err := c.sam(ctx, event, args...)
	return []byte(answer), err
}

// invokeAll invokes each function with each event that is its own, and some
// twice: what comes twice must change nothing.
func (c *checker) invokeAll(ctx context.Context) error {
	if err := c.world(ctx); err != nil {
		return err
	}
	all := c.samples
	more, err := completions(all)
	if err != nil {
		return err
	}
	slices.SortStableFunc(all, func(a, b sample) int { return cmp.Compare(len(records(a)), len(records(b))) })
	for _, s := range append(of(all, dispatchFunction), more) {
		if err := c.named(ctx, s, c.dispatch); err != nil {
			return err
		}
	}
	// A completion that comes twice comes as two messages; one that comes back is
	// the same message, whose lease may hold still.
	first := of(all, dispatchFunction)[0]
	first.body = bytes.ReplaceAll(first.body, []byte(records(first)[0].MessageId), []byte("local-again"))
	if err := c.again(ctx, first, c.dispatch); err != nil {
		return err
	}
	asked, err := c.followUp(first)
	if err != nil {
		return err
	}
	for _, s := range append(of(all, retryFunction), asked) {
		if err := c.named(ctx, s, c.retry); err != nil {
			return err
		}
		if err := c.again(ctx, s, c.retry); err != nil {
			return err
		}
	}
	for _, s := range of(all, receiveFunction) {
		if err := c.named(ctx, s, c.receive); err != nil {
			return err
		}
	}
	return c.again(ctx, of(all, receiveFunction)[0], c.receive)
}

// judge invokes a function with a sample and says what came of it.
type judge func(ctx context.Context, invoke invoker, s sample) (came string, err error)

func (c *checker) named(ctx context.Context, s sample, judged judge) error {
	began := time.Now()
	came, err := judged(ctx, c.localInvoke, s)
	if err != nil {
		return fmt.Errorf("%s with %s: %w", s.function, s.name, err)
	}
	c.ok(began, "sam local invoke "+s.function+"  "+s.name, came)
	return nil
}

func (c *checker) again(ctx context.Context, s sample, judged judge) error {
	s.name += ", again"
	return c.named(ctx, s, judged)
}

func of(all []sample, function string) []sample {
	var own []sample
	for _, s := range all {
		if s.function == function {
			own = append(own, s)
		}
	}
	return own
}

func records(s sample) []events.SQSMessage {
	var batch events.SQSEvent
	_ = json.Unmarshal(s.body, &batch) // functionOf has read it
	return batch.Records
}

// batchAnswer refuses an answer that asks for messages to come back.
func batchAnswer(answer []byte) error {
	var response struct {
		BatchItemFailures *[]events.SQSBatchItemFailure `json:"batchItemFailures"`
	}
	if err := json.Unmarshal(answer, &response); err != nil || response.BatchItemFailures == nil {
		return fmt.Errorf("it answers %q, which is no batch response: %w", answer, err)
	}
	if n := len(*response.BatchItemFailures); n != 0 {
		return fmt.Errorf("%d messages must come back: %s", n, strings.TrimSpace(string(answer)))
	}
	return nil
}
