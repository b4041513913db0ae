package deliver

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"time"

	"github.com/jobhook/jobhook/shared/intake"
	"github.com/jobhook/jobhook/shared/webhook"
)

// Dispatcher claims completions and makes their first attempts.
type Dispatcher struct {
	courier
	directory directory
}

// NewDispatcher puts a Dispatcher together. It is safe for concurrent use.
func NewDispatcher(d Deps, c Config) *Dispatcher {
	return &Dispatcher{newCourier(d, c), directory{store: d.Store, ttl: c.EndpointCache, now: d.Now, known: map[string]account{}}}
}

// arrival is one message on its way through Dispatch.
type arrival struct {
	m       Message
	lease   webhook.Lease
	event   webhook.Event
	account account
	// recorded are the deliveries that an event taken over has already.
	recorded map[string]webhook.Delivery
	stored   bool // by the API, unclaimed yet
	claimed  bool // the event's work is this message's
	done     bool // there is nothing more to do for it
	err      error
}

func (a *arrival) end(err error) { a.done, a.err = true, err }

// Dispatch works on a batch of the completions queue and answers for each
// message: nil when it may go, since all is done or another message answers for
// it; an error when it must come back.
func (d *Dispatcher) Dispatch(ctx context.Context, ms []Message) []error {
	batch := make([]*arrival, len(ms))
	for i, m := range ms {
		batch[i] = &arrival{m: m, lease: d.lease(ctx, m.ID)}
	}
	d.own(ctx, batch)
	d.deliver(ctx, batch)
	errs := make([]error, len(ms))
	for i, a := range batch {
		errs[i] = a.err
	}
	return errs
}

// own reads and claims what a batch is about.
func (d *Dispatcher) own(ctx context.Context, batch []*arrival) {
	d.cfg.Turns.take(ctx, batch[0].m.Group)
	defer d.cfg.Turns.leave(batch[0].m.Group)
	ctx, cancel := context.WithTimeout(ctx, claimTime)
	defer cancel()
	d.read(ctx, batch)
	d.claim(ctx, batch)
}

// working are the batch's messages that are not done.
func working(batch []*arrival) []*arrival {
	if !slices.ContainsFunc(batch, func(a *arrival) bool { return a.done }) {
		return batch
	}
	return slices.DeleteFunc(slices.Clone(batch), func(a *arrival) bool { return a.done })
}

// read parses the messages and finds each one's event and its account's
// endpoints: one round trip while the endpoints stay as they are.
func (d *Dispatcher) read(ctx context.Context, batch []*arrival) {
	for i, err := range Each(batch, func(a *arrival) error { return d.parse(ctx, a) }) {
		if err != nil {
			batch[i].end(err)
		}
	}
	d.countUngrouped(ctx, batch)
	d.load(ctx, working(batch))
}

// countUngrouped makes it known when completions come without their account as
// message group: nothing keeps one account's flood on the queue from the others.
func (d *Dispatcher) countUngrouped(ctx context.Context, batch []*arrival) {
	ungrouped := 0
	for _, a := range batch {
		if a.event.Account != "" && a.m.Group != a.event.Account {
			ungrouped++
		}
	}
	if ungrouped > 0 {
		d.Log.LogAttrs(ctx, slog.LevelWarn, "completions.ungrouped", slog.Int("ungrouped", ungrouped))
	}
}

// load finds the events that the API has stored, and all accounts. When that
// fails for many, each is tried by itself: a record that cannot be read must
// not hold up its neighbours.
func (d *Dispatcher) load(ctx context.Context, batch []*arrival) {
	var ids, names []string
	var stored []*arrival
	for _, a := range batch {
		names = append(names, a.event.Account)
		if a.stored {
			stored, ids = append(stored, a), append(ids, a.event.MessageID)
		}
	}
	if len(names) == 0 {
		return
	}
	slices.Sort(names)
	names = slices.Compact(names)
	events, generations, err := d.Store.Arrivals(ctx, ids, names)
	switch {
	case err == nil:
	case len(batch) == 1:
		batch[0].end(fmt.Errorf("read events and accounts: %w", err))
		return
	default:
		for _, a := range batch {
			d.load(ctx, []*arrival{a})
		}
		return
	}
	for i, a := range stored {
		if events[i] == nil || events[i].Account != a.event.Account {
			a.end(d.reject(ctx, a, "the event expired before it was dispatched"))
			continue
		}
		a.event = *events[i]
	}
	d.accounts(ctx, working(batch), names, generations)
}

