// Package queue names what travels on jobhook's own queues. It is pure: the
// adapters (sqsqueue, embedded) carry it.
package queue

import (
	"encoding/json"
	"errors"
	"fmt"
	"time"
)

// Message is one message to send.
type Message struct {
	Body  []byte
	Delay time.Duration // at most schedule.MaxHop; rounded up to whole seconds by SQS
	// Group is the tenant, so that SQS's fair queues keep one account's flood
	// from delaying another's. Empty for none.
	Group  string
	Reason string // why a completion was set aside; empty elsewhere
}

// Retry asks for one attempt of a delivery. It names what to do, never how:
// the record, read when it is due, says that.
type Retry struct {
	MessageID  string    `json:"message_id"`
	Account    string    `json:"account"`
	EndpointID string    `json:"endpoint_id"` // webhook.JobTarget for the job's own URL
	Attempt    int       `json:"attempt"`
	Due        time.Time `json:"due"`
}

// ParseRetry reads a retry queue message's body.
func ParseRetry(body []byte) (Retry, error) {
	var r Retry
	if err := json.Unmarshal(body, &r); err != nil {
		return Retry{}, fmt.Errorf("retry message: %w", err)
	}
	if r.MessageID == "" || r.EndpointID == "" || r.Account == "" || r.Attempt < 1 {
		return Retry{}, errors.New("retry message: message_id, account, endpoint_id and attempt are required")
	}
	return r, nil
}

// Accepted tells dispatch of an event that the API has already stored. It
// carries what choosing the targets needs, so that claiming it takes one write.
type Accepted struct {
	Form      string `json:"jobhook"` // AcceptedForm
	MessageID string `json:"message_id"`
	Account   string `json:"account"`
	EventType string `json:"event_type"`
	Callback  bool   `json:"callback,omitempty"` // the job has a URL of its own
	Rev       string `json:"rev"`
}

// AcceptedForm marks an Accepted among the completions.
const AcceptedForm = "accepted"

// ParseAccepted reads a completions queue message's body; ok is false when it
// is something else.
func ParseAccepted(body []byte) (a Accepted, ok bool) {
	if json.Unmarshal(body, &a) != nil || a.Form != AcceptedForm || a.MessageID == "" || a.Account == "" {
		return Accepted{}, false
	}
	return a, true
}

// Encode writes a Retry or an Accepted as a message body.
func Encode[T Retry | Accepted](v T) []byte {
	body, err := json.Marshal(v)
	if err != nil { // strings, ints and times in range always marshal
		panic(err)
	}
	return body
}
