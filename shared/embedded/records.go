package embedded

import (
	"fmt"
	"time"

	"github.com/jobhook/jobhook/shared/webhook"
)

// What of an event changes is its claim. It stands at the head of the event's
// record as it was at first; a later one lies beside the event, so that its
// payload is written once only. Who writes needs no more than the head, and
// all others wait for that.
type (
	claim     webhook.Event
	eventHead webhook.Event
	eventBody webhook.Event
)

// record writes or reads a record's fields, in the order in which they lie in
// the file. Records that expire by themselves, as putExpiring has it, begin with
// a text and their ExpiresAt.
func (c *codec) record(v any) {
	switch v := v.(type) {
	case *webhook.Event:
		c.fields((*eventHead)(v), (*eventBody)(v))
	case *eventHead:
		c.fields((*claim)(v), &v.ExpiresAt)
	case *claim:
		c.fields(&v.Rev, &v.Targets, &v.HandedOver, &v.Lease)
	case *eventBody:
		c.fields(&v.MessageID, &v.EventID, &v.Type, &v.Account, &v.Job.ID, &v.Job.Status, &v.Job.Type,
			&v.OccurredAt, &v.AcceptedAt, (*[]byte)(&v.Result), (*[]byte)(&v.Error),
			&v.ResultOmitted, &v.CallbackURL, (*string)(&v.CallbackProfile), &v.Hash)
	case *webhook.Lease: // of an earlier opening: it has run out, its owner died with its process
		epoch := c.epoch
		c.fields(&v.Message, &v.Until)
		if c.uint(&epoch); epoch != c.epoch {
			v.Until = time.Time{}
		}
	case *webhook.Delivery:
		c.fields(&v.Rev, &v.ExpiresAt, &v.AcceptedAt, (*string)(&v.Status), (*string)(&v.Reason),
			&v.MessageID, &v.EventID, &v.Account, &v.EndpointID, &v.URL, &v.NextAttemptAt, &v.SettledAt, &v.PostponedSince,
			(*string)(&v.Profile), &v.IncludeResult, &v.BodyURL, &v.SignedBy, &v.Lease)
		list(c, &v.Attempts)
	case *webhook.Attempt:
		c.fields(&v.Number, &v.At, &v.Duration, &v.StatusCode, (*string)(&v.Reason), &v.Response)
	case *Received: // what its key does not say
		c.fields(&v.SentAt, &v.Group, &v.Result, &v.Reason, &v.Body)
	default:
		c.settings(v)
	}
}

// settings is record for what is not written with every delivery.
func (c *codec) settings(v any) {
	switch v := v.(type) {
	case *webhook.Endpoint:
		c.fields(&v.Rev, &v.ExpiresAt, &v.ID, &v.Account, &v.URL, &v.Events,
			(*string)(&v.Profile), &v.IncludeResult, &v.Description, &v.Schedule, &v.Enabled,
			&v.DisabledReason, &v.CreatedAt, &v.UpdatedAt, &v.RemovedAt,
			&v.Health.FailingSince, &v.Health.SlowUntil, &v.Health.PausedUntil, &v.Headers)
		list(c, &v.Secrets)
	case *webhook.SealedSecret:
		c.fields(&v.Sealed, &v.Ref, &v.CreatedAt, &v.ExpiresAt)
	case *webhook.Note:
		c.fields(&v.Rev, &v.ExpiresAt, (*string)(&v.Kind), &v.Owner, &v.ID, (*[]byte)(&v.Data))
	case *webhook.Receipt:
		l := webhook.Lease{Message: v.Owner, Until: v.Until}
		if c.fields(&v.Digest, &v.ExpiresAt, (*string)(&v.State), &l); c.reading {
			v.Owner, v.Until = l.Message, l.Until
		}
	default:
		panic(fmt.Sprintf("no way to store a %T", v))
	}
}
