package embedded

import (
	"context"
	"encoding/binary"
	"errors"
	"time"

	"go.etcd.io/bbolt"

	"github.com/jobhook/jobhook/shared/receipt"
	"github.com/jobhook/jobhook/shared/webhook"
)

// Receive's receipts lie in two buckets of their own, made with the first one:
// source, id → receipt; and expiry in seconds, source, id → nothing.
var (
	receiptsBucket      = []byte("receipts")
	receiptExpiryBucket = []byte("receipt_expiry")
)

// receiptSweep is how many expired receipts a claim removes: more than one, so
// that the file does not grow when webhooks come more slowly than before.
const receiptSweep = 4

// Receipts keeps receive's idempotency keys.
type Receipts struct{ db *DB }

// Receipts returns the file's store of receipts.
func (db *DB) Receipts() *Receipts { return &Receipts{db} }

// Claim stores r unless one stands that is done or whose lease holds at now:
// then the answer is webhook.ErrLost and the receipt that stands. A lease of a
// process that is gone does not hold.
func (s *Receipts) Claim(ctx context.Context, r receipt.Receipt, now time.Time) (standing receipt.Receipt, err error) {
	var found receipt.Receipt
	err = s.write(ctx, func(t *receiptTxn) error {
		found = receipt.Receipt{}
		old, epoch, there, err := t.get(r.Key)
		if err != nil {
			return err
		}
		held := epoch == t.epoch || old.State == receipt.Done
		if there && held && old.Owner != r.Owner && old.At(now) != receipt.Free {
			found = old
			return webhook.ErrLost
		}
		t.sweep(now)
		t.put(old, r)
		return nil
	})
	if errors.Is(err, webhook.ErrLost) {
		return found, err
	}
	return receipt.Receipt{}, err
}

// Complete makes a receipt done, or answers webhook.ErrLost when owner no
// longer holds it.
func (s *Receipts) Complete(ctx context.Context, k receipt.Key, owner string) error {
	return s.write(ctx, func(t *receiptTxn) error {
		r, _, there, err := t.get(k)
		if err != nil {
			return err
		}
		if !there || r.Owner != owner {
			return webhook.ErrLost
		}
		old := r
		r.State, r.Until = receipt.Done, time.Time{}
		t.put(old, r)
		return nil
	})
}

// Release removes the receipt that owner holds and has not completed, or
// answers webhook.ErrLost when another holds it or it is done.
func (s *Receipts) Release(ctx context.Context, k receipt.Key, owner string) error {
	return s.write(ctx, func(t *receiptTxn) error {
		r, _, there, err := t.get(k)
		if err != nil || !there {
			return err
		}
		if r.Owner != owner || r.State == receipt.Done {
			return webhook.ErrLost
		}
		t.remove(r)
		return nil
	})
}

// receiptSize is about what a receipt adds to the file.
const receiptSize = 512

func (s *Receipts) write(ctx context.Context, apply func(*receiptTxn) error) error {
	return s.db.write(ctx, &write{size: receiptSize, apply: func(t *txn) error {
		r := receiptTxn{txn: t}
		if r.open(); t.fault != nil {
			return t.fault
		}
		return apply(&r)
	}})
}

// receiptTxn is a transaction that works on receipts.
type receiptTxn struct {
	*txn

	receipts, expiry *bbolt.Bucket
}

func (t *receiptTxn) open() {
	var err error
	if t.receipts, err = t.tx.CreateBucketIfNotExists(receiptsBucket); err != nil {
		t.broken(err)
		return
	}
	t.expiry, err = t.tx.CreateBucketIfNotExists(receiptExpiryBucket)
	t.broken(err)
}

// broken voids the transaction.
func (t *receiptTxn) broken(err error) {
	if err != nil && t.fault == nil {
		t.fault = err
	}
}

func receiptPlace(k receipt.Key) []byte {
	return append(appendName(make([]byte, 0, 2+len(k.Source)+len(k.ID)), k.Source), k.ID...)
}

func receiptExpiryKey(r receipt.Receipt) []byte {
	seconds := ordered(r.ExpiresAt.Unix())
	return append(binary.BigEndian.AppendUint64(nil, seconds), receiptPlace(r.Key)...)
}

func (t *receiptTxn) get(k receipt.Key) (r receipt.Receipt, epoch uint64, there bool, err error) {
	raw := t.receipts.Get(receiptPlace(k))
	if raw == nil {
		return receipt.Receipt{}, 0, false, nil
	}
	d := openRecord(raw)
	r = receipt.Receipt{Key: k, State: receipt.State(d.text()), Owner: d.text(), Until: d.time(), ExpiresAt: d.time(), Digest: d.text()}
	epoch = d.uint()
	return r, epoch, true, d.err("receipt")
}

func (t *receiptTxn) put(old, r receipt.Receipt) {
	if !old.ExpiresAt.IsZero() && !old.ExpiresAt.Equal(r.ExpiresAt) {
		t.broken(t.expiry.Delete(receiptExpiryKey(old)))
	}
	record := newRecord(receiptSize).text(string(r.State)).text(r.Owner).time(r.Until).time(r.ExpiresAt).text(r.Digest).uint(t.epoch)
	t.broken(t.receipts.Put(receiptPlace(r.Key), record))
	t.broken(t.expiry.Put(receiptExpiryKey(r), nil))
}

func (t *receiptTxn) remove(r receipt.Receipt) {
	t.broken(t.receipts.Delete(receiptPlace(r.Key)))
	t.broken(t.expiry.Delete(receiptExpiryKey(r)))
}

// sweep removes a few of those that have expired.
func (t *receiptTxn) sweep(now time.Time) {
	for range receiptSweep {
		key, _ := t.expiry.Cursor().First()
		if len(key) < 8 || binary.BigEndian.Uint64(key) > ordered(now.Unix()) {
			return
		}
		place := append([]byte(nil), key[8:]...)
		t.broken(t.expiry.Delete(append([]byte(nil), key...)))
		t.broken(t.receipts.Delete(place))
	}
}