// parse reads a message: a completion, from EventBridge or straight from the
// queue, or the id of an event that the API has stored. What cannot be used is
// rejected.
func (d *Dispatcher) parse(ctx context.Context, a *arrival) error {
	if a.m.Event != nil {
		a.event = *a.m.Event
		return nil
	}
	accepted, ok, err := webhook.ParseAccepted(a.m.Body)
	if ok {
		a.stored, a.event.MessageID, a.event.Account = true, accepted.MessageID, accepted.Account
		return err
	}
	c, err := intake.Parse(a.m.Body, "", d.Now(), d.cfg.Intake)
	if err != nil {
		a.end(d.reject(ctx, a, err.Error()))
		return a.err
	}
	a.event = c.Event
	if len(c.Unknown) > 0 {
		d.Log.LogAttrs(ctx, slog.LevelWarn, "completion.unknown_fields", slog.String("message_id", c.Event.MessageID),
			slog.String("account", c.Event.Account), slog.String("fields", strings.Join(c.Unknown, ", ")))
	}
	if c.Event.ResultOmitted {
		d.Log.LogAttrs(ctx, slog.LevelWarn, "completion.result_omitted", slog.String("message_id", c.Event.MessageID),
			slog.String("account", c.Event.Account))
	}
	return nil
}

// accounts gives each arrival the endpoints of its account; names are sorted.
// One account that cannot be read holds up no other.
func (d *Dispatcher) accounts(ctx context.Context, batch []*arrival, names []string, generations []int64) {
	found := make([]account, len(names))
	errs := Each(names, func(name string) (err error) {
		i, _ := slices.BinarySearch(names, name)
		found[i], err = d.directory.current(ctx, name, generations[i])
		return err
	})
	for _, a := range batch {
		i, _ := slices.BinarySearch(names, a.event.Account)
		if a.account = found[i]; errs[i] != nil {
			a.end(errs[i])
		}
	}
}

// claim makes each message answer for its event, and ends those for which
// another message does.
func (d *Dispatcher) claim(ctx context.Context, batch []*arrival) {
	var fresh, standing []*arrival
	for _, a := range working(batch) {
		if a.event.Claimed() {
			standing = append(standing, a)
		} else {
			fresh = append(fresh, a)
		}
	}
	for i, err := range d.write(ctx, fresh) {
		a := fresh[i]
		switch {
		case err == nil:
			a.claimed = true
			d.logUnwanted(ctx, a.event)
		case errors.Is(err, webhook.ErrTooLarge):
			a.end(d.reject(ctx, a, "the event and the ids of its endpoints are too large for one record; send a smaller result"))
		case errors.Is(err, webhook.ErrLost):
			standing = append(standing, a)
		default:
			a.end(fmt.Errorf("claim %s: %w", a.event.MessageID, err))
		}
	}
	if len(standing) > 0 {
		d.takeOver(ctx, standing)
	}
}

// write claims events in one call.
func (d *Dispatcher) write(ctx context.Context, arrivals []*arrival) []error {
	if len(arrivals) == 0 {
		return nil
	}
	changes := make([]webhook.Change, len(arrivals))
	for i, a := range arrivals {
		targets := a.account.wanting(a.event.Type)
		if a.event.CallbackURL != "" {
			targets = append(targets, webhook.JobTarget)
		}
		a.event, changes[i] = a.event.Claim(targets, a.lease, d.Token())
	}
	return d.Store.Write(ctx, changes...)
}

func (d *Dispatcher) logUnwanted(ctx context.Context, ev webhook.Event) {
	if len(ev.Targets) == 0 {
		d.Log.LogAttrs(ctx, slog.LevelInfo, "event.unwanted", slog.String("message_id", ev.MessageID),
			slog.String("event_id", ev.EventID), slog.String("event_type", ev.Type), slog.String("account", ev.Account))
	}
}

