package webhook

import (
	"bytes"
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
	Reason string // why a completion was rejected; empty elsewhere
}

// RetryMessage asks for one attempt of a delivery. It names what to do, never
// how: the record, read when it is due, says that. With an Outcome the attempt
// has been made and only its record is missing.
type RetryMessage struct {
	Version    int       `json:"v"` // Layout
	MessageID  string    `json:"message_id"`
	Account    string    `json:"account"`
	EndpointID string    `json:"endpoint_id"` // JobTarget for the job's own URL
	AcceptedAt time.Time `json:"accepted_at"` // the event's
	Attempt    int       `json:"attempt"`
	Due        time.Time `json:"due"`
	Outcome    *Outcome  `json:"outcome,omitempty"`
}

// Outcome is a record that was refused: of an attempt, or, where At is zero, of
// a delivery's beginning without one. It is applied by the conditional write
// that was refused: From is the Rev that it was claimed at, empty for a
// delivery's first record, which has its beginning with it.
type Outcome struct {
	From       string    `json:"from,omitempty"`
	Rev        string    `json:"rev"` // the record's, once it has landed
	At         time.Time `json:"at,omitzero"`
	DurationMS int64     `json:"duration_ms"`
	StatusCode int       `json:"status_code,omitempty"`
	Reason     Reason    `json:"reason,omitempty"`
	Response   string    `json:"response,omitempty"`
	Next       time.Time `json:"next,omitzero"` // when another attempt is due; zero when none is
	SignedBy   []string  `json:"signed_by,omitempty"`

	URL           string  `json:"url"` // empty for JobTarget, whose event has it
	Profile       Profile `json:"profile,omitempty"`
	IncludeResult bool    `json:"include_result,omitempty"`
}

// Key is the delivery's.
func (r RetryMessage) Key() DeliveryKey {
	return DeliveryKey{Account: r.Account, EndpointID: r.EndpointID, MessageID: r.MessageID, AcceptedAt: r.AcceptedAt.UTC()}
}

// Retry is the message for a delivery's next attempt.
func (d Delivery) Retry() RetryMessage {
	return RetryMessage{
		Version: Layout, MessageID: d.MessageID, Account: d.Account, EndpointID: d.EndpointID,
		AcceptedAt: d.AcceptedAt, Attempt: d.NextNumber(), Due: d.NextAttemptAt,
	}
}

// ParseRetry reads a retry queue message's body.
func ParseRetry(body []byte) (RetryMessage, error) {
	var r RetryMessage
	if err := json.Unmarshal(body, &r); err != nil {
		return RetryMessage{}, fmt.Errorf("retry message: %w", err)
	}
	if err := CheckLayout(r.Version); err != nil {
		return RetryMessage{}, fmt.Errorf("retry message: %w", err)
	}
	if r.MessageID == "" || r.EndpointID == "" || r.Account == "" || r.Attempt < 1 || r.AcceptedAt.IsZero() {
		return RetryMessage{}, errors.New("retry message: message_id, account, endpoint_id, accepted_at and attempt are required")
	}
	return r, nil
}

// AcceptedMessage tells dispatch of an event that the API has already stored.
type AcceptedMessage struct {
	Form      string `json:"jobhook"` // AcceptedForm; the first member, see acceptedStart
	Version   int    `json:"v"`       // Layout
	MessageID string `json:"message_id"`
	Account   string `json:"account"`
}

// AcceptedForm marks an AcceptedMessage among the completions.
const AcceptedForm = "accepted"

// acceptedStart begins every AcceptedMessage and no completion, so that one is
// told from the other without a parse.
var acceptedStart = []byte(`{"jobhook":"` + AcceptedForm + `",`)

// ParseAccepted reads a completions queue message's body; ok is false when it
// is something else.
func ParseAccepted(body []byte) (a AcceptedMessage, ok bool, err error) {
	if !bytes.HasPrefix(body, acceptedStart) {
		return AcceptedMessage{}, false, nil
	}
	if err := json.Unmarshal(body, &a); err != nil {
		return AcceptedMessage{}, true, fmt.Errorf("accepted message: %w", err)
	}
	if err := CheckLayout(a.Version); err != nil {
		return AcceptedMessage{}, true, fmt.Errorf("accepted message: %w", err)
	}
	if a.MessageID == "" || a.Account == "" {
		return AcceptedMessage{}, true, errors.New("accepted message: message_id and account are required")
	}
	return a, true, nil
}

// Encode writes a RetryMessage or an AcceptedMessage as a message body.
func Encode[T RetryMessage | AcceptedMessage](v T) []byte {
	body, err := json.Marshal(v)
	if err != nil { // strings, ints and times in range always marshal
		panic(err)
	}
	return body
}
