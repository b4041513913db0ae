package embedded

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/jobhook/jobhook/shared/webhook"
)

// receiptSweep is how many expired records a claim removes: more than one, so
// that the file does not grow when webhooks arrive more slowly than before.
const receiptSweep = 4

// Receipts keeps receive's idempotency keys.
type Receipts struct{ db *DB }

// Receipts returns the file's store of receipts.
func (db *DB) Receipts() *Receipts { return &Receipts{db} }

// Claim stores r unless there is one that is done or whose lease holds at now:
// then the answer is webhook.ErrLost and that receipt. A lease of a process
// that has ended does not hold.
func (s *Receipts) Claim(ctx context.Context, r webhook.Receipt, now time.Time) (standing webhook.Receipt, err error) {
	var found webhook.Receipt
	err = s.write(ctx, r.Key, func(t *txn, old *webhook.Receipt) error {
		if found = (webhook.Receipt{}); old != nil && old.Owner != r.Owner && old.At(now) != webhook.Free {
			found = *old
			return webhook.ErrLost
		}
		t.sweepExpiring(now, receiptSweep)
		t.putExpiring(receipts, receiptKey(r.Key), encode(t.epoch, 256, &r))
		return nil
	})
	if errors.Is(err, webhook.ErrLost) {
		return found, err
	}
	return webhook.Receipt{}, err
}

// Complete makes a receipt done, or answers webhook.ErrLost when owner no
// longer holds it.
func (s *Receipts) Complete(ctx context.Context, k webhook.ReceiptKey, owner string) error {
	return s.write(ctx, k, func(t *txn, r *webhook.Receipt) error {
		if r == nil || r.Owner != owner {
			return webhook.ErrLost
		}
		r.State, r.Until = webhook.ReceiptDone, time.Time{}
		t.putExpiring(receipts, receiptKey(r.Key), encode(t.epoch, 256, r))
		return nil
	})
}

// Release removes the receipt that owner holds and has not completed, or
// answers webhook.ErrLost when another holds it or it is done.
func (s *Receipts) Release(ctx context.Context, k webhook.ReceiptKey, owner string) error {
	return s.write(ctx, k, func(t *txn, r *webhook.Receipt) error {
		switch {
		case r == nil:
			return nil
		case r.Owner != owner || r.State == webhook.ReceiptDone:
			return webhook.ErrLost
		}
		t.putExpiring(receipts, receiptKey(k), nil)
		return nil
	})
}

// write applies a change to what is there under k, expired or not: nil when
// there is nothing.
func (s *Receipts) write(ctx context.Context, k webhook.ReceiptKey, apply func(*txn, *webhook.Receipt) error) error {
	return s.db.write(ctx, &write{apply: func(t *txn) error {
		r, err := find[webhook.Receipt](t, receipts, receiptKey(k))
		if err != nil {
			return fmt.Errorf("receipt: %w", err)
		}
		if r != nil {
			r.Key = k
		}
		return apply(t, r)
	}})
}

func receiptKey(k webhook.ReceiptKey) []byte { return nameKey(k.ID, k.Source) }
