package main

import (
	"context"
	"fmt"
	"net/url"
	"slices"
	"time"

	"github.com/jobhook/jobhook/shared/webhook"
)

// retry: the attempt that was asked for is made once, with the same id and the
// same bytes as the first (unless that is of before our time), and recorded.
func (c *checker) retry(ctx context.Context, invoke invoker, s sample) (string, error) {
	asked, err := webhook.ParseRetry([]byte(records(s)[0].Body))
	if err != nil {
		return "", err
	}
	before, err := c.delivery(ctx, asked)
	if err != nil {
		return "", err
	}
	made := before.NextNumber() > asked.Attempt
	if !made && asked.Key() != c.w.waiting && !slices.ContainsFunc(c.asked, sameAttempt(asked)) {
		return "", fmt.Errorf("dispatch has put no such message on %s", retryQueue)
	}
	if err := sleep(ctx, time.Until(before.NextAttemptAt)); err != nil {
		return "", err
	}
	c.w.receiver.take()
	answer, err := invoke(ctx, s.function, s.body)
	if err == nil {
		err = batchAnswer(answer)
	}
	if err != nil {
		return "", err
	}
	after, err := c.delivery(ctx, asked)
	if err != nil {
		return "", err
	}
	if came := c.w.receiver.take(); made {
		if len(came) != 0 || len(after.Attempts) != len(before.Attempts) {
			return "", fmt.Errorf("an attempt that had been made was made again: %s", state(after))
		}
	} else if err := c.second(after, asked, came); err != nil {
		return "", err
	}
	return state(after), nil
}

func (c *checker) delivery(ctx context.Context, r webhook.RetryMessage) (webhook.Delivery, error) {
	found, err := c.w.store.Deliveries(ctx, r.Key())
	switch {
	case err != nil:
		return webhook.Delivery{}, err
	case found[0] == nil:
		return webhook.Delivery{}, fmt.Errorf("there is no delivery %s of %s", r.Key().ID(), r.AcceptedAt)
	}
	return *found[0], nil
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

func sameAttempt(a webhook.RetryMessage) func(webhook.RetryMessage) bool {
	return func(b webhook.RetryMessage) bool { return a.Key() == b.Key() && a.Attempt == b.Attempt }
}

func sleep(ctx context.Context, d time.Duration) error {
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-time.After(d):
		return nil
	}
}
