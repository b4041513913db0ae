// Package secrets finds the secrets that sign for an endpoint: its own, sealed
// in its record or named in Secrets Manager, or else the stack's.
//
// Where the stack's signing secret and sealing key come from is a Source:
// shared/secretsmanager on AWS, a file or the environment in `jobhook local`.
// This package imports no AWS.
package secrets

import (
	"context"
	"errors"
	"fmt"
	"io"
	"time"
)

// ErrUnknown says that a source has no secret of that name.
var ErrUnknown = errors.New("no secret of this name")

// Source holds secrets by name.
type Source interface {
	// Versions returns the secret's versions, newest first and at least one. A
	// version whose Until has passed signs no more, but may still be needed to
	// open what was sealed with it. An error is a fault of ours.
	Versions(ctx context.Context, name string, now time.Time) ([]Version, error)
}

// Version is one version of a secret.
type Version struct {
	Text  Text
	Until time.Time // it signs until then; zero: no end is set
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
