package main

import (
	"context"
	"fmt"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/jobhook/jobhook/shared/intake"
	"github.com/jobhook/jobhook/shared/webhook"
)

// dispatch: each new event is claimed, posted, signed, to all its targets, and
// recorded; an event that is known is not posted again; what is no completion is
// rejected.
func (c *checker) dispatch(ctx context.Context, invoke invoker, s sample) (string, error) {
	expected, bad := parse(s)
	c.w.receiver.take()
	answer, err := invoke(ctx, s.function, s.body)
	if err == nil {
		err = batchAnswer(answer)
	}
	if err != nil {
		return "", err
	}
	came := c.w.receiver.take()
	var states []string
	for _, event := range expected {
		deliveries, posts, err := c.settled(ctx, event, came)
		if err != nil {
			return "", err
		}
		came = slices.DeleteFunc(came, func(a arrival) bool { return slices.ContainsFunc(posts, same(a)) })
		for _, d := range deliveries {
			states = append(states, state(d))
		}
	}
	if len(came) > 0 {
		return "", fmt.Errorf("the receiver got what nobody should have sent: %s", came[0])
	}
	if err := c.followedUp(ctx, bad, expected); err != nil {
		return "", err
	}
	if bad > 0 {
		states = append(states, fmt.Sprintf("%d rejected, with the reason, on %s", bad, rejectedQueue))
	}
	return strings.Join(states, "\n            "), nil
}

func parse(s sample) (good []webhook.Event, bad int) {
	for _, r := range records(s) {
		c, err := intake.Parse([]byte(r.Body), "", time.Now(), intake.Rules{})
		if err != nil {
			bad++
			continue
		}
		good = append(good, c.Event)
	}
	return good, bad
}

// settled reads an event's deliveries back and compares them with what came.
func (c *checker) settled(ctx context.Context, event webhook.Event, came []arrival) ([]webhook.Delivery, []arrival, error) {
	deliveries, err := c.w.deliveries(ctx, event.MessageID)
	if err != nil {
		return nil, nil, err
	}
	want := 0
	if event.CallbackURL != "" {
		want++
	}
	if event.Account == sampleAccount {
		want++
	}
	if len(deliveries) != want {
		return nil, nil, fmt.Errorf("%s has %d deliveries; want %d", event.MessageID, len(deliveries), want)
	}
	first := c.started[event.MessageID] == nil
	if first {
		c.started[event.MessageID] = map[string]arrival{}
	}
	var posts []arrival
	for _, d := range deliveries {
		post, err := c.posted(d, came, first)
		if err != nil {
			return nil, nil, err
		}
		posts = append(posts, post...)
	}
	return deliveries, posts, nil
}

// posted judges one delivery after dispatch.
func (c *checker) posted(d webhook.Delivery, came []arrival, first bool) ([]arrival, error) {
	target, err := url.Parse(d.URL)
	if err != nil {
		return nil, err
	}
	posts := slices.DeleteFunc(slices.Clone(came), func(a arrival) bool {
		return a.id != d.MessageID || a.path != target.RequestURI()
	})
	if !first {
		if len(posts) != 0 {
			return nil, fmt.Errorf("%s was posted again", d.ID())
		}
		return nil, nil
	}
	if len(posts) != 1 || posts[0].err != nil {
		return nil, fmt.Errorf("%s: the receiver got %v; want one POST that verifies", d.ID(), posts)
	}
	if d.EndpointID == webhook.JobTarget && posts[0].account != d.Account {
		return nil, fmt.Errorf("%s: signed with the secret of account %q", d.ID(), posts[0].account)
	}
	if own := older[string(d.Profile)]; own != "" && !slices.Contains(posts[0].verified, own) {
		return nil, fmt.Errorf("%s: verified by %v; want %s", d.ID(), posts[0].verified, own)
	}
	want := webhook.Delivered
	if target.Path == busyPath {
		want = webhook.Retrying
	}
	if d.Status != want || len(d.Attempts) != 1 || d.Attempts[0].StatusCode != posts[0].status {
		return nil, fmt.Errorf("recorded is %s; want %s after one attempt, answered %d", state(d), want, posts[0].status)
	}
	c.started[d.MessageID][target.RequestURI()] = posts[0]
	return posts, nil
}

func same(a arrival) func(arrival) bool {
	return func(b arrival) bool { return a.id == b.id && a.path == b.path }
}

// followedUp reads the queues: what is rejected, and that a retry is asked for
// each delivery that is to be retried.
func (c *checker) followedUp(ctx context.Context, bad int, expected []webhook.Event) error {
	rejected, err := c.w.drain(ctx, rejectedQueue)
	if err != nil {
		return err
	}
	if len(rejected) != bad {
		return fmt.Errorf("%d rejected; want %d", len(rejected), bad)
	}
	asked, err := c.w.drain(ctx, retryQueue)
	if err != nil {
		return err
	}
	for _, body := range asked {
		r, err := webhook.ParseRetry([]byte(body))
		if err != nil {
			return err
		}
		if !slices.ContainsFunc(expected, func(e webhook.Event) bool { return e.MessageID == r.MessageID }) || r.Attempt != 2 {
			return fmt.Errorf("the retry queue has %s, which nothing here asked for", body)
		}
		c.asked = append(c.asked, r)
	}
	return nil
}
