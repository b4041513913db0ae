package deliver

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"github.com/jobhook/jobhook/shared/schedule"
	"github.com/jobhook/jobhook/shared/webhook"
)

// Retrier makes all attempts after a delivery's first record.
type Retrier struct{ courier }

// NewRetrier puts a Retrier together. It is safe for concurrent use.
func NewRetrier(d Deps, c Config) *Retrier { return &Retrier{newCourier(d, c)} }

// overdueAfter is how long after an attempt was due its message may still be
// expected: longer than any invocation lasts.
const overdueAfter = 5 * time.Minute

// due is one message on its way through Retry.
type due struct {
	m        Message
	lease    webhook.Lease
	asked    webhook.RetryMessage
	event    webhook.Event
	delivery webhook.Delivery
	endpoint webhook.Endpoint
	step     step
	decided  bool
	err      error
}

// step is what a message comes to. Nothing of it set: the message may go.
type step struct {
	wait    time.Time       // it waits until then
	slow    bool            // on the slow queue
	follow  bool            // what follows from the recorded attempt is to be done
	claimed webhook.Claimed // the delivery's next step is this message's, once change has landed
	change  *webhook.Change
	attempt bool // an attempt follows
}

// Retry works on a batch of the retry queue and answers for each message: nil
// when it may go, an error when it must come back.
func (r *Retrier) Retry(ctx context.Context, ms []Message) []error {
	batch := make([]*due, len(ms))
	for i, m := range ms {
		d := &due{m: m, lease: r.lease(ctx, m.ID)}
		d.asked, d.err = webhook.ParseRetry(m.Body)
		d.decided = d.err != nil
		if d.asked.Outcome == nil && r.Now().Before(d.asked.Due) {
			d.decided, d.step.wait = true, d.asked.Due
		}
		batch[i] = d
	}
	r.own(ctx, batch)
	errs := together(ctx, &r.courier, batch, func(d *due) string { return d.asked.Account }, r.work)
	for i := range errs {
		if errors.Is(errs[i], errHandedOver) {
			errs[i] = nil
		}
	}
	return errs
}

// own decides what a batch comes to, and claims what it will attempt.
func (r *Retrier) own(ctx context.Context, batch []*due) {
	r.cfg.Turns.take(ctx, batch[0].asked.Account)
	defer r.cfg.Turns.leave(batch[0].asked.Account)
	ctx, cancel := context.WithTimeout(ctx, claimTime)
	defer cancel()
	for range raceTries {
		r.decideAll(ctx, batch)
	}
}

// decideAll reads what the undecided messages are about, in one round trip,
// decides what each comes to, and makes the writes that this begins with, in
// another. A message whose write is lost is undecided again.
func (r *Retrier) decideAll(ctx context.Context, batch []*due) {
	var asking []*due
	var keys []webhook.DeliveryKey
	for _, d := range batch {
		if !d.decided {
			asking, keys = append(asking, d), append(keys, d.asked.Key())
		}
	}
	if len(keys) == 0 {
		return
	}
	loaded, err := r.Store.Load(ctx, keys...)
	if err != nil && len(asking) > 1 { // a record that cannot be read must not hold up its neighbours
		for _, d := range asking {
			r.decideAll(ctx, []*due{d})
		}
		return
	}
	var writing []*due
	var changes []webhook.Change
	for i, d := range asking {
		d.decided = true
		if d.err = err; err != nil {
			d.err = fmt.Errorf("load %s: %w", keys[i].ID(), err)
			continue
		}
		if d.step, d.err = r.decide(ctx, d, loaded[i]); d.step.change != nil {
			writing, changes = append(writing, d), append(changes, *d.step.change)
		}
	}
	for i, err := range r.write(ctx, changes) {
		if d := writing[i]; err != nil {
			d.decided = !errors.Is(err, webhook.ErrLost)
			if !d.decided {
				err = &BusyError{} // unless the next look says otherwise
			}
			d.err = fmt.Errorf("claim attempt %d of %s: %w", d.asked.Attempt, d.asked.Key().ID(), err)
		}
	}
}

func (r *Retrier) write(ctx context.Context, changes []webhook.Change) []error {
	if len(changes) == 0 {
		return nil
	}
	return r.Store.Write(ctx, changes...)
}

