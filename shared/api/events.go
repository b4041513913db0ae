package api

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/jobhook/jobhook/shared/deliver"
	"github.com/jobhook/jobhook/shared/intake"
	"github.com/jobhook/jobhook/shared/sender"
	"github.com/jobhook/jobhook/shared/webhook"
)

// publishTime bounds the writes of a publish, which a client that goes away
// does not break off: an event whose word was not sent would lie there until
// somebody publishes it again.
const publishTime = 20 * time.Second

type published struct {
	MessageID string `json:"message_id"`
	EventID   string `json:"event_id"`
	Duplicate bool   `json:"duplicate"`
}

func (s *server) publish(c *call) error {
	return c.withBody(s.maxEvent, func(body []byte) error {
		ev, err := intake.Parse(body, c.account(), s.Now(), s.Rules) // keeps nothing of body
		if err != nil {
			return fromIntake(err)
		}
		if err := s.checkCallback(ev.CallbackURL); err != nil {
			return err
		}
		ctx, cancel := context.WithTimeout(context.WithoutCancel(c.r.Context()), publishTime)
		defer cancel()
		duplicate, err := s.Publisher.Publish(ctx, ev)
		if errors.Is(err, deliver.ErrConflict) {
			p := conflict(typeEventConflict, deliver.ErrConflict.Error())
			p.Field = "event_id"
			return p
		}
		if err != nil {
			return fmt.Errorf("publish: %w", err)
		}
		c.w.Header().Set("Location", "/v1/accounts/"+url.PathEscape(ev.Account)+"/events/"+url.PathEscape(ev.EventID))
		return c.answer(http.StatusAccepted, published{ev.MessageID, ev.EventID, duplicate})
	})
}

// checkCallback refuses what nobody could take for a usable URL. That one is
// not encrypted, or not public, is a delivery that failed, with its reason on
// record: the customer gave it, and the customer is to see it.
func (s *server) checkCallback(raw string) error {
	if raw == "" || strings.HasPrefix(strings.ToLower(raw), "http:") {
		return nil
	}
	bad := new(sender.URLError)
	if err := sender.CheckURL(raw, s.AllowLoopback); errors.As(err, &bad) && bad.Reason == sender.ReasonBadURL {
		return badField("callback_url", bad.Problem)
	}
	return nil
}

func (s *server) showEvent(c *call) error {
	ev, deliveries, err := s.Store.LoadEvent(c.r.Context(), webhook.MessageID(c.account(), c.id()))
	if errors.Is(err, webhook.ErrNotFound) {
		return notFound("this account has no such event, or not any more")
	}
	if err != nil {
		return fmt.Errorf("show event: %w", err)
	}
	if deliveries, err = s.all(c.r.Context(), ev, deliveries); err != nil {
		return fmt.Errorf("show event: %w", err)
	}
	return c.answer(http.StatusOK, showEvent(ev, deliveries))
}

// all returns one delivery for each of the event's targets, in their order:
// a target that has no record yet is pending, without an attempt.
func (s *server) all(ctx context.Context, ev webhook.Event, recorded []webhook.Delivery) ([]webhook.Delivery, error) {
	known := make(map[string]webhook.Delivery, len(recorded))
	for _, d := range recorded {
		known[d.EndpointID] = d
	}
	all := make([]webhook.Delivery, 0, len(ev.Targets))
	missing := map[string]int{}
	for i, target := range ev.Targets {
		d, ok := known[target]
		if !ok {
			d = webhook.Delivery{
				MessageID: ev.MessageID, EventID: ev.EventID, Account: ev.Account,
				EndpointID: target, Status: webhook.Pending, CreatedAt: ev.AcceptedAt,
			}
			missing[target] = i
		}
		all = append(all, d)
	}
	return all, s.fillURLs(ctx, ev, missing, all)
}

// fillURLs says where deliveries without a record are about to go. It is
// rarely asked: a target is without a record for the length of one POST.
func (s *server) fillURLs(ctx context.Context, ev webhook.Event, missing map[string]int, all []webhook.Delivery) error {
	if i, ok := missing[webhook.JobTarget]; ok {
		all[i].URL = ev.CallbackURL
		delete(missing, webhook.JobTarget)
	}
	for cursor := ""; len(missing) > 0; {
		endpoints, next, err := s.Store.ListEndpoints(ctx, ev.Account, MaxLimit, cursor)
		if err != nil {
			return err
		}
		for _, e := range endpoints {
			if i, ok := missing[e.ID]; ok {
				all[i].URL = e.URL
				delete(missing, e.ID)
			}
		}
		if cursor = next; next == "" {
			return nil // what is left was removed meanwhile
		}
	}
	return nil
}
