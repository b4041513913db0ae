package receiving

import (
	"context"
	"errors"
	"time"

	"github.com/jobhook/jobhook/shared/webhook"
)

// ErrUnknownSource says that no source of that name is configured.
var ErrUnknownSource = errors.New("unknown source")

// Directory finds a source. The error is ErrUnknownSource, or a fault of ours.
type Directory interface {
	Source(ctx context.Context, name string) (Source, error)
}

// Receipts keeps receipts; receiptstest is its contract. What has expired is
// treated as gone. Times are compared with the now that is given, never with
// the store's clock. A write that the same owner has already made, its answer
// lost on the way, is a success.
type Receipts interface {
	// Claim stores r, unless one stands that is Done or whose lease holds at
	// now: then the answer is webhook.ErrLost and the receipt that stands.
	Claim(ctx context.Context, r webhook.Receipt, now time.Time) (standing webhook.Receipt, err error)
	// Complete makes a receipt Done, or answers webhook.ErrLost when owner no
	// longer holds it.
	Complete(ctx context.Context, k webhook.ReceiptKey, owner string) error
	// Release removes the receipt that owner holds and has not completed, or
	// answers webhook.ErrLost when another holds it or it is Done. That there
	// is none is a success.
	Release(ctx context.Context, k webhook.ReceiptKey, owner string) error
}

// Inbox takes what was received. An error says that it may not have it.
type Inbox interface {
	Send(ctx context.Context, m Message) error
}
