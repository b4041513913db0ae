// Package secrets finds the secrets that sign for an endpoint or for an
// account's jobs' own URLs, and seals the endpoints' own for the database.
//
// Where the stack's signing secret and sealing key come from is a Source:
// shared/secretsmanager on AWS, a file in `jobhook local`. This package imports
// no AWS, reads no clock and no randomness.
package secrets

import (
	"context"
	"errors"
	"fmt"
	"io"
	"time"

	"github.com/jobhook/jobhook/shared/webhook"
)

// ErrUnknown says that a source has no secret of that name.
var ErrUnknown = errors.New("no secret of this name")

// Source holds secrets by name.
type Source interface {
	// Versions returns the secret's versions, newest first and at least one. A
	// version whose Until has passed signs no more, but may still be needed to
	// open what was sealed with it. An error is an
	// internal one and names the secret.
	Versions(ctx context.Context, name string, now time.Time) ([]Version, error)
}

// Version is one version of a secret.
type Version struct {
	Text Text
	// Accounts are secrets that single accounts have instead of Text, by
	// account. Only the signing secret has them.
	Accounts map[string]Text
	Until    time.Time // it signs until then; zero: no end is set
}

// valid says whether the version signs at now.
func (v Version) valid(now time.Time) bool { return v.Until.IsZero() || now.Before(v.Until) }

// gives says whether the version gives text to an account other than this one.
func (v Version) gives(text Text, account string) bool {
	for other, its := range v.Accounts {
		if other != account && its.Reveal() == text.Reveal() {
			return true
		}
	}
	return account != webhook.DefaultAccount && v.Text.Reveal() == text.Reveal()
}

// Text is a secret's text. However it is printed it shows as "[secret]".
type Text struct {
	hidden func() string // fmt walks into anything else
}

// NewText hides a text.
func NewText(s string) Text { return Text{func() string { return s }} }

// Reveal returns the text, for deriving a key; never for a log.
func (t Text) Reveal() string {
	if t.hidden == nil {
		return ""
	}
	return t.hidden()
}

// Format writes "[secret]" for every verb.
func (Text) Format(f fmt.State, _ rune) { _, _ = io.WriteString(f, "[secret]") }

// MarshalText returns "[secret]".
func (Text) MarshalText() ([]byte, error) { return []byte("[secret]"), nil }
