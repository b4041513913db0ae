package embedded

import (
	"bytes"
	"context"
	"encoding/binary"
	"time"

	"github.com/jobhook/jobhook/shared/webhook"
)

const (
	// blockBits: an expiry mark stands for 256 numbers in a row, so that a busy
	// stream of events costs next to no marks.
	blockBits = 8
	// sweepStep bounds one transaction of Sweep, in records removed.
	sweepStep = 1000
)

// expiryMark says that an event of this block of numbers expires within this
// minute.
type expiryMark struct{ minute, block uint64 }

func (m expiryMark) key() []byte {
	return binary.BigEndian.AppendUint64(binary.BigEndian.AppendUint64(nil, m.minute), m.block)
}

func parseMark(key []byte) expiryMark {
	return expiryMark{binary.BigEndian.Uint64(key), binary.BigEndian.Uint64(key[8:])}
}

// over says when all that the mark stands for has expired.
func (m expiryMark) over() time.Time { return time.Unix(unordered(m.minute)*60+60, 0) }

func minuteOf(at time.Time) uint64 { return ordered(at.Unix() / 60) }

// noteExpiry marks where Sweep is to look for what expires then; not again
// what was marked just before.
func (t *txn) noteExpiry(expires time.Time, seq uint64) {
	mark := expiryMark{minuteOf(expires), seq >> blockBits}
	if expires.IsZero() || mark == t.noted {
		return
	}
	t.put(expiry, mark.key(), nil)
	t.noted = mark
}

// Sweep removes the events that have expired by now with all their deliveries,
// in bounded transactions, and says how many events went. It looks only where
// something expires, so call it often, once a minute: pages that a sweep frees
// are listed anew in each commit until they are used again, and a large sweep
// would slow them all down.
func (db *DB) Sweep(ctx context.Context, now time.Time) (removed int, err error) {
	var from []byte
	for more := true; more; {
		var step sweepResult
		err := db.write(ctx, &write{apply: func(t *txn) (err error) {
			step, err = t.sweep(from, now)
			return err
		}})
		if err != nil {
			return removed, err
		}
		removed, from, more = removed+step.events, step.from, step.more
	}
	return removed, nil
}

type sweepResult struct {
	events int
	from   []byte // where to go on
	more   bool
}

// sweep clears the first mark at or after from, or a part of it.
func (t *txn) sweep(from []byte, now time.Time) (sweepResult, error) {
	k, _ := t.bucket(expiry).Cursor().Seek(from)
	if len(k) != 16 || parseMark(k).minute > minuteOf(now) {
		return sweepResult{}, nil
	}
	key := bytes.Clone(k)
	mark := parseMark(key)
	events, whole, err := t.sweepBlock(mark.block, now)
	if err != nil || !whole {
		return sweepResult{events, key, err == nil}, err
	}
	if !now.Before(mark.over()) {
		t.delete(expiry, key)
		t.noted = expiryMark{}
	}
	return sweepResult{events, append(key, 0), true}, nil
}

// sweepBlock removes what has expired of a block; whole is false when there
// was more than one transaction should take.
func (t *txn) sweepBlock(block uint64, now time.Time) (events int, whole bool, err error) {
	gone, whole, err := t.expiredIn(block, now)
	for _, e := range gone {
		t.removeAll(e)
		events++
	}
	return events, whole, err
}

// expired is an event to remove, with all that lies under its number.
type expired struct {
	seq        uint64
	messageID  string
	deliveries []webhook.Delivery
}

func (t *txn) expiredIn(block uint64, now time.Time) (list []expired, whole bool, err error) {
	records := 0
	for seq := block << blockBits; seq>>blockBits == block; seq++ {
		if records >= sweepStep {
			return list, false, nil
		}
		e, err := t.expiredAt(seq, now)
		if err != nil {
			return nil, false, err
		}
		if e != nil {
			list, records = append(list, *e), records+3+2*len(e.deliveries)
		}
	}
	return list, true, nil
}

// expiredAt says what is to go under a number: nothing while the event stands,
// or, where there is no event, while one of its deliveries does.
func (t *txn) expiredAt(seq uint64, now time.Time) (*expired, error) {
	e := &expired{seq: seq}
	have, err := t.event(seq)
	if err != nil {
		return nil, err
	}
	if have != nil {
		if have.expires.IsZero() || now.Before(have.expires) {
			return nil, nil
		}
		whole, err := have.event()
		if err != nil {
			return nil, err
		}
		e.messageID = whole.MessageID
	}
	if e.deliveries, err = t.allDeliveries(seq); err != nil {
		return nil, err
	}
	if have == nil && !orphansGone(e, now) {
		return nil, nil
	}
	return e, nil
}

func orphansGone(e *expired, now time.Time) bool {
	for _, d := range e.deliveries {
		if d.ExpiresAt.IsZero() || now.Before(d.ExpiresAt) {
			return false
		}
		e.messageID = d.MessageID
	}
	return len(e.deliveries) > 0
}

func (t *txn) allDeliveries(seq uint64) (list []webhook.Delivery, err error) {
	err = t.eachWork(seq, func(target string, raw []byte) error {
		if target == "" {
			return nil
		}
		d, err := decodeDelivery(raw, t.epoch)
		list = append(list, d)
		return err
	})
	return list, err
}

func (t *txn) removeAll(e expired) {
	if seq, ok := t.seq(e.messageID); ok && seq == e.seq {
		t.delete(ids, []byte(e.messageID))
	}
	t.delete(events, seqKey(e.seq))
	t.delete(work, workKey(e.seq, ""))
	for _, d := range e.deliveries {
		t.removeDelivery(e.seq, &d)
	}
}

// removeEvent makes room for an event whose id an expired one still holds.
func (t *txn) removeEvent(messageID string, seq uint64) error {
	deliveries, err := t.allDeliveries(seq)
	if err == nil {
		t.removeAll(expired{seq, messageID, deliveries})
	}
	return err
}
