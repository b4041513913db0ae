package deliver

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"

	"github.com/jobhook/jobhook/shared/intake"
	"github.com/jobhook/jobhook/shared/payload"
	"github.com/jobhook/jobhook/shared/queue"
	"github.com/jobhook/jobhook/shared/webhook"
)

// Dispatcher takes completions and makes their first attempts.
type Dispatcher struct {
	courier
	directory *directory
}

// NewDispatcher puts a Dispatcher together. It is safe for concurrent use.
func NewDispatcher(d Deps, c Config) *Dispatcher {
	return &Dispatcher{newCourier(d, c), newDirectory(d.Endpoints, c.EndpointCache, d.Now)}
}

// work is a claimed event with what is known of its deliveries.
type work struct {
	event     webhook.Event
	have      []webhook.Delivery
	endpoints []webhook.Endpoint
}

// Dispatch works on one message of the completions queue. nil means that the
// message may go: all is done, or another message answers for it. On an error
// it must come back.
func (d *Dispatcher) Dispatch(ctx context.Context, m Message) error {
	w, err := d.claim(ctx, m)
	if err != nil || w == nil {
		return err
	}
	return d.deliver(ctx, *w)
}

// claim makes this message answer for its event. Without work the message may go.
func (d *Dispatcher) claim(ctx context.Context, m Message) (*work, error) {
	if a, ok := queue.ParseAccepted(m.Body); ok {
		return d.claimAccepted(ctx, m, a)
	}
	ev, err := intake.Parse(m.Body, "", d.Now(), d.cfg.Intake)
	if err != nil {
		return nil, d.setAside(ctx, m, webhook.Event{}, err.Error())
	}
	endpoints, claim, err := d.choose(ctx, m, ev.Account, ev.Type, ev.CallbackURL != "")
	if err != nil {
		return nil, err
	}
	ev.Targets, ev.Lease, ev.Rev = claim.Targets, claim.Lease, claim.Rev
	standing, err := d.Events.InsertEvent(ctx, ev)
	switch {
	case err == nil:
		return &work{event: ev, endpoints: endpoints}, nil
	case errors.Is(err, webhook.ErrTooLarge):
		return nil, d.setAside(ctx, m, ev, "the event and the ids of its endpoints are too large for one record; send a smaller result")
	case !errors.Is(err, webhook.ErrLost):
		return nil, fmt.Errorf("claim %s: %w", ev.MessageID, err)
	case standing.Hash != ev.Hash:
		return nil, d.setAside(ctx, m, ev, conflictReason)
	}
	return d.takeOver(ctx, m, ev.MessageID)
}

const conflictReason = "event_id: was used before with another content; the first stands. Use a new event_id for another event"

// claimAccepted claims an event that the API has stored.
func (d *Dispatcher) claimAccepted(ctx context.Context, m Message, a queue.Accepted) (*work, error) {
	endpoints, claim, err := d.choose(ctx, m, a.Account, a.EventType, a.Callback)
	if err != nil {
		return nil, err
	}
	ev, err := d.Events.LeaseEvent(ctx, a.MessageID, a.Rev, claim)
	switch {
	case err == nil:
		return &work{event: ev, endpoints: endpoints}, nil
	case errors.Is(err, webhook.ErrNotFound):
		return nil, d.setAside(ctx, m, webhook.Event{MessageID: a.MessageID, Account: a.Account},
			"the event expired before it was dispatched")
	case !errors.Is(err, webhook.ErrLost):
		return nil, fmt.Errorf("claim %s: %w", a.MessageID, err)
	}
	return d.takeOver(ctx, m, a.MessageID)
}

// choose settles who is to get an event.
func (d *Dispatcher) choose(ctx context.Context, m Message, account, eventType string, callback bool) ([]webhook.Endpoint, webhook.Claim, error) {
	endpoints, err := d.directory.wanting(ctx, account, eventType)
	if err != nil {
		return nil, webhook.Claim{}, err
	}
	return endpoints, d.claimFor(ctx, m, endpoints, callback), nil
}

func (d *Dispatcher) claimFor(ctx context.Context, m Message, endpoints []webhook.Endpoint, callback bool) webhook.Claim {
	targets := make([]string, 0, len(endpoints)+1)
	for _, e := range endpoints {
		targets = append(targets, e.ID)
	}
	if callback {
		targets = append(targets, webhook.JobTarget)
	}
	return webhook.Claim{Targets: targets, Lease: d.lease(ctx, m.ID), Rev: d.Token()}
}

// takeOver decides about an event that somebody has claimed before.
func (d *Dispatcher) takeOver(ctx context.Context, m Message, messageID string) (*work, error) {
	ev, have, err := d.Events.LoadEvent(ctx, messageID)
	switch {
	case errors.Is(err, webhook.ErrNotFound):
		return nil, ErrBusy // it expired just now; the next receipt starts anew
	case err != nil:
		return nil, fmt.Errorf("load %s: %w", messageID, err)
	case ev.Finished(have):
		return d.finished(ctx, m, ev, have)
	case ev.Lease.Active(d.Now()):
		if ev.Lease.Message == m.ID {
			return nil, fmt.Errorf("event %s: %w", messageID, ErrBusy)
		}
		return nil, nil // the message that holds the lease comes back if its owner dies
	}
	return d.release(ctx, m, ev, have)
}

