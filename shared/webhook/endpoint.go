package webhook

import (
	"strings"
	"time"

	"github.com/jobhook/jobhook/shared/payload"
)

// Endpoint is where a customer wants events sent, and how.
type Endpoint struct {
	ID            string
	Account       string
	URL           string
	Events        []string // exact types, "prefix.*", or "*"
	Profile       payload.Profile
	IncludeResult bool
	Headers       map[string]string // sent with every POST; not secret
	Description   string
	Enabled       bool
	// DisabledReason says why jobhook itself disabled it ("gone"); empty
	// when it is enabled or its owner disabled it.
	DisabledReason string
	Secrets        []SealedSecret // newest first; none: the stack's signing secret
	CreatedAt      time.Time
	UpdatedAt      time.Time
	Rev            string // changes with every write; conditional writes compare it
}

// SealedSecret is one of an endpoint's secrets as it lies in the database.
type SealedSecret struct {
	Sealed string // sealing.Seal's output; empty when Ref is set
	Ref    string // name of a Secrets Manager secret; empty when Sealed is set
	// ExpiresAt ends its validity after a rotation; zero: it is the current one.
	ExpiresAt time.Time
}

// Valid returns the secrets that still sign at now, newest first.
func (e Endpoint) Valid(now time.Time) []SealedSecret {
	var valid []SealedSecret
	for _, s := range e.Secrets {
		if s.ExpiresAt.IsZero() || now.Before(s.ExpiresAt) {
			valid = append(valid, s)
		}
	}
	return valid
}

// Wants says whether the endpoint chose this event type, enabled or not.
func (e Endpoint) Wants(eventType string) bool {
	for _, pattern := range e.Events {
		if Match(pattern, eventType) {
			return true
		}
	}
	return false
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

// Disable returns the endpoint as it is after it answered 410 Gone at that time.
func (e Endpoint) Disable(at time.Time) Endpoint {
	e.Enabled, e.DisabledReason, e.UpdatedAt = false, Gone, at
	return e
}
