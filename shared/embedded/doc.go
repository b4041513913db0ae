// Package embedded keeps jobhook's store and its delay queues in one file, for
// `jobhook local` and for tests. It is durable: what was answered is on disk,
// also after kill -9 or a power cut.
//
// One goroutine writes. It takes all the writes that wait, runs them in one
// transaction of the file and answers them all when that is on disk, so that
// many writers share one fsync and nobody waits for a timer.
//
// One process holds the file at a time. What another process had under way
// when it died therefore belongs to nobody: its leases count as run out and
// its messages are visible again as soon as the file is opened.
package embedded

import "errors"

var (
	// ErrInUse says that another process holds the directory. The error that
	// wraps it names the directory.
	ErrInUse = errors.New("another jobhook is running")
	// ErrFormat says that the file is damaged, or no file of this version of
	// jobhook. The error that wraps it names the file.
	ErrFormat = errors.New("not a data file that this jobhook can read")
	// ErrEarlier ends the sentence that begins with the name of a file of the
	// first format.
	ErrEarlier = errors.New("was written by an earlier jobhook that no release reads: move it away or choose another directory with --data")
	// ErrClosed answers every call after Close.
	ErrClosed = errors.New("the data file is closed")
	// ErrTooLarge says that a message's body is over MaxBody.
	ErrTooLarge = errors.New("message body is too large")

	errRecord = errors.New("record cannot be read (damaged, or written by another version of jobhook)")
)
