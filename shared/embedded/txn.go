package embedded

import (
	"encoding/binary"
	"errors"
	"fmt"
	"time"

	"go.etcd.io/bbolt"
	berrors "go.etcd.io/bbolt/errors"
)

// table is one of the file's buckets. Each table in use costs a transaction a
// few pages, so there are no more than needed.
type table int

const (
	meta        table = iota // "format", "epoch"
	ids                      // message id → seq
	events                   // seq → event; written in order, rewritten only without its payload
	work                     // seq, target → delivery; seq, "" → the event's claim
	deliverLog               // account, endpoint, accepted at, message id → status
	recoverable              // account, endpoint or "", settled at, seq, target → status
	endpoints                // account, id → endpoint; account, "" → generation
	failing                  // failing since, account, id → nothing
	notes                    // kind, owner, id → note
	receipts                 // source, id → receipt
	queues                   // queue, visible at, seq → message
	expiry                   // minute, block of seqs → nothing: where Sweep must look for events
	expiring                 // expires at, table, key → nothing: what else Sweep must remove
	tables
)

var tableNames = [tables]string{
	"meta", "ids", "events", "work", "log", "recoverable", "endpoints", "failing", "notes", "receipts", "queues", "expiry", "expiring",
}

// fill is how full a page is left when it splits: nearly full where keys come
// in order, so that pages behind the front are not half empty for ever.
var fill = [tables]float64{
	meta: 0.5, ids: 0.5, events: 1, work: 0.9, deliverLog: 0.9, recoverable: 0.9, endpoints: 0.5, failing: 0.5, notes: 0.5,
	receipts: 0.5, queues: 0.9, expiry: 0.9, expiring: 0.9,
}

// txn is one transaction of the file.
type txn struct {
	tx    *bbolt.Tx
	open  [tables]*bbolt.Bucket
	now   time.Time
	epoch uint64
	noted expiryMark // see noteExpiry
	// failure is of a put or delete half-way through an op: the transaction is
	// void then. An op's own refusal comes before its first put.
	failure error
}

func (t *txn) bucket(b table) *bbolt.Bucket {
	if t.open[b] == nil {
		t.open[b] = t.tx.Bucket([]byte(tableNames[b]))
		t.open[b].FillPercent = fill[b]
	}
	return t.open[b]
}

func (t *txn) get(b table, key []byte) []byte { return t.bucket(b).Get(key) }

func (t *txn) put(b table, key, value []byte) {
	t.failed(b, t.bucket(b).Put(key, value))
}

func (t *txn) delete(b table, key []byte) {
	t.failed(b, t.bucket(b).Delete(key))
}

func (t *txn) failed(b table, err error) {
	if err != nil && t.failure == nil {
		t.failure = fmt.Errorf("write %s: %w", tableNames[b], err)
	}
}

// next counts up a table's sequence. It never goes back, so no key comes twice.
func (t *txn) next(b table) uint64 {
	seq, err := t.bucket(b).NextSequence()
	t.failed(b, err)
	return seq
}

// seq finds the number under which a message id's records lie.
func (t *txn) seq(messageID string) (uint64, bool) {
	raw := t.get(ids, []byte(messageID))
	if len(raw) != 8 {
		return 0, false
	}
	return binary.BigEndian.Uint64(raw), true
}

// seqFor is seq, giving the message id a number when it has none.
func (t *txn) seqFor(messageID string) uint64 {
	seq, ok := t.seq(messageID)
	if !ok {
		seq = t.next(events)
		t.put(ids, []byte(messageID), seqKey(seq))
	}
	return seq
}

// gone says whether what expires at that time counts as gone.
func (t *txn) gone(expires time.Time) bool {
	return !expires.IsZero() && !t.now.Before(expires)
}

// view runs a read over one consistent state of the file.
func (db *DB) view(read func(*txn) error) error {
	err := db.file.View(func(tx *bbolt.Tx) error {
		return read(&txn{tx: tx, now: db.now(), epoch: db.epoch})
	})
	return db.explain(err)
}

// explain turns the file's own errors into ours.
func (db *DB) explain(err error) error {
	if errors.Is(err, berrors.ErrDatabaseNotOpen) {
		return ErrClosed
	}
	return err
}

// alone is for the ops of Open, before the writer runs.
func (db *DB) alone(apply func(*txn) error) error {
	err := db.file.Update(func(tx *bbolt.Tx) error {
		t := &txn{tx: tx}
		if err := apply(t); err != nil {
			return err
		}
		return t.failure
	})
	return db.explain(err)
}
