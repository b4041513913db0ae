// Package webhook holds what jobhook is about: the event that a finished job
// makes, the endpoints that want it, the delivery of the one to the other, and
// that delivery's attempts. It decides how a delivery's state moves, says what
// a store must do, and nothing else: no AWS, no clock, no randomness.
package webhook

import (
	"errors"
	"fmt"
)

var (
	// ErrLost says that a conditional write found another state than the one
	// it was made for: another writer was first. It is a normal answer.
	ErrLost = errors.New("another writer was first")
	// ErrNotFound says that there is no such record, or that it has expired.
	ErrNotFound = errors.New("not found")
	// ErrTooLarge says that a record can never be stored: it is larger than
	// the store accepts (a DynamoDB item holds 400 KB).
	ErrTooLarge = errors.New("too large for one record")
	// ErrCursor says that a list's cursor is not one that the list gave out.
	ErrCursor = errors.New("not a cursor of this list")
)

// Layout is the version of records and queue messages that this build writes
// and reads.
const Layout = 1

// CheckLayout refuses what a newer build has written, with an error that says
// so: read by this one, it could be misunderstood. It stays where it is and is
// read after the next deployment.
func CheckLayout(version int) error {
	if version > Layout {
		return fmt.Errorf("written by a newer version of jobhook (layout %d; this one reads %d): deploy that version again", version, Layout)
	}
	return nil
}
