// Package intake reads completions: what a platform says when a job is done.
// It is pure.
package intake

import (
	"cmp"
	"encoding/json"
	"fmt"
	"time"

	"github.com/jobhook/jobhook/shared/webhook"
)

// DefaultMaxResult bounds a completion's result and error together, in bytes
// of JSON without white space: what a DynamoDB item (400 KB) holds even when
// it does not compress, with room for the rest of the record.
const DefaultMaxResult = 256 << 10

// Rules are what an operator may set about completions.
type Rules struct {
	MaxResult int            // bytes; DefaultMaxResult when 0
	Oversize  OversizeResult // OmitResult when empty
	Retention time.Duration  // how long the event is kept
}

// OversizeResult says what becomes of a completion whose result and error are
// over Rules.MaxResult.
type OversizeResult string

// The ways to treat an oversize result.
const (
	OmitResult   OversizeResult = "omit"   // the event goes without its result, and says so
	RejectResult OversizeResult = "reject" // the completion is rejected
)

// ParseOversizeResult returns the way of a name; its error lists the names.
func ParseOversizeResult(name string) (OversizeResult, error) {
	switch o := OversizeResult(name); o {
	case OmitResult, RejectResult:
		return o, nil
	}
	return "", fmt.Errorf("unknown way to treat an oversize result: %s or %s is needed", OmitResult, RejectResult)
}

// Error says what is wrong with a completion and what would be right. It
// quotes nothing of the completion's result.
type Error struct {
	Field    string // "callback_url"; empty when it is no one field
	Want     string // what is wrong and what would be right
	TooLarge bool   // it is its size that is wrong
}

func (e *Error) Error() string {
	if e.Field == "" {
		return e.Want
	}
	return e.Field + ": " + e.Want
}

func invalid(field, want string) *Error { return &Error{Field: field, Want: want} }

// Completion is what Parse has read.
type Completion struct {
	Event webhook.Event
	// Unknown names the completion's members that jobhook does not know, in
	// their order: at most 10, each cut to 64 bytes, unprintable characters
	// replaced. They change nothing else.
	Unknown []string
}

// Parse reads a completion as it comes from EventBridge (the whole event) or
// alone. account, when not empty, is whose it is whatever it says (the API has
// it in the path). Bad input is an *Error. The event keeps nothing of body.
func Parse(body []byte, account string, now time.Time, rules Rules) (Completion, error) {
	m, sent, err := read(body)
	if err != nil {
		return Completion{}, err
	}
	f, err := m.fields()
	if err != nil {
		return Completion{}, err
	}
	if account != "" {
		if f.Account != "" && f.Account != account {
			return Completion{}, invalid("account", "differs from the account in the path; leave it out")
		}
		f.Account = account
	}
	if err := f.fill(); err != nil {
		return Completion{}, err
	}
	e := webhook.Event{
		MessageID: webhook.MessageID(f.Account, f.ID, f.EventID), EventID: f.EventID, Type: f.EventType, Account: f.Account,
		Job:             webhook.Job{ID: f.ID, Status: f.Status, Type: f.Type},
		AcceptedAt:      now.UTC().Truncate(time.Millisecond),
		ExpiresAt:       now.UTC().Add(rules.Retention + time.Second - 1).Truncate(time.Second),
		CallbackURL:     f.CallbackURL,
		CallbackProfile: f.CallbackProfile,
	}
	if e.OccurredAt, err = f.occurred(sent, e.AcceptedAt); err != nil {
		return Completion{}, err
	}
	if e.Result, e.Error, err = m.outcome(rules); err != nil {
		return Completion{}, err
	}
	e.Hash = webhook.ContentHash(e, f.OccurredAt, m.values[result])
	e.ResultOmitted = e.Result == nil && m.values[result] != nil
	return Completion{Event: e, Unknown: m.unknown}, nil
}

// outcome is the result and the error, which are held to the limit together.
func (m *members) outcome(rules Rules) (res, failed json.RawMessage, err error) {
	limit := cmp.Or(rules.MaxResult, DefaultMaxResult)
	res, failed = m.values[result], m.values[failure]
	if string(failed) == "null" {
		failed = nil
	}
	if failed != nil && failed[0] != '"' && failed[0] != '{' {
		return nil, nil, invalid("error", "must be a string or an object")
	}
	const fetch = "put the rest where the customer can fetch it and send its address"
	switch size := len(res) + len(failed); {
	case size <= limit:
		return res, failed, nil
	case rules.Oversize == RejectResult:
		return nil, nil, &Error{Field: "result", TooLarge: true, Want: fmt.Sprintf(
			"result and error are %d bytes; the maximum is %d: %s", size, limit, fetch)}
	case len(failed) > limit:
		return nil, nil, &Error{Field: "error", TooLarge: true, Want: fmt.Sprintf(
			"is %d bytes; the maximum is %d: %s", len(failed), limit, fetch)}
	}
	return nil, failed, nil
}
