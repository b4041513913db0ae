package deliver

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"github.com/jobhook/jobhook/shared/schedule"
	"github.com/jobhook/jobhook/shared/sender"
	"github.com/jobhook/jobhook/shared/signing"
	"github.com/jobhook/jobhook/shared/webhook"
)

const (
	// claimTime bounds reading and claiming a batch: in an outage its messages
	// come back in seconds, and an invocation is not spent on waiting.
	claimTime = 5 * time.Second

	// recordTime is what is kept of an invocation, after a POST that took all of
	// its time, for recording it, handOverTime for leaving the outcome to the
	// retry queue when the record was refused all that time, and answerTime for
	// saying which messages come back, and when.
	recordTime   = 5 * time.Second
	handOverTime = 3 * time.Second
	answerTime   = time.Second
	reserve      = recordTime + handOverTime + answerTime

	// defaultLease is of a process that has no deadline; leaseMargin is for
	// clocks that differ: a lease ends after its function did.
	defaultLease = time.Minute
	leaseMargin  = 5 * time.Second

	// A delivery that an internal error holds up is tried again after as long
	// as it has waited already, within these bounds, until giveUpAfter.
	minPostpone = 5 * time.Second
	maxPostpone = 15 * time.Minute
	giveUpAfter = 24 * time.Hour
)

// courier makes attempts and sees to what follows from them. dispatch and
// retry share it.
type courier struct {
	Deps
	cfg    Config
	slots  *slots // of POSTs in flight
	health *health
}

func newCourier(d Deps, c Config) courier {
	if c.Concurrency <= 0 {
		c.Concurrency = DefaultConcurrency
	}
	if c.FanOut <= 0 {
		c.FanOut = DefaultFanOut
	}
	if c.CallbackProfile == "" {
		c.CallbackProfile = webhook.Standard
	}
	return courier{Deps: d, cfg: c, slots: newSlots(c.Concurrency), health: &health{known: map[target]*condition{}}}
}

// run is one invocation. Its writes and its sends are joined, and made even when
// it is being canceled.
type run struct {
	end    time.Time // until when it may settle
	latest time.Time // until when a refused record is written again
	writes joiner[webhook.Change]
	sends  joiner[webhook.Message] // to the retry queue
	slow   joiner[webhook.Message] // to the slow queue
}

// settling is for what follows a POST: it is done even when the invocation is
// being canceled.
func (r *run) settling(ctx context.Context) (context.Context, context.CancelFunc) {
	return context.WithDeadline(context.WithoutCancel(ctx), r.end)
}

// together does work for every task at once, its calls joined. Each has a turn.
func together[T any](ctx context.Context, c *courier, tasks []T, account func(T) string, work func(ctx context.Context, r *run, task T) error) []error {
	end := time.Now().Add(defaultLease)
	if deadline, limited := ctx.Deadline(); limited {
		end = deadline.Add(-answerTime)
	}
	r := &run{end: end, latest: end.Add(-handOverTime)}
	r.writes = joiner[webhook.Change]{ctx: ctx, end: end, parties: len(tasks), flush: c.Store.Write}
	r.sends = joiner[webhook.Message]{ctx: ctx, end: end, parties: len(tasks), flush: c.Retries.Send}
	r.slow = joiner[webhook.Message]{ctx: ctx, end: end, parties: len(tasks), flush: c.Slow.Send}
	return Each(tasks, func(task T) error {
		c.cfg.Turns.take(ctx, account(task))
		defer c.cfg.Turns.leave(account(task))
		defer r.writes.leave()
		defer r.sends.leave()
		defer r.slow.leave()
		return work(ctx, r, task)
	})
}

