package deliver

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"github.com/jobhook/jobhook/shared/queue"
	"github.com/jobhook/jobhook/shared/schedule"
	"github.com/jobhook/jobhook/shared/webhook"
)

// Retrier makes all attempts after a delivery's first record.
type Retrier struct{ courier }

// NewRetrier puts a Retrier together. It is safe for concurrent use.
func NewRetrier(d Deps, c Config) *Retrier { return &Retrier{newCourier(d, c)} }

// raceTries is how often a lost race is looked at again before the message
// has to come back.
const raceTries = 3

// overdueAfter is longer than any invocation lasts.
const overdueAfter = 5 * time.Minute

// Retry works on one message of the retry queue. nil means that the message
// may go; on an error it must come back.
func (r *Retrier) Retry(ctx context.Context, m Message) error {
	asked, err := queue.ParseRetry(m.Body)
	if err != nil {
		return err
	}
	if r.Now().Before(asked.Due) {
		return r.wait(ctx, m, asked, asked.Due)
	}
	for range raceTries {
		if err = r.try(ctx, m, asked); !errors.Is(err, webhook.ErrLost) {
			return err
		}
	}
	return fmt.Errorf("attempt %d of %s: %w", asked.Attempt, webhook.DeliveryID(asked.MessageID, asked.EndpointID), ErrBusy)
}

// wait lets the message wait for another hop.
func (r *Retrier) wait(ctx context.Context, m Message, asked queue.Retry, due time.Time) error {
	next := queue.Message{Body: m.Body, Delay: schedule.Hop(r.Now(), due), Group: asked.Account}
	if err := r.Retries.Send(ctx, next); err != nil {
		return fmt.Errorf("wait for attempt %d of %s: %w",
			asked.Attempt, webhook.DeliveryID(asked.MessageID, asked.EndpointID), err)
	}
	return nil
}

func (r *Retrier) try(ctx context.Context, m Message, asked queue.Retry) error {
	l, err := r.Loader.LoadDelivery(ctx, asked.MessageID, asked.Account, asked.EndpointID)
	if errors.Is(err, webhook.ErrNotFound) {
		r.Log.LogAttrs(ctx, slog.LevelWarn, "retry.expired",
			slog.String("delivery_id", webhook.DeliveryID(asked.MessageID, asked.EndpointID)))
		return nil
	}
	if err != nil {
		return fmt.Errorf("load %s: %w", webhook.DeliveryID(asked.MessageID, asked.EndpointID), err)
	}
	d := l.Delivery
	if !d.Open() || d.NextNumber() != asked.Attempt {
		return r.stale(ctx, m, l, asked)
	}
	now := r.Now()
	switch {
	case now.Before(d.NextAttemptAt):
		return r.wait(ctx, m, asked, d.NextAttemptAt)
	case d.Lease.Active(now) && d.Lease.Message == m.ID:
		return fmt.Errorf("attempt %d of %s: %w", asked.Attempt, d.ID(), ErrBusy)
	case d.Lease.Active(now):
		return nil // the message that holds the lease comes back if its owner dies
	case d.EndpointID != webhook.JobTarget && l.Endpoint == nil:
		return r.end(ctx, l.Event, d.Rev, d.Cancel())
	case l.Endpoint != nil && !l.Endpoint.Enabled:
		return r.end(ctx, l.Event, d.Rev, d.Hold())
	}
	return r.post(ctx, m, asked, l)
}

// stale is for a message whose attempt has been made. If its owner died before
// sending the next message, it is the owner's own message that comes back and
// sees to it; another one does so only when that is long overdue (a message
// that was moved out of the dead letters has a new id).
func (r *Retrier) stale(ctx context.Context, m Message, l webhook.Loaded, asked queue.Retry) error {
	last, made := l.Delivery.Last()
	if !made || last.Number != asked.Attempt {
		return nil
	}
	overdue := r.Now().Sub(last.At) > overdueAfter
	if l.Delivery.Lease.Message == m.ID || overdue {
		return r.follow(ctx, l.Delivery, l.Endpoint)
	}
	return nil
}

// post claims the attempt, makes it, records it, and sends what follows.
func (r *Retrier) post(ctx context.Context, m Message, asked queue.Retry, l webhook.Loaded) error {
	done, ok := r.start(ctx)
	if !ok {
		return r.wait(ctx, m, asked, r.Now().Add(time.Second))
	}
	defer done()
	d := l.Delivery
	was := d.Rev
	d.Lease, d.Rev = r.lease(ctx, m.ID), r.Token()
	if l.Endpoint != nil {
		d.URL = l.Endpoint.URL
	}
	// A message that came after its mark was lost is queued all the same.
	d.Queued = max(d.Queued, asked.Attempt)
	if err := r.claim(ctx, was, d); err != nil {
		return err
	}
	settledDelivery, err := r.attempt(ctx, l.Event, d, l.Endpoint)
	if err != nil {
		return err
	}
	ctx, cancel := settled(ctx)
	defer cancel()
	if err := r.replace(ctx, d.Rev, settledDelivery); err != nil {
		if errors.Is(err, webhook.ErrLost) {
			return nil // its lease ran out and another has taken it over
		}
		return err
	}
	r.logState(ctx, l.Event, settledDelivery)
	return r.follow(ctx, settledDelivery, l.Endpoint)
}

func (r *Retrier) claim(ctx context.Context, was string, d webhook.Delivery) error {
	if err := r.Deliveries.ReplaceDelivery(ctx, was, d); err != nil {
		return fmt.Errorf("claim attempt %d of %s: %w", d.NextNumber(), d.ID(), err)
	}
	return nil
}

// end records that no attempt is made any more.
func (r *Retrier) end(ctx context.Context, ev webhook.Event, was string, d webhook.Delivery) error {
	d.Rev = r.Token()
	if err := r.replace(ctx, was, d); err != nil {
		return err
	}
	r.logState(ctx, ev, d)
	return nil
}

func (r *Retrier) replace(ctx context.Context, was string, d webhook.Delivery) error {
	if err := r.Deliveries.ReplaceDelivery(ctx, was, d); err != nil {
		return fmt.Errorf("record %s: %w", d.ID(), err)
	}
	return nil
}
