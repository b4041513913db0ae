// Package signing signs outgoing webhooks and verifies incoming ones, both
// from one table of schemes, and knows the secrets' format and rotation.
//
// It is pure: it reads no clock and no randomness, and no error, log line or
// JSON text that comes from it holds a secret or a signature.
//
// Two kinds of keys are taken from one secret:
//
//   - Standard Webhooks (and Svix) use what the secret stands for: the decoded
//     part after "whsec_", an ed25519 key after "whsk_" or "whpk_", or, where
//     the secret has none of these forms, its own bytes.
//   - All other schemes use the bytes of the secret as the customer sees it,
//     a "whsec_" included.
//
// Sources: Standard Webhooks 1.0 (github.com/standard-webhooks), and the
// senders' own documentation for the rest; testdata/vectors.json holds vectors
// of every scheme, computed by two other implementations.
package signing

import "errors"

// What can be wrong with a request: match with errors.Is. Each text is short
// and tells nothing: it may be the answer to an unverified request.
var (
	ErrMissing   = errors.New("signature missing")
	ErrMalformed = errors.New("signature malformed")
	ErrStale     = errors.New("timestamp outside the tolerance")
	ErrMismatch  = errors.New("signature mismatch")
)

// ErrNoSecret says that no secret given can do what the scheme asks. It is an
// internal error, never the other side's.
var ErrNoSecret = errors.New("no usable secret")

// Error is why a request was not verified. Error says no more than its kind;
// Detail is for the engineer who holds the secret, and for the log.
type Error struct {
	Kind   error  // ErrMissing, ErrMalformed, ErrStale or ErrMismatch
	Header string // the invalid header, in canonical form
	Detail string // what is wrong and what would be right; no secret, no signature
}

func (e *Error) Error() string { return e.Kind.Error() }

// Unwrap returns the kind.
func (e *Error) Unwrap() error { return e.Kind }
