// Package intake reads completions: what a platform says when a job is done.
// It is pure.
package intake

import (
	"encoding/json"
	"fmt"
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
	ID, Status, Type, Account    string
	CallbackURL, CallbackProfile string
	EventType, EventID           string
	OccurredAt                   string
	Result, Error                json.RawMessage
}

// Parse reads a completion as it comes from EventBridge (the whole event) or
// alone. account, when not empty, is whose it is whatever it says (the API has
// it in the path). Members that it does not know are ignored. Bad input is an
// *Error. The event keeps nothing of body.
func Parse(body []byte, account string, now time.Time, rules Rules) (webhook.Event, error) {
	m, err := read(body)
	if err != nil {
		return webhook.Event{}, err
	}
	fallback := now
	if m.raw[mDetailType] != nil && m.raw[mDetail] != nil {
		if sent, err := m.text(mTime); err == nil {
			if t, err := time.Parse(time.RFC3339, sent); err == nil {
				fallback = t
			}
		}
		if m, err = read(m.raw[mDetail]); err != nil {
			return webhook.Event{}, err
		}
	}
	c, err := m.completion()
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

func (m *members) completion() (c completion, err error) {
	if m.twice != "" {
		return c, fault(m.twice, "is given twice; give it once")
	}
	for i, into := range map[int]*string{
		mID: &c.ID, mStatus: &c.Status, mType: &c.Type, mAccount: &c.Account, mCallbackURL: &c.CallbackURL,
		mCallbackProfile: &c.CallbackProfile, mEventType: &c.EventType, mEventID: &c.EventID, mOccurredAt: &c.OccurredAt,
	} {
		if *into, err = m.text(i); err != nil {
			return c, err
		}
	}
	c.Result, c.Error = m.raw[mResult], m.raw[mError]
	return c, nil
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
