// Package webhook holds what jobhook is about: the event that a finished job
// makes, the endpoints that want it, the delivery of the one to the other, and
// that delivery's attempts. It decides how a delivery's state moves and
// nothing else: no AWS, no clock, no randomness.
package webhook

import "errors"

var (
	// ErrLost says that a conditional write found another state than the one
	// it was made for: somebody else was first. It is a normal answer.
	ErrLost = errors.New("another writer was first")
	// ErrNotFound says that there is no such record, or that it has expired.
	ErrNotFound = errors.New("not found")
	// ErrTooLarge says that a record can never be stored: it is larger than
	// the store takes (a DynamoDB item holds 400 KB).
	ErrTooLarge = errors.New("too large for one record")
	// ErrCursor says that a list's cursor is not one that the list gave out.
	ErrCursor = errors.New("not a cursor of this list")
)
