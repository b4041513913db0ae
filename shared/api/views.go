package api

import (
	"time"

	"github.com/jobhook/jobhook/shared/webhook"
)

// timeFormat is RFC 3339 in UTC, to the millisecond.
const timeFormat = "2006-01-02T15:04:05.000Z"

func stamp(t time.Time) string { return t.UTC().Format(timeFormat) }

func stampOrNull(t time.Time) *string {
	if t.IsZero() {
		return nil
	}
	return new(stamp(t))
}

// orNull maps what is zero to JSON's null.
func orNull[T comparable](v T) *T {
	var zero T
	if v == zero {
		return nil
	}
	return &v
}

type endpointView struct {
	ID             string            `json:"id"`
	Account        string            `json:"account"`
	URL            *string           `json:"url"`    // null for the jobs' own URLs
	Events         []string          `json:"events"` // none for the jobs' own URLs
	Profile        webhook.Profile   `json:"profile"`
	IncludeResult  bool              `json:"include_result"`
	Headers        map[string]string `json:"headers"`
	Description    string            `json:"description"`
	Schedule       string            `json:"schedule"` // empty: the stack's
	Enabled        bool              `json:"enabled"`
	DisabledReason *string           `json:"disabled_reason"`
	CreatedAt      *string           `json:"created_at"` // this and the next are null for a job record that is not set
	UpdatedAt      *string           `json:"updated_at"`
	// Secret is in the answer that creates it, and in no other.
	Secret string `json:"secret,omitempty"`
}

func showEndpoint(e webhook.Endpoint) endpointView {
	v := endpointView{
		ID: e.ID, Account: e.Account, URL: orNull(e.URL), Events: e.Events, Profile: e.Profile, IncludeResult: e.IncludeResult,
		Headers: e.Headers, Description: e.Description, Schedule: e.Schedule, Enabled: e.Enabled, DisabledReason: orNull(e.DisabledReason),
		CreatedAt: stampOrNull(e.CreatedAt), UpdatedAt: stampOrNull(e.UpdatedAt),
	}
	if v.Events == nil {
		v.Events = []string{}
	}
	if v.Headers == nil {
		v.Headers = map[string]string{}
	}
	return v
}

type jobView struct {
	ID     string `json:"id"`
	Status string `json:"status"`
	Type   string `json:"type"`
}

type eventView struct {
	MessageID     string         `json:"message_id"`
	EventID       string         `json:"event_id"`
	EventType     string         `json:"event_type"`
	Account       string         `json:"account"`
	Job           jobView        `json:"job"`
	OccurredAt    string         `json:"occurred_at"`
	AcceptedAt    string         `json:"accepted_at"`
	ResultOmitted bool           `json:"result_omitted,omitempty"`
	Targets       []string       `json:"targets"` // null until it is dispatched; empty when nobody wants it
	Deliveries    []deliveryView `json:"deliveries"`
}

func showEvent(ev webhook.Event, deliveries []webhook.Delivery) eventView {
	return eventView{
		MessageID: ev.MessageID, EventID: ev.EventID, EventType: ev.Type, Account: ev.Account,
		Job:        jobView{ev.Job.ID, ev.Job.Status, ev.Job.Type},
		OccurredAt: stamp(ev.OccurredAt), AcceptedAt: stamp(ev.AcceptedAt),
		ResultOmitted: ev.ResultOmitted, Targets: ev.Targets,
		Deliveries: page(deliveries, "", showDelivery).Data,
	}
}

type deliveryView struct {
	ID            string          `json:"id"`
	MessageID     string          `json:"message_id"`
	EventID       string          `json:"event_id"`
	EndpointID    string          `json:"endpoint_id"` // webhook.JobTarget for the job's own URL
	URL           string          `json:"url"`
	Status        webhook.Status  `json:"status"`
	Reason        *webhook.Reason `json:"reason"` // why it is not delivered; null when it is, or not tried yet
	Attempts      []attemptView   `json:"attempts"`
	NextAttemptAt *string         `json:"next_attempt_at"`
	CreatedAt     string          `json:"created_at"` // when its event was accepted
}

func showDelivery(d webhook.Delivery) deliveryView {
	reason := d.Reason
	if last, tried := d.Last(); reason == "" && tried {
		reason = last.Reason // empty when delivered
	}
	return deliveryView{
		ID: d.ID(), MessageID: d.MessageID, EventID: d.EventID, EndpointID: d.EndpointID,
		URL: d.URL, Status: d.Status, Reason: orNull(reason), Attempts: page(d.Attempts, "", showAttempt).Data,
		NextAttemptAt: stampOrNull(d.NextAttemptAt), CreatedAt: stamp(d.AcceptedAt),
	}
}

type attemptView struct {
	Number     int             `json:"number"`
	At         string          `json:"at"`
	DurationMS int64           `json:"duration_ms"`
	StatusCode *int            `json:"status_code"` // null without an answer
	Outcome    string          `json:"outcome"`
	Reason     *webhook.Reason `json:"reason"` // null when delivered
	Response   string          `json:"response"`
}

func showAttempt(a webhook.Attempt) attemptView {
	return attemptView{
		Number: a.Number, At: stamp(a.At), DurationMS: a.Duration.Milliseconds(), StatusCode: orNull(a.StatusCode),
		Outcome: a.Outcome(), Reason: orNull(a.Reason), Response: a.Response,
	}
}
