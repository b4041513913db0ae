package api

import (
	"context"
	"fmt"
	"net/http"
	"slices"
	"strings"

	"github.com/jobhook/jobhook/shared/webhook"
)

// eventNotFound is what a 404 says of an event.
const eventNotFound = "event not found (it may have expired)"

// showEvent finds an event by its message id or by its event id. The latter
// needs the job's id too: of the default form it carries it, else ?job= gives it.
func (s *server) showEvent(c *call) error {
	query, err := c.query("job")
	if err != nil {
		return err
	}
	messageID, missing := c.id(), eventNotFound
	if _, _, ok := webhook.SplitMessageID(c.id()); query.Has("job") {
		messageID = webhook.MessageID(c.account(), query.Get("job"), c.id())
	} else if !ok {
		job, _ := webhook.JobOfEventID(c.id())
		messageID = webhook.MessageID(c.account(), job, c.id())
		missing += "; for an event_id that is not {event_type}/{id}/{status} give ?job=, or the message_id that publishing returned"
	}
	ev, err := s.event(c, messageID, missing)
	if err != nil {
		return err
	}
	views, err := s.showEvents(c.r.Context(), ev)
	if err != nil {
		return err
	}
	return c.answer(http.StatusOK, views[0])
}

// showJob shows the webhook.MaxJobEvents events of a job, or fewer, in the
// order in which they occurred.
func (s *server) showJob(c *call) error {
	events, err := s.Store.JobEvents(c.r.Context(), c.account(), c.id())
	if err != nil {
		return fmt.Errorf("read a job's events: %w", err)
	}
	if len(events) == 0 {
		return notFound("job not found: it has no events (they may have expired)")
	}
	views, err := s.showEvents(c.r.Context(), events...)
	if err != nil {
		return err
	}
	return c.answer(http.StatusOK, list[eventView]{Data: views})
}

func (s *server) showDelivery(c *call) error {
	const missing = "delivery not found (it may have expired); its id is {message_id}.{endpoint_id}"
	messageID, target, _ := strings.Cut(c.id(), ".")
	if _, _, ok := webhook.SplitMessageID(messageID); !ok {
		return notFound(missing)
	}
	ev, err := s.event(c, messageID, missing)
	if err != nil {
		return err
	}
	if !slices.Contains(ev.Targets, target) {
		return notFound(missing)
	}
	ev.Targets = []string{target}
	deliveries, err := s.deliveries(c.r.Context(), ev)
	if err != nil {
		return err
	}
	return c.answer(http.StatusOK, showDelivery(deliveries[0]))
}

// event reads an event of the call's account; missing is what its 404 says.
func (s *server) event(c *call, messageID, missing string) (webhook.Event, error) {
	found, err := s.Store.Events(c.r.Context(), messageID)
	if err != nil {
		return webhook.Event{}, fmt.Errorf("read event %s: %w", messageID, err)
	}
	if found[0] == nil || found[0].Account != c.account() {
		return webhook.Event{}, notFound(missing)
	}
	return *found[0], nil
}

// showEvents shows events of one account with their deliveries.
func (s *server) showEvents(ctx context.Context, events ...webhook.Event) ([]eventView, error) {
	deliveries, err := s.deliveries(ctx, events...)
	if err != nil {
		return nil, err
	}
	views := make([]eventView, len(events))
	for i, ev := range events {
		views[i] = showEvent(ev, deliveries[:len(ev.Targets)])
		deliveries = deliveries[len(ev.Targets):]
	}
	return views, nil
}

// deliveries returns a delivery for each target of each event, in their order.
// All events are of one account. A target without a record is pending, for the
// length of one POST.
func (s *server) deliveries(ctx context.Context, events ...webhook.Event) ([]webhook.Delivery, error) {
	var keys []webhook.DeliveryKey
	for _, ev := range events {
		keys = append(keys, ev.Keys()...)
	}
	recorded, err := s.Store.Deliveries(ctx, keys...)
	if err != nil {
		return nil, fmt.Errorf("read deliveries of %s: %w", events[0].MessageID, err)
	}
	endpoints := map[string]webhook.Endpoint{}
	if slices.Contains(recorded, nil) {
		known, err := s.Store.AccountEndpoints(ctx, events[0].Account)
		if err != nil {
			return nil, fmt.Errorf("read endpoints of deliveries of %s: %w", events[0].MessageID, err)
		}
		for _, e := range known {
			endpoints[e.ID] = e
		}
	}
	all := make([]webhook.Delivery, 0, len(keys))
	for _, ev := range events {
		for _, target := range ev.Targets {
			if d := recorded[len(all)]; d != nil {
				all = append(all, *d)
			} else {
				all = append(all, webhook.Begin(ev, target, endpoints[target]).Delivery)
			}
		}
	}
	return all, nil
}
