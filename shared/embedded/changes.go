package embedded

import (
	"context"
	"fmt"

	"github.com/jobhook/jobhook/shared/webhook"
)

var _ webhook.Store = (*DB)(nil)

// maxRecord is the largest record, as DynamoDB has it.
const maxRecord = 400 << 10

// Write makes each change by itself, all of one call in one commit. What has been
// answered nil is durable, but for claims.
func (db *DB) Write(ctx context.Context, changes ...webhook.Change) []error {
	ops := make([]*write, len(changes))
	for i, c := range changes {
		ops[i] = db.change(c)
	}
	return db.writeAll(ctx, ops...)
}

// change encodes before its caller has the writer: all others wait for that.
func (db *DB) change(c webhook.Change) *write {
	var record []byte
	var apply func(*txn) error
	lazy := false
	switch {
	case c.Delivery != nil:
		d := c.Delivery
		lazy = c.From != "" && !d.Lease.Until.IsZero() // a claim: every outcome ends the lease
		record = encode(db.epoch, 256+64*len(d.Attempts), d)
		apply = func(t *txn) error { return t.writeDelivery(c.From, d, record) }
	case c.From == "":
		e := c.Event
		record = encode(db.epoch, 512+len(e.Result)+len(e.Error), e)
		apply = func(t *txn) error { return t.insertEvent(e, record) }
	default:
		e := c.Event
		lazy = true
		record = encode(db.epoch, 128+32*len(e.Targets), (*claim)(e))
		apply = func(t *txn) error { return t.claimEvent(c.From, e, record) }
	}
	if len(record) > maxRecord {
		return &write{apply: func(*txn) error { return webhook.ErrTooLarge }}
	}
	return &write{lazy: lazy, apply: apply}
}

func (t *txn) insertEvent(e *webhook.Event, record []byte) error {
	if k := t.known(e.MessageID); k != nil {
		return unlessSame(k.rev, e.Rev)
	}
	seq := t.seq(e.MessageID)
	have, err := t.event(seq)
	switch {
	case err != nil:
		return err
	case have != nil && !t.gone(have.ExpiresAt):
		return unlessSame(have.Rev, e.Rev)
	case have != nil:
		deliveries, err := t.deliveriesOf(have.seq)
		if err != nil {
			return err
		}
		t.removeAll(have.seq, e.MessageID, deliveries)
		seq = 0
	}
	if seq == 0 {
		seq = t.number(e.MessageID)
	}
	t.put(events, seqKey(seq), record)
	t.noteExpiry(e.ExpiresAt, seq)
	t.writer.recent.note(e.MessageID, known{seq, e.Rev, e.ExpiresAt})
	return nil
}

// claimEvent puts a claim beside the event whose Rev is from. An event that
// nobody wants is written once more instead, without its payload.
func (t *txn) claimEvent(from string, e *webhook.Event, record []byte) error {
	wanted := len(e.Targets) > 0 || e.Result != nil || e.Error != nil
	if k := t.known(e.MessageID); k != nil && wanted {
		if k.rev != from {
			return unlessSame(k.rev, e.Rev)
		}
		t.put(work, workKey(k.seq, ""), record)
		k.rev = e.Rev
		return nil
	}
	t.writer.recent.forget(e.MessageID)
	have, err := t.alive(e.MessageID)
	switch {
	case err != nil:
		return err
	case have == nil:
		return webhook.ErrLost
	case have.Rev != from:
		return unlessSame(have.Rev, e.Rev)
	case wanted:
		t.put(work, workKey(have.seq, ""), record)
		return nil
	}
	if err := have.readBody(); err != nil {
		return err
	}
	have.Targets, have.Lease, have.Rev, have.Result, have.Error = e.Targets, e.Lease, e.Rev, nil, nil
	t.put(events, seqKey(have.seq), encode(t.epoch, 512, &have.Event))
	t.delete(work, workKey(have.seq, ""))
	return nil
}

func (t *txn) writeDelivery(from string, d *webhook.Delivery, record []byte) error {
	seq := t.seq(d.MessageID)
	have, err := t.delivery(workKey(seq, d.EndpointID))
	if err != nil {
		return fmt.Errorf("delivery %s: %w", d.ID(), err)
	}
	alive := have != nil && !t.gone(have.ExpiresAt)
	switch {
	case from != "" && !(alive && same(have.DeliveryKey, d.DeliveryKey)):
		return webhook.ErrLost
	case alive && (from == "" || have.Rev != from):
		return unlessSame(have.Rev, d.Rev)
	case have != nil && !alive:
		t.removeDelivery(seq, have)
		have = nil
	}
	if have == nil {
		if seq == 0 {
			seq = t.number(d.MessageID)
		}
		if t.known(d.MessageID) == nil && t.get(events, seqKey(seq)) == nil { // Sweep finds it by its own expiry
			t.noteExpiry(d.ExpiresAt, seq)
		}
	}
	t.putDelivery(seq, have, d, record)
	return nil
}

// unlessSame is the answer to a write that found another record than it was
// made for: none is needed when that is the very one to be written.
func unlessSame(have, rev string) error {
	if have == rev {
		return nil
	}
	return webhook.ErrLost
}

// putDelivery writes a delivery with its places in the lists. have is the
// record that it replaces, or nil. A list whose entry stays the same is left
// alone: one that succeeds at once is in the log only, written once.
func (t *txn) putDelivery(seq uint64, have, d *webhook.Delivery, record []byte) {
	t.put(work, workKey(seq, d.EndpointID), record)
	if have == nil || have.Status != d.Status {
		t.put(deliverLog, logKey(d), []byte(d.Status))
	}
	for _, key := range recoverableKeys(seq, have) {
		t.delete(recoverable, key)
	}
	for _, key := range recoverableKeys(seq, d) {
		t.put(recoverable, key, []byte(d.Status))
	}
}

func (t *txn) removeDelivery(seq uint64, have *webhook.Delivery) {
	t.delete(work, workKey(seq, have.EndpointID))
	t.delete(deliverLog, logKey(have))
	for _, key := range recoverableKeys(seq, have) {
		t.delete(recoverable, key)
	}
}

// removeAll removes an event with its deliveries.
func (t *txn) removeAll(seq uint64, messageID string, deliveries []*webhook.Delivery) {
	t.writer.recent.forget(messageID)
	if t.seq(messageID) == seq {
		t.delete(ids, []byte(messageID))
	}
	t.delete(events, seqKey(seq))
	t.delete(work, workKey(seq, ""))
	for _, d := range deliveries {
		t.removeDelivery(seq, d)
	}
}
