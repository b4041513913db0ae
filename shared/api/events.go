package api

import (
	"cmp"
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

// publishTime bounds the writes of a publish, which go on when the client
// disconnects: an event whose message was not sent would not be delivered until
// it is published again.
const publishTime = 20 * time.Second

// completionFields are those of a completion, for messages.
const completionFields = "id, status, type, account, result, error, callback_url, callback_profile, event_type, event_id, occurred_at"

type published struct {
	MessageID string `json:"message_id"`
	EventID   string `json:"event_id"`
	Duplicate bool   `json:"duplicate"`
}

func (s *server) publish(c *call) error {
	// Above twice the limit of a result, since white space and \u escapes do not
	// count towards that.
	limit := 2*int64(cmp.Or(s.Rules.MaxResult, intake.DefaultMaxResult)) + 64<<10
	return c.withBody(limit, func(body []byte) error {
		completion, err := intake.Parse(body, c.account(), s.Now(), s.Rules) // keeps nothing of body
		if err != nil {
			return fromIntake(err)
		}
		if len(completion.Unknown) > 0 { // a typo in callback_url would mean that nobody is told
			return badField(completion.Unknown[0], "is not a field of a completion; the fields are "+completionFields)
		}
		ev := completion.Event
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
		path := "/v1/accounts/" + url.PathEscape(ev.Account) + "/events/" + url.PathEscape(ev.EventID)
		if job, _ := webhook.JobOfEventID(ev.EventID); job != ev.Job.ID { // the event id does not name the job
			path += "?job=" + url.QueryEscape(ev.Job.ID)
		}
		c.w.Header().Set("Location", path)
		return c.answer(http.StatusAccepted, published{ev.MessageID, ev.EventID, duplicate})
	})
}

// checkCallback refuses what is not a usable URL at all. One that is not
// encrypted, or not public, is a failed delivery with its reason on record: the
// customer gave it, and the customer is to see it.
func (s *server) checkCallback(raw string) error {
	if raw == "" || strings.HasPrefix(strings.ToLower(raw), "http:") {
		return nil
	}
	bad := new(sender.URLError)
	if err := sender.CheckURL(raw, s.AllowLoopback); errors.As(err, &bad) && bad.Reason == webhook.ReasonBadURL {
		return badField("callback_url", bad.Problem)
	}
	return nil
}
