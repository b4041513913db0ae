package deliver

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/url"
	"time"

	"golang.org/x/sync/semaphore"

	"github.com/jobhook/jobhook/shared/queue"
	"github.com/jobhook/jobhook/shared/schedule"
	"github.com/jobhook/jobhook/shared/webhook"
)

// courier makes attempts and sees to what follows from them. dispatch and
// retry share it.
type courier struct {
	Deps
	cfg   Config
	posts *semaphore.Weighted
}

func newCourier(d Deps, c Config) courier {
	return courier{Deps: d, cfg: c, posts: newPosts(c.Concurrency)}
}

// attempt posts once and returns the delivery as it is then, not yet stored.
// An error is a fault of ours; it makes no attempt.
func (c *courier) attempt(ctx context.Context, ev webhook.Event, d webhook.Delivery, e *webhook.Endpoint) (webhook.Delivery, error) {
	secrets, err := c.Secrets.For(ctx, e, c.Now())
	if err != nil {
		return d, fmt.Errorf("secrets for %s: %w", d.ID(), err)
	}
	at := c.Now() // finding the secrets may have taken a while
	request, err := c.cfg.Wire.Compose(ev, d, e, secrets, at)
	if err != nil {
		return d, err
	}
	if !c.enough(ctx) {
		return d, fmt.Errorf("post %s: %w", d.ID(), errNoTime)
	}
	answer, err := c.Sender.Send(ctx, request)
	if err != nil {
		return d, fmt.Errorf("post %s: %w", d.ID(), err)
	}
	a := webhook.Attempt{
		Number: d.NextNumber(), At: at.UTC(), Duration: answer.Duration,
		StatusCode: answer.StatusCode, Reason: string(answer.Reason), Response: answer.Response,
	}
	asked := min(answer.RetryAfter, c.cfg.RetryAfterMax)
	next := c.cfg.Schedule.After(a.Number, c.Now(), asked, c.Chance())
	d = d.Settle(a, webhook.Judge(a), next.UTC())
	d.Rev = c.Token()
	return d, nil
}

// errNoTime says that too little of the invocation is left to post and record.
var errNoTime = fmt.Errorf("no time is left for it in this invocation: %w", ErrBusy)

// enough says whether there is the time for a POST that takes all of its own,
// and for its record.
func (c *courier) enough(ctx context.Context) bool {
	deadline, limited := ctx.Deadline()
	return !limited || time.Until(deadline) > c.cfg.SendTimeout+reserve
}

// start waits for its turn to post. ok is false when there would be too little
// time left to post and record: the attempt is then better made by another
// invocation.
func (c *courier) start(ctx context.Context) (done func(), ok bool) {
	if deadline, limited := ctx.Deadline(); limited {
		var cancel context.CancelFunc
		ctx, cancel = context.WithDeadline(ctx, deadline.Add(-c.cfg.SendTimeout-reserve))
		defer cancel()
	}
	if c.posts.Acquire(ctx, 1) != nil {
		return nil, false
	}
	return func() { c.posts.Release(1) }, true
}

// follow does what a recorded state asks for: the next attempt's message, or
// an endpoint that answered 410 disabled. It may be done again.
func (c *courier) follow(ctx context.Context, d webhook.Delivery, e *webhook.Endpoint) error {
	switch {
	case d.Unqueued():
		return c.enqueue(ctx, d)
	case d.EndedGone():
		return c.disable(ctx, d, e)
	}
	return nil
}

func (c *courier) enqueue(ctx context.Context, d webhook.Delivery) error {
	body := queue.Encode(queue.Retry{
		MessageID: d.MessageID, Account: d.Account, EndpointID: d.EndpointID,
		Attempt: d.NextNumber(), Due: d.NextAttemptAt,
	})
	delay := schedule.Hop(c.Now(), d.NextAttemptAt)
	if err := c.Retries.Send(ctx, queue.Message{Body: body, Delay: delay, Group: d.Account}); err != nil {
		return fmt.Errorf("queue attempt %d of %s: %w", d.NextNumber(), d.ID(), err)
	}
	// From here on the message is on its way. If saying so fails, whoever
	// holds the message before it sends it once more, and the claim of the
	// attempt drops the second.
	was := d.Rev
	d.Queued, d.Rev = d.NextNumber(), c.Token()
	if err := c.Deliveries.ReplaceDelivery(ctx, was, d); err != nil && !errors.Is(err, webhook.ErrLost) {
		c.Log.LogAttrs(ctx, slog.LevelWarn, "delivery.mark_failed",
			slog.String("delivery_id", d.ID()), slog.Any("error", err))
	}
	return nil
}

