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

// Sweep removes all that has expired by now, events with all their deliveries,
// in bounded transactions, and says how many events it removed. It looks only
// where something expires, so call it often, once a minute: pages that a sweep
// frees are listed in each commit until they are used again, and a large sweep
// would slow them all down.
func (db *DB) Sweep(ctx context.Context, now time.Time) (removed int, err error) {
	var from []byte
	for more := true; more; {
		var step sweepResult
		err := db.write(ctx, &write{apply: func(t *txn) (err error) {
			if step, err = t.sweep(from, now); err == nil && !step.more {
				step.more = t.sweepExpiring(now, sweepStep)
			}
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
		return sweepResult{from: from}, nil
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

// sweepBlock removes the events of a block that have expired; whole is false
// when there were more than one transaction should remove.
func (t *txn) sweepBlock(block uint64, now time.Time) (removed int, whole bool, err error) {
	records := 0
	for seq := block << blockBits; seq>>blockBits == block; seq++ {
		if records >= sweepStep {
			return removed, false, nil
		}
		messageID, deliveries, err := t.expiredAt(seq, now)
		if err != nil {
			return removed, false, err
		}
		if messageID != "" {
			t.removeAll(seq, messageID, deliveries)
			removed, records = removed+1, records+3+2*len(deliveries)
		}
	}
	return removed, true, nil
}

// expiredAt says what is to go under a number: nothing while the event is
// alive, or, where there is no event, while one of its deliveries is.
func (t *txn) expiredAt(seq uint64, now time.Time) (messageID string, deliveries []webhook.Delivery, err error) {
	alive := func(expires time.Time) bool { return expires.IsZero() || now.Before(expires) }
	have, err := t.event(seq)
	if err != nil {
		return "", nil, err
	}
	if have != nil {
		if alive(have.expires) {
			return "", nil, nil
		}
		e, err := have.event()
		if err != nil {
			return "", nil, err
		}
		messageID = e.MessageID
	}
	if deliveries, err = t.deliveriesOf(seq); err != nil || have != nil {
		return messageID, deliveries, err
	}
	for _, d := range deliveries {
		if alive(d.ExpiresAt) {
			return "", nil, nil
		}
		messageID = d.MessageID
	}
	return messageID, deliveries, nil
}

func (t *txn) removeAll(seq uint64, messageID string, deliveries []webhook.Delivery) {
	if have, ok := t.seq(messageID); ok && have == seq {
		t.delete(ids, []byte(messageID))
	}
	t.delete(events, seqKey(seq))
	t.delete(work, workKey(seq, ""))
	for i := range deliveries {
		t.removeDelivery(seq, &deliveries[i])
	}
}