// takeOver decides about events that another message claimed before: those of
// an owner that died are claimed again.
func (d *Dispatcher) takeOver(ctx context.Context, batch []*arrival) {
	ids := make([]string, len(batch))
	for i, a := range batch {
		ids[i] = a.event.MessageID
	}
	events, err := d.Store.Events(ctx, ids...)
	if err != nil && len(batch) > 1 { // as in load
		for _, a := range batch {
			d.takeOver(ctx, []*arrival{a})
		}
		return
	}
	for i, a := range batch {
		switch {
		case err != nil:
			a.end(fmt.Errorf("load %s: %w", ids[i], err))
		case events[i] == nil: // it expired just now; the next receipt begins again
			a.end(&BusyError{})
		case events[i].Hash != a.event.Hash:
			a.end(d.reject(ctx, a, ErrConflict.Error()))
		default:
			a.event = *events[i]
			d.resume(ctx, a)
		}
	}
	again := working(batch)
	for i, err := range d.write(ctx, again) {
		a := again[i]
		if a.claimed = err == nil; !a.claimed {
			if errors.Is(err, webhook.ErrLost) {
				err = &BusyError{}
			}
			a.end(fmt.Errorf("take over %s: %w", a.event.MessageID, err))
		}
	}
}

// resume ends the message unless its event needs somebody: one with a delivery
// missing or open whose lease has run out, or one that ended with a 410 and
// came back to this, its own message.
func (d *Dispatcher) resume(ctx context.Context, a *arrival) {
	found, err := d.Store.Deliveries(ctx, a.event.Keys()...)
	if err != nil {
		a.end(fmt.Errorf("load deliveries of %s: %w", a.event.MessageID, err))
		return
	}
	a.recorded = map[string]webhook.Delivery{}
	own := a.event.Lease.Message == a.m.ID
	unfinished := !a.event.Claimed()
	for i, delivery := range found {
		if delivery == nil {
			unfinished = unfinished || !slices.Contains(a.event.HandedOver, a.event.Targets[i])
			continue
		}
		a.recorded[delivery.EndpointID] = *delivery
		unfinished = unfinished || delivery.Open() || own && delivery.EndedGone()
	}
	switch {
	case !unfinished:
		d.Log.LogAttrs(ctx, slog.LevelDebug, "event.duplicate", slog.String("message_id", a.event.MessageID))
		a.end(nil)
	case a.event.Lease.Active(d.Now()) && own:
		a.end(fmt.Errorf("event %s: %w", a.event.MessageID, &BusyError{Until: a.event.Lease.Until}))
	case a.event.Lease.Active(d.Now()):
		a.end(nil) // the message that holds the lease comes back if its owner dies
	}
}

// task is one target of a claimed event.
type task struct {
	*arrival
	target string
}

// deliver makes what the events' targets still lack, all at once.
func (d *Dispatcher) deliver(ctx context.Context, batch []*arrival) {
	var tasks []task
	for _, a := range working(batch) {
		for _, target := range a.event.Targets {
			if _, recorded := a.recorded[target]; recorded || !slices.Contains(a.event.HandedOver, target) {
				tasks = append(tasks, task{a, target})
			}
		}
	}
	errs := together(ctx, &d.courier, tasks, func(t task) string { return t.event.Account }, d.target)
	handedOver := map[*arrival][]string{}
	for i, t := range tasks {
		var gone *goneError
		switch {
		case errors.Is(errs[i], errHandedOver):
			handedOver[t.arrival] = append(handedOver[t.arrival], t.target)
		case errors.As(errs[i], &gone):
			t.err = errors.Join(t.err, d.leaveDisabling(ctx, gone))
		default:
			t.err = errors.Join(t.err, errs[i])
		}
	}
	d.yield(ctx, working(batch), handedOver)
}

