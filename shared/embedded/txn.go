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
var fill = [tables]float64{events: 1, work: 0.9, deliverLog: 0.9, recoverable: 0.9, queues: 0.9, expiry: 0.9, expiring: 0.9}

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

// view runs a read over one consistent state of the file.
func (db *DB) view(read func(*txn) error) error {
	err := db.file.View(func(tx *bbolt.Tx) error {
		return read(&txn{tx: tx, now: db.now(), epoch: db.epoch})
	})
	return explain(err)
}

// explain turns the file's own errors into ours.
func explain(err error) error {
	if errors.Is(err, berrors.ErrDatabaseNotOpen) {
		return ErrClosed
	}
	return err
}

func (t *txn) bucket(b table) *bbolt.Bucket {
	if t.open[b] == nil {
		t.open[b] = t.tx.Bucket([]byte(tableNames[b]))
		t.open[b].FillPercent = max(fill[b], bbolt.DefaultFillPercent)
	}
	return t.open[b]
}

func (t *txn) get(b table, key []byte) []byte { return t.bucket(b).Get(key) }

func (t *txn) put(b table, key, value []byte) { t.failed(b, t.bucket(b).Put(key, value)) }

func (t *txn) delete(b table, key []byte) { t.failed(b, t.bucket(b).Delete(key)) }

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

// find reads the record under a key, expired or not; nil when there is none.
func find[T any](t *txn, b table, key []byte) (*T, error) {
	raw := t.get(b, key)
	if raw == nil {
		return nil, nil
	}
	return decode[T](t.epoch, raw)
}

// each reads something for each key in one consistent state of the file.
func each[K, V any](db *DB, keys []K, read func(*txn, K) (V, error)) ([]V, error) {
	all := make([]V, len(keys))
	err := db.view(func(t *txn) (err error) {
		for i := 0; i < len(keys) && err == nil; i++ {
			all[i], err = read(t, keys[i])
		}
		return err
	})
	return all, err
}

// seq is the number under which a message id's records lie; 0, under which
// nothing does, when it has none.
func (t *txn) seq(messageID string) uint64 { return number(t.get(ids, []byte(messageID))) }

// seqFor is seq, giving the message id a number when it has none.
func (t *txn) seqFor(messageID string) uint64 {
	seq := t.seq(messageID)
	if seq == 0 {
		seq = t.next(events)
		t.put(ids, []byte(messageID), seqKey(seq))
	}
	return seq
}

// gone says whether what expires at that time counts as gone.
func (t *txn) gone(expires time.Time) bool { return expired(expires, t.now) }

func expired(at, now time.Time) bool { return !at.IsZero() && !now.Before(at) }

// nameKey ends in a part that may have any length. The names before it have
// their length before them, so that no account's keys can begin with another's.
func nameKey(last string, names ...string) []byte {
	key := make([]byte, 0, 128)
	for _, name := range names {
		key = append(binary.BigEndian.AppendUint16(key, uint16(len(name))), name...)
	}
	return append(key, last...)
}

func seqKey(seq uint64) []byte { return binary.BigEndian.AppendUint64(nil, seq) }

// workKey is where a delivery lies: beside the others of its event. The empty
// target is the event's claim.
func workKey(seq uint64, target string) []byte {
	return append(binary.BigEndian.AppendUint64(make([]byte, 0, 8+len(target)), seq), target...)
}

// timeSize is what appendTime appends: the instant to the nanosecond, in order.
const timeSize = 12

func appendTime(key []byte, at time.Time) []byte {
	key = binary.BigEndian.AppendUint64(key, ordered(at.Unix()))
	return binary.BigEndian.AppendUint32(key, uint32(at.Nanosecond()))
}

// ordered maps signed numbers to unsigned ones of the same order, and back.
func ordered(v int64) uint64 { return uint64(v) ^ 1<<63 }

func number(raw []byte) uint64 {
	if len(raw) != 8 {
		return 0
	}
	return binary.BigEndian.Uint64(raw)
}
