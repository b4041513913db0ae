package webhook

import (
	"net/http"
	"slices"
	"strings"
	"time"
	"unicode/utf8"
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

// Bounds of what is kept of an endpoint's answers, in bytes: a delivery is to
// stay within 1 KB, which is one write unit.
const (
	MaxAcceptedResponse = 128 // of a 2xx
	MaxRefusedResponse  = 256 // of the latest other answer; of earlier ones nothing is kept
)

// DeliveryKey names a delivery to a store. It follows from its event and its
// endpoint.
type DeliveryKey struct {
	Account    string
	EndpointID string // JobTarget for the job's own URL
	MessageID  string
	AcceptedAt time.Time // the event's
}

// ID names a delivery to people and in the API.
func (k DeliveryKey) ID() string { return DeliveryID(k.MessageID, k.EndpointID) }

// DeliveryID joins the two halves of a delivery's id.
func DeliveryID(messageID, endpointID string) string { return messageID + "." + endpointID }

// Delivery is one event on its way to one endpoint.
type Delivery struct {
	DeliveryKey
	EventID string
	URL     string // where the last attempt went, or the next one goes
	Status  Status
	// Reason says why it ended, waits or is held, when that is not its last
	// attempt's reason.
	Reason        Reason
	Attempts      []Attempt
	NextAttemptAt time.Time // in whole milliseconds; zero when none is due
	SettledAt     time.Time // when it failed or was held, in whole milliseconds; zero otherwise
	// PostponedSince is when an internal error first kept the attempt that is
	// due from being made, in whole milliseconds; zero when none does.
	PostponedSince time.Time
	ExpiresAt      time.Time // the event's

	// Body settings as they were at the first attempt: every attempt of a
	// delivery carries the same bytes, whatever the endpoint has become since.
	Profile       Profile
	IncludeResult bool
	BodyURL       string // the URL that the unitary profile names in its body

	SignedBy []string // fingerprints of the secrets that signed the latest attempt
	// Lease is of the attempt in flight; once that is recorded, it still says
	// whose message answers for what follows.
	Lease Lease
	Rev   string
}

// Attempt is one POST and what came of it.
type Attempt struct {
	Number     int           // from 1
	At         time.Time     // in whole milliseconds
	Duration   time.Duration // in whole milliseconds
	StatusCode int           // 0 without an answer
	Reason     Reason        // empty when delivered
	Response   string        // the answer's first bytes, as text; of the latest attempt alone
}

// Outcome is "delivered" or "failed".
func (a Attempt) Outcome() string {
	if a.Reason == "" {
		return "delivered"
	}
	return "failed"
}

// Open says whether another attempt is still to come.
func (d Delivery) Open() bool { return d.Status == Pending || d.Status == Retrying }

// NextNumber is the number that the next attempt will have.
func (d Delivery) NextNumber() int { return len(d.Attempts) + 1 }

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

// Claimed is a delivery whose next step is its holder's alone. Only a Claimed
// can be settled, held, canceled, failed or postponed, once: what comes of that
// is the Change to write. rev is the new record's.
type Claimed struct {
	Delivery
	from string // the Rev of the record that the step replaces; empty: there is none yet
}

// Begin is the delivery of a claimed event to one of its targets before
// anything happened. e is the endpoint, or the account's job record.
func Begin(ev Event, target string, e Endpoint) Claimed {
	d := Delivery{
		DeliveryKey: ev.Key(target), EventID: ev.EventID, Status: Pending, ExpiresAt: ev.ExpiresAt,
		URL: e.URL, Profile: e.Profile, IncludeResult: e.IncludeResult,
	}
	if target == JobTarget {
		d.URL = ev.CallbackURL
		if ev.CallbackProfile != "" {
			d.Profile = ev.CallbackProfile
		}
	}
	d.BodyURL = d.URL
	d.Lease.Message = ev.Lease.Message
	return Claimed{Delivery: d}
}

// Claim claims the next attempt, to url. The Change must land before the
// attempt is made.
func (d Delivery) Claim(url string, l Lease, rev string) (Claimed, Change) {
	from := d.Rev
	d.URL, d.Lease, d.Rev = url, l, rev
	return Claimed{d, rev}, Change{Delivery: &d, From: from}
}

// Take is for a step that makes no attempt: its one write is its claim.
func (d Delivery) Take() Claimed { return Claimed{d, d.Rev} }

// From is the Rev of the record that the step replaces; empty: there is none yet.
func (c Claimed) From() string { return c.from }

// Settle records an attempt and moves the state as its verdict says. next is
// when the schedule allows another attempt; zero when it allows none.
func (c Claimed) Settle(a Attempt, next time.Time, rev string) Change {
	d := c.Delivery
	d.Attempts = append(slices.Clone(d.Attempts), a.kept())
	for i := range len(d.Attempts) - 1 {
		d.Attempts[i].Response = ""
	}
	d.Reason = ""
	switch v := Judge(a); {
	case v == Success:
		return c.to(d, Delivered, rev)
	case v == Retry && !next.IsZero():
		d.NextAttemptAt = milliseconds(next)
		return c.to(d, Retrying, rev)
	}
	return c.end(d, Failed, a.At.Add(a.Duration), rev)
}

// Hold keeps the delivery for replay because its endpoint is disabled.
func (c Claimed) Hold(at time.Time, rev string) Change {
	d := c.Delivery
	d.Reason = ReasonEndpointDisabled
	return c.end(d, Held, at, rev)
}

// Cancel ends the delivery because its endpoint was removed.
func (c Claimed) Cancel(rev string) Change {
	d := c.Delivery
	d.Reason = ReasonEndpointRemoved
	return c.to(d, Canceled, rev)
}

// Fail ends the delivery, without an attempt, for a reason.
func (c Claimed) Fail(reason Reason, at time.Time, rev string) Change {
	d := c.Delivery
	d.Reason = reason
	return c.end(d, Failed, at, rev)
}

// Postpone leaves the attempt that was due to a later time, unconsumed, because
// an internal error prevents it, or for the endpoint's sake; an empty reason
// says that another invocation makes it.
func (c Claimed) Postpone(reason Reason, now, next time.Time, rev string) Change {
	d := c.Delivery
	since := d.PostponedSince
	if since.IsZero() {
		since = milliseconds(now)
	}
	d.Reason, d.NextAttemptAt = reason, milliseconds(next)
	change := c.to(d, d.Status, rev)
	if reason == ReasonSecretUnreadable || reason == ReasonInternal {
		change.Delivery.PostponedSince = since
	}
	return change
}

// to ends the lease; its message still answers for what follows.
func (c Claimed) to(d Delivery, s Status, rev string) Change {
	d.Status, d.Rev, d.Lease.Until, d.SettledAt, d.PostponedSince = s, rev, time.Time{}, time.Time{}, time.Time{}
	if !d.Open() {
		d.NextAttemptAt = time.Time{}
	}
	return Change{Delivery: &d, From: c.from}
}

// end makes the delivery recoverable.
func (c Claimed) end(d Delivery, s Status, at time.Time, rev string) Change {
	change := c.to(d, s, rev)
	change.Delivery.SettledAt = milliseconds(at)
	return change
}

// kept is the attempt as a record holds it.
func (a Attempt) kept() Attempt {
	limit := MaxRefusedResponse
	if Judge(a) == Success {
		limit = MaxAcceptedResponse
	}
	a.At, a.Duration = milliseconds(a.At), a.Duration.Truncate(time.Millisecond)
	if len(a.Response) > limit {
		end := limit
		for end > 0 && !utf8.RuneStart(a.Response[end]) {
			end--
		}
		a.Response = strings.ToValidUTF8(a.Response[:end], "")
	}
	return a
}

// milliseconds is the instant as records hold it, in UTC. A time within a
// millisecond becomes its end: nothing is due early.
func milliseconds(t time.Time) time.Time {
	if t.IsZero() {
		return t
	}
	return t.Add(time.Millisecond - 1).Truncate(time.Millisecond).UTC()
}