// target delivers to one target, or does what follows from what is recorded.
func (d *Dispatcher) target(ctx context.Context, r *run, t task) error {
	e, there := t.account.endpoints[t.target]
	if !there && t.target == webhook.JobTarget {
		e, there = webhook.JobDefaults(t.event.Account, d.cfg.CallbackProfile), true
	}
	if have, ok := t.recorded[t.target]; ok {
		return d.follow(ctx, r, have, e)
	}
	cl := webhook.Begin(t.event, t.target, e)
	switch {
	case !there || e.Removed():
		return d.settle(ctx, r, t.event, cl, cl.Cancel(d.Token()), e)
	case !e.Enabled:
		return d.settle(ctx, r, t.event, cl, cl.Hold(d.Now(), d.Token()), e)
	}
	now, h := d.Now(), d.health.now(targetOf(cl.Delivery), e.Health)
	if until := pausedUntil(h, cl.AcceptedAt, now, d.Chance()); !until.IsZero() {
		return d.settle(ctx, r, t.event, cl, cl.Postpone(webhook.ReasonEndpointPaused, now, until, d.Token()), e)
	}
	if h.SlowUntil.After(now) {
		return d.settle(ctx, r, t.event, cl, cl.Postpone(webhook.ReasonEndpointSlow, now, now, d.Token()), e)
	}
	if len(t.event.Targets) > d.cfg.FanOut { // many invocations do in parallel what would keep this one from its neighbours
		return d.settle(ctx, r, t.event, cl, cl.Postpone("", now, now, d.Token()), e)
	}
	return d.attempt(ctx, r, t.event, cl, e)
}

// leaveDisabling leaves the disabling of an endpoint to the retry queue: if the
// event's message came back for it, it might repeat the POST of a sibling whose
// record waits there too.
func (d *Dispatcher) leaveDisabling(ctx context.Context, gone *goneError) error {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), answerTime/2)
	defer cancel()
	m := gone.delivery.Retry()
	m.Attempt, m.Due = m.Attempt-1, d.Now().UTC()
	if err := d.Retries.Send(ctx, webhook.Message{Body: webhook.Encode(m), Delay: minPostpone, Group: groupOf(gone.delivery)})[0]; err != nil {
		return errors.Join(gone.err, err)
	}
	d.Log.LogAttrs(ctx, slog.LevelWarn, "endpoint.not_disabled", slog.String("delivery_id", gone.delivery.ID()), slog.Any("error", gone.err))
	return nil
}

// yield notes on each event which of its records wait on the retry queue, so
// that nobody makes those attempts again, and frees an event whose message
// comes back, so that it need not wait for its own lease. It tries for as long
// as the invocation lasts; then the lease holds others off while it lasts.
func (d *Dispatcher) yield(ctx context.Context, batch []*arrival, handedOver map[*arrival][]string) {
	var changes []webhook.Change
	for _, a := range batch {
		if len(handedOver[a]) > 0 || a.err != nil {
			changes = append(changes, a.event.Yield(handedOver[a], a.err != nil, d.Token()))
		}
	}
	if len(changes) == 0 {
		return
	}
	end := time.Now().Add(handOverTime)
	if deadline, limited := ctx.Deadline(); limited {
		end = deadline.Add(-answerTime / 2)
	}
	ctx, cancel := context.WithDeadline(context.WithoutCancel(ctx), end)
	defer cancel()
	for len(changes) > 0 {
		var refused []webhook.Change
		for i, err := range d.Store.Write(ctx, changes...) {
			switch {
			case err == nil || errors.Is(err, webhook.ErrLost):
			case ctx.Err() != nil:
				d.Log.LogAttrs(ctx, slog.LevelWarn, "event.not_yielded", slog.String("message_id", changes[i].Event.MessageID), slog.Any("error", err))
			default:
				refused = append(refused, changes[i])
			}
		}
		if changes = refused; len(changes) > 0 {
			d.pause(ctx, time.Second)
		}
	}
}

// reject puts a completion that cannot be used where it can be seen.
func (d *Dispatcher) reject(ctx context.Context, a *arrival, reason string) error {
	if err := d.Rejected.Send(ctx, webhook.Message{Body: a.m.Body, Reason: reason})[0]; err != nil {
		return fmt.Errorf("reject %s: %w", a.m.ID, err)
	}
	d.Log.LogAttrs(ctx, slog.LevelWarn, "completion.rejected", slog.String("queue_message_id", a.m.ID),
		slog.String("message_id", a.event.MessageID), slog.String("account", a.event.Account), slog.String("reason", reason))
	return nil
}