// attempt makes a claimed delivery's next attempt, records what came of it and
// does what follows. Without the time for it, or without a secret to sign
// with, it leaves the attempt to a later message.
func (c *courier) attempt(ctx context.Context, r *run, ev webhook.Event, cl webhook.Claimed, e webhook.Endpoint) error {
	secrets, fingerprints, err := c.Secrets.For(ctx, e, c.Now())
	if err != nil {
		c.Log.LogAttrs(ctx, slog.LevelError, "attempt.failed", slog.String("delivery_id", cl.ID()), slog.Any("error", err))
		return c.settle(ctx, r, ev, cl, c.postpone(cl, webhook.ReasonSecretUnreadable), e)
	}
	if !c.slot(ctx, cl.Delivery) {
		return c.settle(ctx, r, ev, cl, cl.Postpone(cl.Reason, c.Now(), c.Now(), c.Token()), e)
	}
	change, pause, err := c.post(ctx, ev, cl, e, secrets, fingerprints)
	if err != nil {
		c.Log.LogAttrs(ctx, slog.LevelError, "attempt.failed", slog.String("delivery_id", cl.ID()), slog.Any("error", err))
		return c.settle(ctx, r, ev, cl, c.postpone(cl, webhook.ReasonInternal), e)
	}
	last, _ := change.Delivery.Last()
	t := targetOf(cl.Delivery)
	c.health.observe(t, last, pause, e.Health, c.Now())
	err = c.settle(ctx, r, ev, cl, change, e)
	if cl.EndpointID != webhook.JobTarget { // whose servers have no record
		c.recordHealth(ctx, r, t, e)
	}
	return err
}

// post makes the attempt, in the slot that it then gives back, and says until when
// its endpoint asks for no others. An error is an internal one; it made no attempt
// that anybody saw an answer to.
func (c *courier) post(ctx context.Context, ev webhook.Event, cl webhook.Claimed, e webhook.Endpoint, secrets []signing.Secret, fingerprints []string) (webhook.Change, time.Time, error) {
	defer c.slots.release(groupOf(cl.Delivery), targetOf(cl.Delivery))
	at := c.Now()
	request, err := c.cfg.Wire.Compose(ev, cl.Delivery, e, secrets, at)
	if err != nil {
		return webhook.Change{}, time.Time{}, err
	}
	answer, err := c.send(ctx, cl.Account, request)
	if err != nil {
		return webhook.Change{}, time.Time{}, fmt.Errorf("post: %w", err)
	}
	a := webhook.Attempt{
		Number: cl.NextNumber(), At: at.UTC(), Duration: answer.Duration,
		StatusCode: answer.StatusCode, Reason: answer.Reason, Response: answer.Response,
	}
	cl.SignedBy = fingerprints
	now, retryAfter := c.Now(), min(answer.RetryAfter, c.cfg.RetryAfterMax)
	var pause time.Time
	if retryAfter > 0 {
		pause = now.Add(retryAfter)
	}
	next := c.scheduleOf(e).After(a.Number, now, retryAfter, c.Chance())
	return cl.Settle(a, next, c.Token()), pause, nil
}

// send waits for the answer out of turn.
func (c *courier) send(ctx context.Context, account string, r sender.Request) (sender.Answer, error) {
	defer c.cfg.Turns.aside(ctx, account)()
	return c.Sender.Send(ctx, r)
}

// scheduleOf is the endpoint's own, or the stack's.
func (c *courier) scheduleOf(e webhook.Endpoint) schedule.Schedule {
	if e.Schedule != "" {
		if own, err := schedule.Parse(e.Schedule); err == nil { // the API has checked it
			return own
		}
	}
	return c.cfg.Schedule
}

// postpone leaves an attempt that an internal error prevented to later,
// unconsumed, and ends the delivery when that has gone on for a day.
func (c *courier) postpone(cl webhook.Claimed, reason webhook.Reason) webhook.Change {
	now := c.Now()
	since := cl.PostponedSince
	if since.IsZero() {
		since = now
	}
	age := now.Sub(since)
	if age >= giveUpAfter {
		return cl.Fail(reason, now, c.Token())
	}
	return cl.Postpone(reason, now, now.Add(min(max(age, minPostpone), maxPostpone)), c.Token())
}