// finished is for an event with nothing left to send. If this very message
// claimed it and came back, what follows from an answer 410 may be missing.
func (d *Dispatcher) finished(ctx context.Context, m Message, ev webhook.Event, have []webhook.Delivery) (*work, error) {
	d.Log.LogAttrs(ctx, slog.LevelDebug, "event.duplicate", slog.String("message_id", ev.MessageID))
	if ev.Lease.Message != m.ID || !slices.ContainsFunc(have, webhook.Delivery.EndedGone) {
		return nil, nil
	}
	all, err := d.directory.all(ctx, ev.Account)
	return &work{event: ev, have: have, endpoints: all}, err
}

// release takes the event from an owner whose lease ran out.
func (d *Dispatcher) release(ctx context.Context, m Message, ev webhook.Event, have []webhook.Delivery) (*work, error) {
	// All endpoints, not only those that want it: its targets may be settled.
	all, err := d.directory.all(ctx, ev.Account)
	if err != nil {
		return nil, err
	}
	claim := d.claimFor(ctx, m, filter(all, ev.Type), ev.CallbackURL != "")
	leased, err := d.Events.LeaseEvent(ctx, ev.MessageID, ev.Rev, claim)
	if errors.Is(err, webhook.ErrLost) || errors.Is(err, webhook.ErrNotFound) {
		return nil, fmt.Errorf("take over %s: %w", ev.MessageID, ErrBusy)
	}
	if err != nil {
		return nil, fmt.Errorf("take over %s: %w", ev.MessageID, err)
	}
	return &work{event: leased, have: have, endpoints: all}, nil
}

// deliver makes what the event's targets still lack, all at once.
func (d *Dispatcher) deliver(ctx context.Context, w work) error {
	return Each(w.event.Targets, func(target string) error {
		i := slices.IndexFunc(w.endpoints, func(e webhook.Endpoint) bool { return e.ID == target })
		var e *webhook.Endpoint
		if i >= 0 {
			e = &w.endpoints[i]
		}
		if j := slices.IndexFunc(w.have, func(h webhook.Delivery) bool { return h.EndpointID == target }); j >= 0 {
			return d.follow(ctx, w.have[j], e)
		}
		return d.first(ctx, w.event, target, e)
	})
}

// first makes a delivery's first record: usually that of its first attempt.
func (d *Dispatcher) first(ctx context.Context, ev webhook.Event, target string, e *webhook.Endpoint) error {
	fresh := d.begin(ev, target, e)
	if fresh.Open() {
		done, ok := d.start(ctx)
		if !ok {
			return d.record(ctx, ev, d.handOver(fresh), e)
		}
		defer done()
		var err error
		if fresh, err = d.attempt(ctx, ev, fresh, e); errors.Is(err, errNoTime) {
			fresh = d.handOver(fresh)
		} else if err != nil {
			return err
		}
	}
	return d.record(ctx, ev, fresh, e)
}

// begin is the delivery before anything happened.
func (d *Dispatcher) begin(ev webhook.Event, target string, e *webhook.Endpoint) webhook.Delivery {
	fresh := webhook.Delivery{
		MessageID: ev.MessageID, EventID: ev.EventID, Account: ev.Account, EndpointID: target,
		Status: webhook.Pending, CreatedAt: d.Now().UTC(), ExpiresAt: ev.ExpiresAt, Rev: d.Token(),
	}
	switch {
	case target == webhook.JobTarget:
		fresh.URL, fresh.Profile, fresh.IncludeResult = ev.CallbackURL, ev.CallbackProfile, true
	case e == nil:
		fresh.Profile = payload.Standard
		return fresh.Cancel()
	default:
		fresh.URL, fresh.Profile, fresh.IncludeResult = e.URL, e.Profile, e.IncludeResult
	}
	fresh.BodyURL = fresh.URL
	if e != nil && !e.Enabled {
		return fresh.Hold()
	}
	return fresh
}

// handOver leaves the first attempt to the retry function, at once.
func (d *Dispatcher) handOver(fresh webhook.Delivery) webhook.Delivery {
	fresh.NextAttemptAt = d.Now().UTC()
	return fresh
}

func (d *Dispatcher) record(ctx context.Context, ev webhook.Event, fresh webhook.Delivery, e *webhook.Endpoint) error {
	ctx, cancel := settled(ctx)
	defer cancel()
	err := d.Deliveries.InsertDelivery(ctx, fresh)
	if errors.Is(err, webhook.ErrLost) {
		return nil // whoever took the event over has recorded it
	}
	if err != nil {
		return fmt.Errorf("record %s: %w", fresh.ID(), err)
	}
	d.logState(ctx, ev, fresh)
	return d.follow(ctx, fresh, e)
}

// setAside puts a completion that cannot be used where it can be seen.
func (d *Dispatcher) setAside(ctx context.Context, m Message, ev webhook.Event, reason string) error {
	if err := d.Rejected.Send(ctx, queue.Message{Body: m.Body, Reason: reason}); err != nil {
		return fmt.Errorf("set aside %s: %w", m.ID, err)
	}
	d.Log.LogAttrs(ctx, slog.LevelWarn, "completion.rejected", slog.String("queue_message_id", m.ID),
		slog.String("message_id", ev.MessageID), slog.String("account", ev.Account), slog.String("reason", reason))
	return nil
}
