package main

import (
	"context"
	"fmt"
	"net/url"
	"slices"
	"strings"

	"github.com/jobhook/jobhook/shared/webhook"
)

// dispatch: each new event is claimed, posted, signed, to all its targets, and
// recorded; an event that is known is not posted again; what is no completion is
// rejected.
func (c *checker) dispatch(ctx context.Context, s sample) (string, error) {
	expected, bad := parse(s)
	came, err := c.posts(ctx, s)
	if err != nil {
		return "", err
	}
	var states []string
	for _, event := range expected {
		deliveries, err := c.deliveries(ctx, event)
		if err != nil {
			return "", err
		}
		known := c.started[event.MessageID] != nil
		if !known {
			c.started[event.MessageID] = map[string]arrival{}
		}
		for _, d := range deliveries {
			if came, err = c.posted(d, came, known); err != nil {
				return "", fmt.Errorf("%s: %w", d.ID(), err)
			}
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

// deliveries reads an event's, one for each of its targets: the job's own URL and
// the sample account's endpoint.
func (c *checker) deliveries(ctx context.Context, event webhook.Event) (all []webhook.Delivery, err error) {
	recorded, err := c.w.store.Events(ctx, event.MessageID)
	if err != nil {
		return nil, err
	}
	if recorded[0] == nil {
		return nil, fmt.Errorf("there is no event %s", event.MessageID)
	}
	want := 0
	if event.CallbackURL != "" {
		want++
	}
	if event.Account == sampleAccount {
		want++
	}
	keys := recorded[0].Keys()
	if len(keys) != want {
		return nil, fmt.Errorf("%s has %d deliveries; want %d", event.MessageID, len(keys), want)
	}
	for _, key := range keys {
		d, err := c.delivery(ctx, key)
		if err != nil {
			return nil, err
		}
		all = append(all, d)
	}
	return all, nil
}

// posted judges one delivery after dispatch, and returns what came that is not its own.
func (c *checker) posted(d webhook.Delivery, came []arrival, known bool) (rest []arrival, err error) {
	target, err := url.Parse(d.URL)
	if err != nil {
		return nil, err
	}
	var posts []arrival
	for _, a := range came {
		if a.id == d.MessageID && a.path == target.RequestURI() {
			posts = append(posts, a)
		} else {
			rest = append(rest, a)
		}
	}
	want := webhook.Delivered
	if target.Path == busyPath {
		want = webhook.Retrying
	}
	own := older[string(d.Profile)]
	switch {
	case known && len(posts) != 0:
		return nil, fmt.Errorf("it was posted again: %v", posts)
	case known:
		return rest, nil
	case len(posts) != 1 || posts[0].err != nil:
		return nil, fmt.Errorf("the receiver got %v; want one POST that verifies", posts)
	case d.EndpointID == webhook.JobTarget && posts[0].account != d.Account:
		return nil, fmt.Errorf("signed with the secret of account %q", posts[0].account)
	case own != "" && !slices.Contains(posts[0].verified, own):
		return nil, fmt.Errorf("verified by %v; want %s", posts[0].verified, own)
	case d.Status != want || len(d.Attempts) != 1 || d.Attempts[0].StatusCode != posts[0].status:
		return nil, fmt.Errorf("recorded is %s; want %s after one attempt, answered %d", state(d), want, posts[0].status)
	}
	c.started[d.MessageID][target.RequestURI()] = posts[0]
	return rest, nil
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