// slot waits for its turn to post. ok is false when there would be too little
// time left to post and record: the attempt is then better made by another
// invocation.
func (c *courier) slot(ctx context.Context, d webhook.Delivery) (ok bool) {
	var latest time.Time
	if deadline, limited := ctx.Deadline(); limited {
		if latest = deadline.Add(-c.cfg.SendTimeout - reserve); !time.Now().Before(latest) {
			return false
		}
	}
	if c.slots.try(groupOf(d), targetOf(d)) {
		return true
	}
	defer c.cfg.Turns.aside(ctx, d.Account)()
	return c.slots.acquire(ctx, latest, groupOf(d), targetOf(d))
}

// errHandedOver says that a delivery's record has been left to the retry queue.
var errHandedOver = errors.New("left to the retry queue")

// settle records what came of a claimed delivery and does what follows. A
// record that is refused is written again until little of the invocation is
// left, or for a while where no attempt was made; then it goes onto the retry
// queue (errHandedOver), unless the message itself can do it again harmlessly.
func (c *courier) settle(ctx context.Context, r *run, ev webhook.Event, cl webhook.Claimed, change webhook.Change, e webhook.Endpoint) error {
	latest := r.latest
	attempted := change.Delivery.NextNumber() > cl.NextNumber()
	if soon := time.Now().Add(recordTime); !attempted && soon.Before(latest) {
		latest = soon
	}
	err := c.record(ctx, r, change, latest)
	switch {
	case err == nil:
		c.logState(ctx, ev, *change.Delivery, attempted)
		return c.follow(ctx, r, *change.Delivery, e)
	case errors.Is(err, webhook.ErrLost):
		return nil // its lease ran out and another has taken it over
	case !attempted && cl.From() != "":
		return fmt.Errorf("record %s: %w", cl.ID(), err)
	}
	c.Log.LogAttrs(ctx, slog.LevelError, "record.refused", slog.String("delivery_id", cl.ID()),
		slog.Int("attempt", cl.NextNumber()), slog.Any("error", err))
	return c.handOver(ctx, r, cl, change, attempted)
}

func (c *courier) record(ctx context.Context, r *run, change webhook.Change, latest time.Time) error {
	ctx, cancel := context.WithDeadline(context.WithoutCancel(ctx), latest)
	defer cancel()
	for pause := 50 * time.Millisecond; ; pause = min(2*pause, time.Second) {
		err := join(ctx, c, change.Delivery.Account, &r.writes, change)
		if err == nil || errors.Is(err, webhook.ErrLost) || errors.Is(err, webhook.ErrTooLarge) {
			return err
		}
		back := c.cfg.Turns.aside(ctx, change.Delivery.Account)
		more := c.pause(ctx, pause)
		if back(); !more {
			return err
		}
	}
}

// join makes a joined call, and waits for the others out of turn.
func join[T any](ctx context.Context, c *courier, account string, j *joiner[T], v T) error {
	if !j.alone() {
		defer c.cfg.Turns.aside(ctx, account)()
	}
	return j.do(ctx, v)
}

// pause waits for half of d to d, or less, and then answers false, when ctx ends.
func (c *courier) pause(ctx context.Context, d time.Duration) bool {
	timer := time.NewTimer(time.Duration(float64(d) * (0.5 + c.Chance()/2)))
	defer timer.Stop()
	select {
	case <-timer.C:
		return true
	case <-ctx.Done():
		return false
	}
}

// maxOutcome bounds an outcome's message, in bytes: beyond it the answer's
// first bytes are left out.
const maxOutcome = 1024

