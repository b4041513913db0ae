package webhook

import (
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/jobhook/jobhook/shared/payload"
)

// Status is where a delivery stands. docs/states.md draws how it moves.
type Status string

// The states of a delivery. Delivered, failed and canceled are ends; held
// waits for a replay.
const (
	Pending   Status = "pending"   // no attempt has been recorded yet
	Retrying  Status = "retrying"  // failed so far; another attempt is due
	Delivered Status = "delivered" // the endpoint answered 2xx
	Failed    Status = "failed"    // the schedule is used up, or nothing more can help
	Canceled  Status = "canceled"  // the endpoint was removed before it got through
	Held      Status = "held"      // the endpoint is disabled; kept for replay
)

// Statuses lists every status, for messages and filters.
func Statuses() []Status { return []Status{Pending, Retrying, Delivered, Failed, Canceled, Held} }

// Delivery is one event on its way to one endpoint.
type Delivery struct {
	MessageID  string
	EventID    string
	Account    string
	EndpointID string // JobTarget for the job's own URL
	URL        string // where the last attempt went, or the next one goes
	Status     Status
	// Reason says why it ended or is held, when that is not its last
	// attempt's reason: "endpoint_removed", "endpoint_disabled".
	Reason        string
	Attempts      []Attempt
	NextAttemptAt time.Time // zero when none is due
	CreatedAt     time.Time
	ExpiresAt     time.Time

	// Body settings as they were at the first attempt: every attempt of a
	// delivery carries the same bytes, whatever the endpoint has become since.
	Profile       payload.Profile
	IncludeResult bool
	BodyURL       string // the URL that the unitary profile names in its body

	Queued int // number of the attempt whose queue message is known to be sent
	// Lease is of the attempt under way; once that is recorded, it still says
	// whose message answers for what follows.
	Lease Lease
	Rev   string
}

// Attempt is one POST and what came of it.
type Attempt struct {
	Number     int // from 1
	At         time.Time
	Duration   time.Duration
	StatusCode int    // 0 without an answer
	Reason     string // sender.Reason; empty when delivered
	Response   string // the answer's first bytes, as text
}

// Outcome is "delivered" or "failed".
func (a Attempt) Outcome() string {
	if a.Reason == "" {
		return "delivered"
	}
	return "failed"
}

// ID names a delivery to people and in the API.
func (d Delivery) ID() string { return DeliveryID(d.MessageID, d.EndpointID) }

// DeliveryID joins the two halves of a delivery's id.
func DeliveryID(messageID, endpointID string) string { return messageID + "." + endpointID }

// ParseDeliveryID splits what DeliveryID joined.
func ParseDeliveryID(id string) (messageID, endpointID string, ok bool) {
	messageID, endpointID, ok = strings.Cut(id, ".")
	return messageID, endpointID, ok && strings.HasPrefix(messageID, "msg_") && endpointID != ""
}

// Open says whether another attempt is still to come.
func (d Delivery) Open() bool { return d.Status == Pending || d.Status == Retrying }

// NextNumber is the number that the next attempt will have.
func (d Delivery) NextNumber() int { return len(d.Attempts) + 1 }

// Unqueued says whether the delivery waits for an attempt whose queue message
// is not known to be sent. Whoever holds the message before it sends it.
func (d Delivery) Unqueued() bool { return d.Open() && d.Queued < d.NextNumber() }

// Last is the latest attempt; ok is false when there is none.
func (d Delivery) Last() (a Attempt, ok bool) {
	if len(d.Attempts) == 0 {
		return Attempt{}, false
	}
	return d.Attempts[len(d.Attempts)-1], true
}

// EndedGone says whether the delivery ended because its endpoint answered 410.
func (d Delivery) EndedGone() bool {
	a, ok := d.Last()
	return ok && d.Status == Failed && a.StatusCode == http.StatusGone
}

// Settle records an attempt and moves the state as its verdict says. next is
// when the schedule allows another attempt; zero when it allows none.
func (d Delivery) Settle(a Attempt, v Verdict, next time.Time) Delivery {
	d.Attempts = append(slices.Clip(d.Attempts), a)
	d.NextAttemptAt = time.Time{}
	// The lease is over, but its message still has to see to what follows.
	d.Lease.Until = time.Time{}
	switch {
	case v == Success:
		d.Status = Delivered
	case v == Retry && !next.IsZero():
		d.Status, d.NextAttemptAt = Retrying, next
	default:
		d.Status = Failed
	}
	return d
}

// Hold keeps the delivery for replay because its endpoint is disabled.
func (d Delivery) Hold() Delivery { return d.end(Held, "endpoint_disabled") }

// Cancel ends the delivery because its endpoint was removed.
func (d Delivery) Cancel() Delivery { return d.end(Canceled, "endpoint_removed") }

func (d Delivery) end(s Status, reason string) Delivery {
	d.Status, d.Reason, d.NextAttemptAt, d.Lease = s, reason, time.Time{}, Lease{}
	return d
}