// disable turns off the endpoint that said it is gone, unless its owner has
// changed it since.
func (c *courier) disable(ctx context.Context, d webhook.Delivery, e *webhook.Endpoint) error {
	for range raceTries {
		last, _ := d.Last()
		if e == nil || !e.Enabled || e.UpdatedAt.After(last.At) {
			return nil
		}
		off := e.Disable(c.Now().UTC())
		off.Rev = c.Token()
		err := c.Replacer.ReplaceEndpoint(ctx, e.Rev, off)
		switch {
		case err == nil:
			c.Log.LogAttrs(ctx, slog.LevelWarn, "endpoint.disabled", slog.String("account", e.Account),
				slog.String("endpoint_id", e.ID), slog.String("reason", webhook.Gone), slog.String("delivery_id", d.ID()))
			return nil
		case errors.Is(err, webhook.ErrNotFound):
			return nil
		case !errors.Is(err, webhook.ErrLost):
			return fmt.Errorf("disable endpoint %s: %w", e.ID, err)
		}
		if e, err = c.reread(ctx, e); err != nil { // what was known of it may be old
			return err
		}
	}
	return fmt.Errorf("disable the endpoint of %s: %w", d.ID(), ErrBusy)
}

// reread finds an endpoint as it is now; nil when it was removed.
func (c *courier) reread(ctx context.Context, e *webhook.Endpoint) (*webhook.Endpoint, error) {
	all, err := c.Endpoints.AccountEndpoints(ctx, e.Account)
	if err != nil {
		return nil, fmt.Errorf("read endpoint %s again: %w", e.ID, err)
	}
	for i := range all {
		if all[i].ID == e.ID {
			return &all[i], nil
		}
	}
	return nil, nil
}

// settled is the context of the writes that follow a POST: they are made even
// when the invocation is being canceled.
func settled(ctx context.Context) (context.Context, context.CancelFunc) {
	return context.WithTimeout(context.WithoutCancel(ctx), settleTimeout)
}

// lease ends a little after the invocation that took it.
func (c *courier) lease(ctx context.Context, messageID string) webhook.Lease {
	until := c.Now().Add(DefaultLease)
	if deadline, ok := ctx.Deadline(); ok {
		// The deadline is by the real clock; what is left of it is what counts.
		until = c.Now().Add(time.Until(deadline))
	}
	return webhook.Lease{Message: messageID, Until: until.Add(leaseMargin).UTC()}
}

// logState writes the one line that says what happened: "delivery.attempted",
// or, where nothing was posted, "delivery.held" and the like.
func (c *courier) logState(ctx context.Context, ev webhook.Event, d webhook.Delivery) {
	if !c.Log.Enabled(ctx, slog.LevelInfo) {
		return
	}
	attrs := append(make([]slog.Attr, 0, 16),
		slog.String("delivery_id", d.ID()), slog.String("message_id", d.MessageID), slog.String("event_id", d.EventID),
		slog.String("event_type", ev.Type), slog.String("account", d.Account), slog.String("endpoint_id", d.EndpointID),
		slog.String("host", host(d.URL)), slog.String("profile", string(d.Profile)), slog.String("status", string(d.Status)))
	message := "delivery." + string(d.Status)
	if a, ok := d.Last(); ok && d.Reason == "" {
		message = "delivery.attempted"
		attrs = append(attrs, slog.Int("attempt", a.Number), slog.String("outcome", a.Outcome()),
			slog.Int("status_code", a.StatusCode), slog.Int64("duration_ms", a.Duration.Milliseconds()))
		if a.Reason != "" {
			attrs = append(attrs, slog.String("reason", a.Reason))
		}
	}
	if !d.NextAttemptAt.IsZero() {
		attrs = append(attrs, slog.Time("next_attempt_at", d.NextAttemptAt))
	}
	c.Log.LogAttrs(ctx, slog.LevelInfo, message, attrs...)
}

// host is all of a URL that goes into a log: the rest may hold a secret.
func host(raw string) string {
	u, err := url.Parse(raw)
	if err != nil {
		return ""
	}
	return u.Host
}
