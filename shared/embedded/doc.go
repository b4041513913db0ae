// Package embedded keeps jobhook's store and its delay queues in one file, for
// `jobhook local` and for tests. It is durable: what was answered is on disk,
// also after kill -9 or a power cut.
//
// Whoever writes applies its ops itself, one caller at a time: they are checked,
// put into an ordered map in memory, the overlay, and added to a log as one frame.
// Then one of those who wait writes all frames to the log and syncs it, for all of
// them, while the next ones are applied: many share one fdatasync and nobody waits
// for a timer. Reading sees the overlay over the file (bbolt). When the overlay is
// full, another takes its place and a checkpoint writes it into the file meanwhile;
// writing waits only when it has not ended before the next is full. So memory does
// not grow with what is kept, and what is put and deleted between two checkpoints
// never costs the file a page. Opening replays the log. See
// docs/decisions/0018-embedded-log.md.
//
// Some writes are lazy: they are answered before they are in the log. These are
// claims of events and deliveries, and deletions of messages. The next sync has
// them, at the latest one 20 ms later. A crash may forget them, which makes a
// message be redelivered, as a crash just before the write would. The log is in
// order: whatever is durable later has made them durable, too. Durable when
// answered are accepted events and sent messages, outcomes, and changes of
// endpoints, notes and receipts. That holds for refusals, too: what refused them
// is on disk.
//
// Reading sees an op before it is on disk. Nothing is promised by it that a crash
// could take back: whatever is written on the strength of it is behind it in the
// log, and a message is received only when it is on disk.
//
// When the log cannot be written or synced, all who wait for it get the error.
// What they have written stays in memory, and whether it has landed is open. Later
// writes are refused until the file has all that is in memory, and a new log could
// be made. Reading goes on.
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
