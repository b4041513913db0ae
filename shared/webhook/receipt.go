package webhook

import "time"

// ReceiptKey names a receipt: ids of one source say nothing about another's.
type ReceiptKey struct {
	Source string // the configured source's name
	ID     string // what identifies the webhook; 1 to 1,024 bytes of printable ASCII
}

// ReceiptState is where a received webhook stands.
type ReceiptState string

// The states that are stored.
const (
	ReceiptProcessing ReceiptState = "processing" // claimed; the inbox queue may not have it yet
	ReceiptDone       ReceiptState = "done"       // the inbox queue has it
)

// Receipt is the record of one webhook.
type Receipt struct {
	Key       ReceiptKey
	State     ReceiptState
	Owner     string    // a unique text for each request: who holds the lease, or finished
	Until     time.Time // end of the lease, in whole milliseconds; zero when Done
	ExpiresAt time.Time // gone from here on, deleted or not; in whole seconds
	Digest    string    // hex SHA-256 of the body, to tell a duplicate from a conflict
}

// Standing is what a receipt means to a newcomer.
type Standing int

// What a newcomer finds.
const (
	Free      Standing = iota // none that counts: it may be claimed
	Busy                      // another request is at work on it: come again
	Duplicate                 // it was received before
)

// At tells what the receipt means at now. A lease and an expiry end at their
// time, not after it.
func (r Receipt) At(now time.Time) Standing {
	switch {
	case !now.Before(r.ExpiresAt):
		return Free
	case r.State == ReceiptDone:
		return Duplicate
	case now.Before(r.Until):
		return Busy
	default:
		return Free
	}
}