// decide says what a message comes to as things stand.
func (r *Retrier) decide(ctx context.Context, d *due, l webhook.Loaded) (step, error) {
	if l.Event == nil || l.Delivery == nil && (d.asked.Outcome == nil || d.asked.Outcome.From != "") {
		r.Log.LogAttrs(ctx, slog.LevelWarn, "retry.expired", slog.String("delivery_id", d.asked.Key().ID()))
		return step{}, nil
	}
	d.event, d.endpoint = *l.Event, webhook.JobDefaults(d.asked.Account, r.cfg.CallbackProfile)
	removed := l.Endpoint == nil && d.asked.EndpointID != webhook.JobTarget
	if l.Endpoint != nil {
		d.endpoint = *l.Endpoint
		removed = d.endpoint.Removed()
	}
	if d.asked.Outcome != nil {
		return r.apply(d, l.Delivery), nil
	}
	d.delivery = *l.Delivery
	now := r.Now()
	switch {
	case !d.delivery.Open() || d.delivery.NextNumber() != d.asked.Attempt:
		return r.stale(d), nil
	case now.Before(d.delivery.NextAttemptAt):
		return step{wait: d.delivery.NextAttemptAt}, nil
	case d.delivery.Lease.Active(now) && d.delivery.Lease.Message == d.m.ID:
		return step{}, fmt.Errorf("attempt %d of %s: %w", d.asked.Attempt, d.delivery.ID(), &BusyError{Until: d.delivery.Lease.Until})
	case d.delivery.Lease.Active(now):
		return step{}, nil // the message that holds the lease comes back if its owner dies
	case !d.delivery.Lease.Until.IsZero() && d.delivery.Lease.Message != d.m.ID && now.Before(d.delivery.Lease.Until.Add(overdueAfter)):
		return step{wait: d.delivery.Lease.Until.Add(overdueAfter)}, nil // so does its outcome, if that was left to the queue
	case removed:
		return r.ending(d, d.delivery.Take().Cancel(r.Token())), nil
	case !d.endpoint.Enabled:
		return r.ending(d, d.delivery.Take().Hold(now, r.Token())), nil
	}
	url := d.delivery.URL
	if d.delivery.EndpointID != webhook.JobTarget {
		url = d.endpoint.URL
	}
	d.delivery.URL = url
	h := r.health.now(targetOf(d.delivery), d.endpoint.Health)
	if until := pausedUntil(h, d.delivery.AcceptedAt, now, r.Chance()); !until.IsZero() {
		return step{wait: until, slow: true}, nil
	}
	if h.SlowUntil.After(now) && !d.m.Slow {
		return step{wait: now, slow: true}, nil
	}
	claimed, change := d.delivery.Claim(url, d.lease, r.Token())
	return step{claimed: claimed, change: &change, attempt: true}, nil
}

func (*Retrier) ending(d *due, change webhook.Change) step {
	d.delivery = *change.Delivery
	return step{change: &change}
}

// stale is for a message whose attempt has been made. The one that answers for
// what follows does it again: sending a message twice is harmless. Another one
// waits until the next attempt is made or long overdue, since it may be all
// that is left of an owner that went through the dead letters.
func (r *Retrier) stale(d *due) step {
	next := d.delivery.NextNumber() == d.asked.Attempt+1
	expected := d.delivery.NextAttemptAt.Add(overdueAfter)
	switch {
	case !next || !d.delivery.Open() && !d.delivery.EndedGone():
		return step{}
	case d.delivery.EndedGone() || d.delivery.Lease.Message == d.m.ID || !r.Now().Before(expected):
		return step{follow: true}
	}
	return step{wait: expected}
}

// apply makes the record that was refused when its attempt was made. standing
// is the delivery's record, nil when there is none yet.
func (r *Retrier) apply(d *due, standing *webhook.Delivery) step {
	o := d.asked.Outcome
	var claimed webhook.Claimed
	switch {
	case standing == nil:
		claimed = webhook.Begin(d.event, d.asked.EndpointID, webhook.Endpoint{URL: o.URL, Profile: o.Profile, IncludeResult: o.IncludeResult})
		claimed.Profile = o.Profile
	case standing.Rev == o.Rev: // it has landed after all
		d.delivery = *standing
		return step{follow: true}
	case standing.Rev != o.From:
		return step{} // another has made the attempt meanwhile
	default:
		claimed = standing.Take()
	}
	claimed.SignedBy, claimed.Lease.Message = o.SignedBy, d.m.ID
	if o.At.IsZero() {
		change := claimed.Postpone("", r.Now(), r.Now(), o.Rev)
		d.delivery = *change.Delivery
		return step{change: &change, follow: true}
	}
	change := claimed.Settle(webhook.Attempt{
		Number: d.asked.Attempt, At: o.At, Duration: time.Duration(o.DurationMS) * time.Millisecond,
		StatusCode: o.StatusCode, Reason: o.Reason, Response: o.Response,
	}, o.Next, o.Rev)
	d.delivery = *change.Delivery
	return step{change: &change, follow: true}
}

// work does what was decided, all of a batch at once.
func (r *Retrier) work(ctx context.Context, run *run, d *due) error {
	switch {
	case d.err != nil:
		return d.err
	case !d.step.wait.IsZero():
		ctx, cancel := run.settling(ctx)
		defer cancel()
		m := webhook.Message{Body: d.m.Body, Delay: schedule.Hop(r.Now(), d.step.wait), Group: cmp.Or(d.m.Group, d.asked.Account)}
		lane := &run.sends
		if d.m.Slow || d.step.slow {
			lane = &run.slow
		}
		if err := join(ctx, &r.courier, d.asked.Account, lane, m); err != nil {
			return fmt.Errorf("wait for attempt %d of %s: %w", d.asked.Attempt, d.asked.Key().ID(), err)
		}
		return nil
	case d.step.attempt:
		return r.attempt(ctx, run, d.event, d.step.claimed, d.endpoint)
	case d.step.change != nil:
		r.logState(ctx, d.event, d.delivery, d.asked.Outcome != nil && !d.asked.Outcome.At.IsZero())
	}
	if d.step.follow {
		return r.follow(ctx, run, d.delivery, d.endpoint)
	}
	return nil
}
