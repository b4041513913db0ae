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
	"time"
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
