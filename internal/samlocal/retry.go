package main

import (
	"context"
	"encoding/json"
	"fmt"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/aws/aws-lambda-go/events"

	"github.com/jobhook/jobhook/shared/webhook"
)

// retry: the attempt that was asked for is made once, with the same id and the
// same bytes as the first (unless that is of before our time), and recorded.
func (c *checker) retry(ctx context.Context, s sample) (string, error) {
	asked, err := webhook.ParseRetry([]byte(records(s)[0].Body))
	if err != nil {
		return "", err
	}
	before, err := c.delivery(ctx, asked.Key())
	if err != nil {
		return "", err
	}
	made := before.NextNumber() > asked.Attempt
	if !made && asked.Key() != c.w.waiting && !slices.ContainsFunc(c.asked, func(r webhook.RetryMessage) bool {
		return r.Key() == asked.Key() && r.Attempt == asked.Attempt
	}) {
		return "", fmt.Errorf("dispatch has put no such message on %s", retryQueue)
	}
	select {
	case <-ctx.Done():
		return "", ctx.Err()
	case <-time.After(time.Until(before.NextAttemptAt)):
	}
	came, err := c.posts(ctx, s)
	if err != nil {
		return "", err
	}
	after, err := c.delivery(ctx, asked.Key())
	if err != nil {
		return "", err
	}
	if !made {
		err = c.second(after, asked, came)
	} else if len(came) != 0 || len(after.Attempts) != len(before.Attempts) {
		err = fmt.Errorf("an attempt that had been made was made again: %s", state(after))
	}
	return state(after), err
}

// second judges the retry beside the first attempt.
func (c *checker) second(d webhook.Delivery, asked webhook.RetryMessage, came []arrival) error {
	target, err := url.Parse(d.URL)
	if err != nil {
		return err
	}
	first, seen := c.started[d.MessageID][target.RequestURI()]
	if len(came) != 1 || came[0].err != nil || came[0].id != d.MessageID || came[0].account != d.Account ||
		seen && (came[0].body != first.body || came[0].timestamp <= first.timestamp) {
		return fmt.Errorf("the receiver got %v; want %s again, the same body, freshly signed", came, first)
	}
	if d.Status != webhook.Delivered || len(d.Attempts) != asked.Attempt {
		return fmt.Errorf("recorded is %s; want it delivered by attempt %d", state(d), asked.Attempt)
	}
	return nil
}

func (c *checker) delivery(ctx context.Context, key webhook.DeliveryKey) (webhook.Delivery, error) {
	found, err := c.w.store.Deliveries(ctx, key)
	switch {
	case err != nil:
		return webhook.Delivery{}, err
	case found[0] == nil:
		return webhook.Delivery{}, fmt.Errorf("there is no delivery %s of %s", key.ID(), key.AcceptedAt)
	}
	return *found[0], nil
}

// posts invokes a function of a queue, which must answer that no message comes
// back, and returns what the receiver got meanwhile.
func (c *checker) posts(ctx context.Context, s sample) ([]arrival, error) {
	c.w.receiver.take()
	answer, err := c.invoke(ctx, s.function, s.body)
	if err != nil {
		return nil, err
	}
	var response struct {
		BatchItemFailures *[]events.SQSBatchItemFailure `json:"batchItemFailures"`
	}
	if err := json.Unmarshal(answer, &response); err != nil || response.BatchItemFailures == nil {
		return nil, fmt.Errorf("it answers %q, which is no batch response: %w", answer, err)
	}
	if n := len(*response.BatchItemFailures); n != 0 {
		return nil, fmt.Errorf("%d messages must come back: %s", n, strings.TrimSpace(string(answer)))
	}
	return c.w.receiver.take(), nil
}

// state says how a delivery stands, for people.
func state(d webhook.Delivery) string {
	text := d.ID() + " recorded: " + string(d.Status)
	if last, ok := d.Last(); ok {
		text += fmt.Sprintf(", attempt %d was answered %d", last.Number, last.StatusCode)
	}
	return text
}
