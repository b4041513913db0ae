package webhook

import (
	"slices"
	"strings"
	"time"
)

// Endpoint is where a customer wants events sent, and how. The one whose ID is
// JobTarget holds an account's settings for its jobs' own URLs: it has no URL
// and no events of its own, and stands for itself until it is set (JobDefaults).
type Endpoint struct {
	ID            string
	Account       string
	URL           string
	Events        []string // exact types, "prefix.*", or "*"
	Profile       Profile
	IncludeResult bool
	Headers       map[string]string // sent with every POST; not secret
	Description   string
	Schedule      string // as schedule.Parse reads it; empty: the stack's
	Enabled       bool
	// DisabledReason says why jobhook itself disabled it ("gone"); empty
	// when it is enabled or its owner disabled it.
	DisabledReason string
	Secrets        []SealedSecret // newest first
	Health         Health
	CreatedAt      time.Time // this and the others in whole milliseconds
	UpdatedAt      time.Time
	// RemovedAt is set on what is left of a removed endpoint until its last
	// delivery has expired, ExpiresAt (in whole seconds).
	RemovedAt time.Time
	ExpiresAt time.Time
	Rev       string // changes with every write but that of Health; conditional writes compare it
}

// SealedSecret is one of an endpoint's secrets as it lies in the database.
type SealedSecret struct {
	Sealed string // secrets.Seal's output; empty when Ref is set
	Ref    string // name of a Secrets Manager secret; empty when Sealed is set
	// CreatedAt is bound into Sealed, in whole milliseconds.
	CreatedAt time.Time
	// ExpiresAt ends its validity after a rotation; zero: it is the current one.
	ExpiresAt time.Time
}

// Health is what attempts have shown of an endpoint. It is written apart from
// the rest, at most once a minute, and cleared by the first success.
type Health struct {
	FailingSince time.Time // zero: it does not fail
	SlowUntil    time.Time
	PausedUntil  time.Time
}

// JobDefaults is an account's job record before it is set.
func JobDefaults(account string, p Profile) Endpoint {
	return Endpoint{ID: JobTarget, Account: account, Profile: p, IncludeResult: true, Enabled: true}
}

// Removed says whether the endpoint has been removed.
func (e Endpoint) Removed() bool { return !e.RemovedAt.IsZero() }

// Valid returns the secrets that still sign at now, newest first.
func (e Endpoint) Valid(now time.Time) []SealedSecret {
	return slices.DeleteFunc(slices.Clone(e.Secrets), func(s SealedSecret) bool { return !s.ExpiresAt.IsZero() && !now.Before(s.ExpiresAt) })
}

// Wants says whether the endpoint chose this event type, enabled or not.
func (e Endpoint) Wants(eventType string) bool {
	return !e.Removed() && slices.ContainsFunc(e.Events, func(pattern string) bool { return Match(pattern, eventType) })
}

// Match says whether an event type falls under a pattern: an exact type,
// "prefix.*" for all that begin with "prefix.", or "*" for all.
func Match(pattern, eventType string) bool {
	if pattern == "*" {
		return true
	}
	if prefix, ok := strings.CutSuffix(pattern, "*"); ok && strings.HasSuffix(prefix, ".") {
		return strings.HasPrefix(eventType, prefix) && len(eventType) > len(prefix)
	}
	return pattern == eventType
}

// Gone is the DisabledReason of an endpoint that answered 410.
const Gone = "gone"

// DisableGone returns the endpoint as it is after url answered 410 Gone at that
// time. ok is false when there is nothing to disable: it is another URL by now,
// disabled or removed already, or changed by its owner since the answer; or it
// is the jobs' settings, of which no URL can speak.
func (e Endpoint) DisableGone(url string, answered, now time.Time) (off Endpoint, ok bool) {
	if e.ID == JobTarget || e.Removed() || !e.Enabled || e.URL != url || e.UpdatedAt.After(answered) {
		return e, false
	}
	e.Enabled, e.DisabledReason, e.UpdatedAt = false, Gone, milliseconds(now)
	return e, true
}
