package embedded

import (
	"encoding/binary"
	"errors"
	"fmt"
	"time"

	"go.etcd.io/bbolt"
	berrors "go.etcd.io/bbolt/errors"
)

// table is one of the file's buckets. Each table in use costs a checkpoint a
// few pages, so there are no more than needed.
type table int

const (
	meta        table = iota // of the file itself: "format", "epoch", "id" and, of its log, the first "generation" that it needs
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

// state is what a transaction sees the file through: the overlay that is written
// to and, while a checkpoint writes it into the file, the one before it, or nil.
type state struct {
	overlays [2]*overlay
	// saved is the last number of an event that the file may have, or the frozen
	// overlay: what is newer need not be looked for in the file.
	saved uint64
}

// txn is one transaction over a consistent state of the overlays and the file.
type txn struct {
	tx   *bbolt.Tx
	db   *DB // the writer's, which begins to read the file only when it must
	open [tables]*bbolt.Bucket
	*state
	commit uint64 // the last one that it sees
	now    time.Time
	epoch  uint64

	// The writer's, whose own changes are of the commit to come.
	writer  *writer
	changes []change
	counted [tables]uint64 // sequences that have moved
	// failure is of a put or delete that cannot be made, or of a file that cannot be read.
	failure error
}

// begin starts to read. The file must be read as it was while the state was
// current: a later checkpoint puts commits into it that the transaction does not see.
func (db *DB) begin() (*txn, error) {
	for {
		now, commit := db.state.Load(), db.committed.Load()
		tx, err := db.file.Begin(false)
		if err != nil {
			return nil, explain(err)
		}
		if db.state.Load() == now {
			return &txn{tx: tx, state: now, commit: commit, now: db.now(), epoch: db.epoch}, nil
		}
		_ = tx.Rollback()
	}
}

// end is for when nothing is read any more.
func (t *txn) end() {
	if t.tx != nil {
		_ = t.tx.Rollback()
	}
}

// view runs a read over one consistent state.
func (db *DB) view(read func(*txn) error) error {
	t, err := db.begin()
	if err != nil {
		return err
	}
	defer t.end()
	return read(t)
}

// explain turns the file's own errors into ours.
func explain(err error) error {
	if errors.Is(err, berrors.ErrDatabaseNotOpen) {
		return ErrClosed
	}
	return err
}

// bucket is nil when the file cannot be read, which is the op's failure then.
func (t *txn) bucket(b table) *bbolt.Bucket {
	if t.tx == nil {
		// What has come into the file since the state was current is in its overlays, too.
		tx, err := t.db.file.Begin(false)
		if err != nil {
			t.failure = explain(err)
			return nil
		}
		t.tx = tx
	}
	if t.open[b] == nil {
		t.open[b] = t.tx.Bucket([]byte(tableNames[b]))
	}
	return t.open[b]
}

// get reads a value, which holds as long as the transaction; nil: there is none.
func (t *txn) get(b table, key []byte) []byte {
	for _, o := range t.overlays {
		if o == nil {
			break
		}
		if v := o.lists[b].get(key, t.commit); v != nil {
			return v.value
		}
	}
	if (b == events || b == work) && number(key[:8]) > t.saved {
		return nil
	}
	if bucket := t.bucket(b); bucket != nil {
		return bucket.Get(key)
	}
	return nil
}

// put keeps key and value: they must not be written to afterwards.
func (t *txn) put(b table, key, value []byte) {
	if value == nil {
		value = []byte{}
	}
	t.change(b, key, value)
}

// delete keeps key, too.
func (t *txn) delete(b table, key []byte) { t.change(b, key, nil) }

func (t *txn) change(b table, key, value []byte) {
	switch {
	case len(key) == 0 || len(key) > bbolt.MaxKeySize:
		t.failure = fmt.Errorf("write %s: a key of %d bytes is not between 1 and %d", tableNames[b], len(key), bbolt.MaxKeySize)
	default:
		t.changes = append(t.changes, t.overlays[0].put(b, key, value, t.commit))
	}
}

// undo takes back all changes but the first ones.
func (t *txn) undo(keep int) {
	if len(t.changes) > keep {
		t.writer.recent = recent{}
	}
	for len(t.changes) > keep {
		last := len(t.changes) - 1
		t.overlays[0].undo(t.changes[last])
		t.changes = t.changes[:last]
	}
	t.writer.noted, t.writer.swept = expiryMark{}, nil
}

// next counts up a table's sequence. It never goes back, so no key comes twice.
func (t *txn) next(b table) uint64 {
	t.writer.sequence[b]++
	t.counted[b] = t.writer.sequence[b]
	return t.counted[b]
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
func (t *txn) seq(messageID string) uint64 {
	if t.writer != nil {
		if k := t.writer.recent.find(messageID); k != nil {
			return k.seq
		}
	}
	return number(t.get(ids, []byte(messageID)))
}

// number gives a message id its number.
func (t *txn) number(messageID string) uint64 {
	seq := t.next(events)
	t.put(ids, []byte(messageID), seqKey(seq))
	return seq
}

// known is what the writer knows of an event that has not expired; nil: it must
// be looked up.
func (t *txn) known(messageID string) *known {
	if k := t.writer.recent.find(messageID); k != nil && !t.gone(k.expires) {
		return k
	}
	return nil
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
