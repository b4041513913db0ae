// Package intake reads completions: what a platform says when a job is done.
// It is pure.
package intake

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/jobhook/jobhook/shared/payload"
	"github.com/jobhook/jobhook/shared/webhook"
)

// DefaultMaxResult bounds a completion's result and error together, in bytes
// of JSON without white space: what a DynamoDB item (400 KB) holds even when
// it does not compress, with room for the rest of the record.
const DefaultMaxResult = 256 << 10

// DefaultAccount is whose a completion is that names no account.
const DefaultAccount = "default"

// Rules are what an operator may set about completions.
type Rules struct {
	MaxResult int             // bytes; DefaultMaxResult when 0
	Profile   payload.Profile // of job-level URLs that name none; payload.Standard when empty
	Retention time.Duration   // how long the event is kept
}

// Error says what is wrong with a completion and what would be right. It
// quotes nothing of the completion's result.
type Error struct {
	Field    string // "callback_url"; empty when the whole is at fault
	Want     string // what is wrong and what would be right
	TooLarge bool   // the fault is its size
}

func (e *Error) Error() string {
	if e.Field == "" {
		return e.Want
	}
	return e.Field + ": " + e.Want
}

func fault(field, want string) *Error { return &Error{Field: field, Want: want} }

// completion is the wire form; see section 7 of the design.
type completion struct {
	ID              string          `json:"id"`
	Status          string          `json:"status"`
	Type            string          `json:"type"`
	Account         string          `json:"account"`
	Result          json.RawMessage `json:"result"`
	Error           json.RawMessage `json:"error"`
	CallbackURL     string          `json:"callback_url"`
	CallbackProfile string          `json:"callback_profile"`
	EventType       string          `json:"event_type"`
	EventID         string          `json:"event_id"`
	OccurredAt      string          `json:"occurred_at"`
}

// envelope is an EventBridge event, or a completion alone: one reading tells
// which.
type envelope struct {
	DetailType *string         `json:"detail-type"`
	Time       string          `json:"time"`
	Detail     json.RawMessage `json:"detail"`
	completion
}

// Parse reads a completion as it comes from EventBridge (the whole event) or
// alone. account, when not empty, is whose it is whatever it says (the API has
// it in the path). Bad input is an *Error.
func Parse(body []byte, account string, now time.Time, rules Rules) (webhook.Event, error) {
	var env envelope
	err := decode(body, &env)
	c, fallback := env.completion, now
	if env.DetailType != nil && env.Detail != nil {
		c = completion{}
		err = decode(env.Detail, &c)
		if t, timeErr := time.Parse(time.RFC3339, env.Time); timeErr == nil {
			fallback = t
		}
	}
	if err != nil {
		return webhook.Event{}, err
	}
	if account != "" {
		if c.Account != "" && c.Account != account {
			return webhook.Event{}, fault("account", "differs from the account in the path; leave it out")
		}
		c.Account = account
	}
	return c.event(fallback, now, rules)
}

// decode explains what encoding/json says without quoting the input.
func decode(body []byte, into any) error {
	if len(bytes.TrimSpace(body)) == 0 {
		return fault("", "the body is empty; send a JSON object with id, status and type")
	}
	err := json.Unmarshal(body, into)
	if wrong, ok := errors.AsType[*json.UnmarshalTypeError](err); ok {
		if wrong.Field == "" {
			return fault("", fmt.Sprintf("a JSON %s; it must be an object with id, status and type", wrong.Value))
		}
		return fault(strings.TrimPrefix(wrong.Field, "completion."), fmt.Sprintf("is a JSON %s; it must be a string", wrong.Value))
	}
	if syntax, ok := errors.AsType[*json.SyntaxError](err); ok {
		return fault("", fmt.Sprintf("not JSON: it breaks off or goes wrong at byte %d", syntax.Offset))
	}
	if err != nil {
		return fault("", "not JSON")
	}
	return nil
}

func (c completion) event(fallback, now time.Time, rules Rules) (webhook.Event, error) {
	if err := c.fill(); err != nil {
		return webhook.Event{}, err
	}
	e := webhook.Event{
		MessageID: webhook.MessageID(c.Account, c.EventID), EventID: c.EventID, Type: c.EventType, Account: c.Account,
		Job:         payload.Job{ID: c.ID, Status: c.Status, Type: c.Type},
		AcceptedAt:  now.UTC(),
		ExpiresAt:   now.UTC().Add(rules.Retention),
		CallbackURL: c.CallbackURL,
	}
	var err error
	if e.OccurredAt, err = c.occurred(fallback); err != nil {
		return webhook.Event{}, err
	}
	if e.CallbackProfile, err = c.profile(rules.Profile); err != nil {
		return webhook.Event{}, err
	}
	if e.Result, e.Error, err = c.content(rules.MaxResult); err != nil {
		return webhook.Event{}, err
	}
	e.Hash = webhook.ContentHash(e, c.OccurredAt)
	return e, nil
}

func (c completion) occurred(fallback time.Time) (time.Time, error) {
	if c.OccurredAt == "" {
		return fallback.UTC(), nil
	}
	t, err := time.Parse(time.RFC3339, c.OccurredAt)
	if err != nil {
		return time.Time{}, fault("occurred_at", `is not an RFC 3339 time; write it like "2026-11-20T12:00:00Z"`)
	}
	return t.UTC(), nil
}

func (c completion) profile(fallback payload.Profile) (payload.Profile, error) {
	switch {
	case c.CallbackProfile != "":
		p, err := payload.ParseProfile(c.CallbackProfile)
		if err != nil {
			return "", fault("callback_profile", err.Error())
		}
		return p, nil
	case c.CallbackURL == "":
		return "", nil
	case fallback == "":
		return payload.Standard, nil
	}
	return fallback, nil
}

// content makes result and error canonical and holds them to the limit.
func (c completion) content(limit int) (result, failure json.RawMessage, err error) {
	if limit == 0 {
		limit = DefaultMaxResult
	}
	if result, err = canonical("result", c.Result); err != nil {
		return nil, nil, err
	}
	if failure, err = canonical("error", c.Error); err != nil {
		return nil, nil, err
	}
	if string(failure) == "null" {
		failure = nil
	}
	if failure != nil && failure[0] != '"' && failure[0] != '{' {
		return nil, nil, fault("error", "must be a string or an object")
	}
	if size := len(result) + len(failure); size > limit {
		return nil, nil, &Error{Field: "result", TooLarge: true, Want: fmt.Sprintf(
			"result and error are %d bytes; at most %d are possible: put the rest where the customer can fetch it and send its address", size, limit)}
	}
	return result, failure, nil
}

func canonical(field string, raw json.RawMessage) (json.RawMessage, error) {
	if raw == nil {
		return nil, nil
	}
	out, err := payload.Canonical(nil, raw)
	if err != nil {
		return nil, fault(field, err.Error())
	}
	return out, nil
}