// handOver leaves a refused record to the retry queue, which applies it by the
// same conditional write. When the queue refuses it too, the original message
// comes back, and a POST that was made may be repeated.
func (c *courier) handOver(ctx context.Context, r *run, cl webhook.Claimed, change webhook.Change, attempted bool) error {
	d := *change.Delivery
	m := cl.Retry()
	m.Due = c.Now().UTC()
	m.Outcome = &webhook.Outcome{From: cl.From(), Rev: d.Rev, Profile: d.Profile, IncludeResult: d.IncludeResult}
	if d.EndpointID != webhook.JobTarget { // whose event has it
		m.Outcome.URL = d.URL
	}
	if last, _ := d.Last(); attempted {
		m.Outcome.At, m.Outcome.DurationMS, m.Outcome.StatusCode = last.At, last.Duration.Milliseconds(), last.StatusCode
		m.Outcome.Reason, m.Outcome.Response, m.Outcome.Next, m.Outcome.SignedBy = last.Reason, last.Response, d.NextAttemptAt, d.SignedBy
	}
	body := webhook.Encode(m)
	if len(body) > maxOutcome {
		m.Outcome.Response = ""
		body = webhook.Encode(m)
	}
	ctx, cancel := r.settling(ctx)
	defer cancel()
	if err := join(ctx, c, d.Account, &r.sends, webhook.Message{Body: body, Delay: minPostpone, Group: groupOf(d)}); err != nil {
		if attempted {
			c.Log.LogAttrs(ctx, slog.LevelError, "record.lost", slog.String("delivery_id", d.ID()),
				slog.Int("attempt", cl.NextNumber()), slog.Any("error", err))
		}
		return fmt.Errorf("record attempt %d of %s: neither the database nor the queue accepted it: %w", cl.NextNumber(), d.ID(), err)
	}
	return errHandedOver
}

// follow does what a recorded state asks for: the next attempt's message, or
// the endpoint that answered 410 disabled. Doing it again is harmless.
func (c *courier) follow(ctx context.Context, r *run, d webhook.Delivery, e webhook.Endpoint) error {
	if !d.Open() && !d.EndedGone() {
		return nil
	}
	ctx, cancel := r.settling(ctx)
	defer cancel()
	switch {
	case d.Open():
		now := c.Now()
		m := webhook.Message{Body: webhook.Encode(d.Retry()), Delay: schedule.Hop(now, d.NextAttemptAt), Group: groupOf(d)}
		lane, h := &r.sends, c.health.now(targetOf(d), e.Health)
		if h.SlowUntil.After(now) || h.PausedUntil.After(now) {
			lane = &r.slow
		}
		if err := join(ctx, c, d.Account, lane, m); err != nil {
			return fmt.Errorf("queue attempt %d of %s: %w", d.NextNumber(), d.ID(), err)
		}
	case d.EndedGone():
		return c.disable(ctx, d, e)
	}
	return nil
}

// raceTries is how often a lost race is looked at again before the message
// has to come back.
const raceTries = 3

// disable turns off the endpoint whose URL said that it is gone.
func (c *courier) disable(ctx context.Context, d webhook.Delivery, e webhook.Endpoint) error {
	for range raceTries {
		off, ok := e.DisableGone(d.URL, d.SettledAt, c.Now())
		if !ok {
			return nil
		}
		off.Rev = c.Token()
		err := c.Store.ReplaceEndpoint(ctx, e.Rev, off)
		if err == nil {
			c.Log.LogAttrs(ctx, slog.LevelWarn, "endpoint.disabled", slog.String("account", e.Account),
				slog.String("endpoint_id", e.ID), slog.String("reason", webhook.Gone), slog.String("delivery_id", d.ID()))
			return nil
		}
		if errors.Is(err, webhook.ErrLost) { // what was known of it is old
			e, err = c.Store.Endpoint(ctx, e.Account, e.ID)
		}
		if errors.Is(err, webhook.ErrNotFound) {
			return nil
		}
		if err != nil {
			return &goneError{d, fmt.Errorf("disable endpoint %s: %w", e.ID, err)}
		}
	}
	return &goneError{d, fmt.Errorf("disable the endpoint of %s: %w", d.ID(), &BusyError{})}
}

// goneError says that an endpoint that answered 410 could not be disabled yet.
type goneError struct {
	delivery webhook.Delivery
	err      error
}

func (e *goneError) Error() string { return e.err.Error() }

func (e *goneError) Unwrap() error { return e.err }

// lease ends a little after the invocation that took it.
func (c *courier) lease(ctx context.Context, messageID string) webhook.Lease {
	until := c.Now().Add(defaultLease)
	if deadline, ok := ctx.Deadline(); ok {
		// The deadline is by the real clock; what is left of it is what counts.
		until = c.Now().Add(time.Until(deadline))
	}
	return webhook.Lease{Message: messageID, Until: until.Add(leaseMargin).UTC()}
}
