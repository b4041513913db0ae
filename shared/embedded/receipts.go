package embedded

import (
	"context"
	"errors"
	"time"

	"github.com/jobhook/jobhook/shared/webhook"
)

// receiptSweep is how many expired records a claim removes: more than one, so
// that the file does not grow when webhooks arrive more slowly than before.
const receiptSweep = 4

// receiptSize is about what a receipt adds to the file.
const receiptSize = 512

// Receipts keeps receive's idempotency keys.
type Receipts struct{ db *DB }

// Receipts returns the file's store of receipts.
func (db *DB) Receipts() *Receipts { return &Receipts{db} }

// Claim stores r unless there is one that is done or whose lease holds at now:
// then the answer is webhook.ErrLost and that receipt. A lease of a process
// that has ended does not hold.
func (s *Receipts) Claim(ctx context.Context, r webhook.Receipt, now time.Time) (standing webhook.Receipt, err error) {
	var found webhook.Receipt
	err = s.write(ctx, func(t *txn) error {
		found = webhook.Receipt{}
		old, epoch, there, err := t.receipt(r.Key)
		if err != nil {
			return err
		}
		held := epoch == t.epoch || old.State == webhook.ReceiptDone
		if there && held && old.Owner != r.Owner && old.At(now) != webhook.Free {
			found = old
			return webhook.ErrLost
		}
		t.sweepExpiring(now, receiptSweep)
		t.putReceipt(r)
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
	return s.write(ctx, func(t *txn) error {
		r, _, there, err := t.receipt(k)
		if err != nil {
			return err
		}
		if !there || r.Owner != owner {
			return webhook.ErrLost
		}
		r.State, r.Until = webhook.ReceiptDone, time.Time{}
		t.putReceipt(r)
		return nil
	})
}

// Release removes the receipt that owner holds and has not completed, or
// answers webhook.ErrLost when another holds it or it is done.
func (s *Receipts) Release(ctx context.Context, k webhook.ReceiptKey, owner string) error {
	return s.write(ctx, func(t *txn) error {
		r, _, there, err := t.receipt(k)
		if err != nil || !there {
			return err
		}
		if r.Owner != owner || r.State == webhook.ReceiptDone {
			return webhook.ErrLost
		}
		t.deleteExpiring(receipts, receiptKey(k))
		return nil
	})
}

func (s *Receipts) write(ctx context.Context, apply func(*txn) error) error {
	return s.db.write(ctx, &write{size: receiptSize, apply: apply})
}

func receiptKey(k webhook.ReceiptKey) []byte {
	return append(appendName(make([]byte, 0, 2+len(k.Source)+len(k.ID)), k.Source), k.ID...)
}

// receipt reads a receipt, expired or not. epoch is of the opening that wrote it.
func (t *txn) receipt(k webhook.ReceiptKey) (r webhook.Receipt, epoch uint64, there bool, err error) {
	raw := t.get(receipts, receiptKey(k))
	if raw == nil {
		return webhook.Receipt{}, 0, false, nil
	}
	d := openRecord(raw)
	r = webhook.Receipt{Key: k, Owner: d.text(), ExpiresAt: d.time(), State: webhook.ReceiptState(d.text()), Until: d.time(), Digest: d.text()}
	epoch = d.uint()
	return r, epoch, true, d.err("receipt")
}

func (t *txn) putReceipt(r webhook.Receipt) {
	record := newRecord(receiptSize).text(r.Owner).time(r.ExpiresAt).text(string(r.State)).time(r.Until).text(r.Digest).uint(t.epoch)
	t.putExpiring(receipts, receiptKey(r.Key), record)
}
