package embedded

import (
	"bytes"
	"context"
	"encoding/binary"
	"fmt"
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

func minuteOf(at time.Time) uint64 { return ordered(at.Unix() / 60) }

// noteExpiry marks where Sweep is to look for what expires then; not again
// what was marked just before.
func (t *txn) noteExpiry(expires time.Time, seq uint64) {
	mark := expiryMark{minuteOf(expires), seq >> blockBits}
	if expires.IsZero() || mark == t.writer.noted {
		return
	}
	t.put(expiry, binary.BigEndian.AppendUint64(seqKey(mark.minute), mark.block), nil)
	t.writer.noted = mark
}

// Sweep removes all that has expired by now, events with all their deliveries,
// in bounded transactions, and says how many events it removed. It looks only
// where something expires, so call it often, once a minute: a large sweep would
// hold up all other writes.
func (db *DB) Sweep(ctx context.Context, now time.Time) (removed int, err error) {
	var from []byte // where to go on
	for more := true; more; {
		count, next := 0, []byte(nil)
		err := db.write(ctx, &write{apply: func(t *txn) (err error) {
			if count, next, err = t.sweep(from, now); err == nil {
				more = next != nil || t.sweepExpiring(now, sweepStep)
			}
			return err
		}})
		if err != nil {
			return removed, err
		}
		if removed += count; next != nil {
			from = next
		}
	}
	return removed, nil
}

// sweep clears the first mark at or after from, or a part of it. next is where
// to go on, nil when there is no such mark.
func (t *txn) sweep(from []byte, now time.Time) (removed int, next []byte, err error) {
	k, _ := t.cursor(expiry).Seek(from)
	if len(k) != 16 || binary.BigEndian.Uint64(k) > minuteOf(now) {
		return 0, nil, nil
	}
	key, records := bytes.Clone(k), 0
	block := binary.BigEndian.Uint64(key[8:])
	for seq := block << blockBits; seq>>blockBits == block; seq++ {
		if records >= sweepStep {
			return removed, key, nil
		}
		messageID, deliveries, err := t.expiredAt(seq, now)
		if err != nil {
			return removed, nil, err
		}
		if messageID != "" {
			t.removeAll(seq, messageID, deliveries)
			removed, records = removed+1, records+3+2*len(deliveries)
		}
	}
	if binary.BigEndian.Uint64(key) < minuteOf(now) { // all that the mark stands for has expired
		t.delete(expiry, key)
		t.writer.noted = expiryMark{}
	}
	return removed, append(key, 0), nil
}

// expiredAt says what is to go under a number: nothing while the event is
// alive, or, where there is no event, while one of its deliveries is.
func (t *txn) expiredAt(seq uint64, now time.Time) (messageID string, deliveries []*webhook.Delivery, err error) {
	have, err := t.event(seq)
	if have != nil && err == nil {
		if !expired(have.ExpiresAt, now) {
			return "", nil, nil
		}
		err = have.readBody()
		messageID = have.MessageID
	}
	if err == nil {
		deliveries, err = t.deliveriesOf(seq)
	}
	if err != nil {
		return "", nil, fmt.Errorf("what expires under %d: %w", seq, err)
	}
	for _, d := range deliveries {
		if have == nil && !expired(d.ExpiresAt, now) {
			return "", nil, nil
		}
		messageID = d.MessageID
	}
	return messageID, deliveries, nil
}

// putExpiring writes a record that begins with a text and its ExpiresAt, and
// notes for Sweep when it expires; a nil record is none any more.
func (t *txn) putExpiring(b table, key, record []byte) {
	place := func(record []byte) []byte {
		var expires time.Time
		openRecord(record, 0).fields(new(string), &expires)
		if expires.IsZero() {
			return nil
		}
		return append(append(appendTime(nil, expires), byte(b)), key...)
	}
	if was := place(t.get(b, key)); was != nil {
		t.delete(expiring, was)
	}
	if record == nil {
		t.delete(b, key)
		return
	}
	if is := place(record); is != nil {
		if bytes.Compare(is, t.writer.swept) < 0 {
			t.writer.swept = nil
		}
		t.put(expiring, is, nil)
	}
	t.put(b, key, record)
}

// sweepExpiring removes up to limit records that have expired, and says whether
// there may be more.
func (t *txn) sweepExpiring(now time.Time, limit int) (more bool) {
	end := appendTime(nil, now)
	c := t.cursor(expiring)
	k, _ := c.Seek(t.writer.swept)
	for range limit {
		if len(k) <= timeSize || bytes.Compare(k[:timeSize], end) > 0 {
			return false
		}
		key := bytes.Clone(k)
		t.delete(expiring, key)
		t.delete(table(key[timeSize]), key[timeSize+1:])
		t.writer.swept = key
		k, _ = c.Next()
	}
	return true
}
