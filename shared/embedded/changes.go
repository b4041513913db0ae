package embedded

import (
	"context"
	"fmt"

	"github.com/jobhook/jobhook/shared/webhook"
)

var _ webhook.Store = (*DB)(nil)

// maxRecord is the largest record, as DynamoDB has it.
const maxRecord = 400 << 10

// Write makes each change by itself, all of one call in one transaction. What
// has been answered nil is durable.
func (db *DB) Write(ctx context.Context, changes ...webhook.Change) []error {
	ops := make([]*write, len(changes))
	for i, c := range changes {
		ops[i] = db.change(c)
	}
	return db.writeAll(ctx, ops...)
}

// change encodes in the caller's goroutine: all callers wait for the writer's.
func (db *DB) change(c webhook.Change) *write {
	var record []byte
	var apply func(*txn) error
	switch {
	case c.Delivery != nil:
		d := *c.Delivery
		record = encodeDelivery(d, db.epoch)
		apply = func(t *txn) error { return t.writeDelivery(c.From, d, record) }
	case c.From == "":
		e := *c.Event
		record = encodeEvent(e, db.epoch)
		apply = func(t *txn) error { return t.insertEvent(e, record) }
	default:
		e := *c.Event
		record = encodeClaim(claimOf(e, db.epoch))
		apply = func(t *txn) error { return t.claimEvent(c.From, e, record) }
	}
	if len(record) > maxRecord {
		return &write{apply: func(*txn) error { return webhook.ErrTooLarge }}
	}
	return &write{size: len(record), apply: apply}
}

func (t *txn) insertEvent(e webhook.Event, record []byte) error {
	if seq, known := t.seq(e.MessageID); known {
		have, err := t.event(seq)
		switch {
		case err != nil:
			return err
		case have != nil && !t.gone(have.expires):
			return unlessSame(have.rev, e.Rev)
		case have != nil:
			deliveries, err := t.deliveriesOf(seq)
			if err != nil {
				return err
			}
			t.removeAll(seq, e.MessageID, deliveries)
		}
	}
	seq := t.seqFor(e.MessageID)
	t.put(events, seqKey(seq), record)
	t.noteExpiry(e.ExpiresAt, seq)
	return nil
}

// claimEvent puts a claim beside the event whose Rev is from. An event that
// nobody wants is written once more instead, without its payload.
func (t *txn) claimEvent(from string, e webhook.Event, record []byte) error {
	have, err := t.alive(e.MessageID)
	switch {
	case err != nil:
		return err
	case have == nil:
		return webhook.ErrLost
	case have.rev != from:
		return unlessSame(have.rev, e.Rev)
	case len(e.Targets) > 0 || e.Result != nil || e.Error != nil:
		t.put(work, workKey(have.seq, ""), record)
		return nil
	}
	bare, err := have.event()
	if err != nil {
		return err
	}
	bare.Result, bare.Error = nil, nil
	bare.Targets, bare.Lease, bare.Rev = e.Targets, e.Lease, e.Rev
	t.put(events, seqKey(have.seq), encodeEvent(bare, t.epoch))
	t.delete(work, workKey(have.seq, ""))
	return nil
}

func (t *txn) writeDelivery(from string, d webhook.Delivery, record []byte) error {
	seq, known := t.seq(d.MessageID)
	var have *webhook.Delivery
	if known {
		var err error
		if have, err = t.delivery(workKey(seq, d.EndpointID)); err != nil {
			return fmt.Errorf("delivery %s: %w", d.ID(), err)
		}
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
		seq = t.seqFor(d.MessageID)
		if t.get(events, seqKey(seq)) == nil { // Sweep finds it by its own expiry
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
