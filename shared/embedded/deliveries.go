package embedded

import (
	"bytes"
	"context"
	"fmt"

	"github.com/jobhook/jobhook/shared/webhook"
)

// InsertDelivery stores a delivery's first record, or answers webhook.ErrLost
// when there is one.
func (db *DB) InsertDelivery(ctx context.Context, d webhook.Delivery) error {
	record := encodeDelivery(d, db.epoch)
	return db.write(ctx, &write{size: len(record), apply: func(t *txn) error {
		if seq, known := t.seq(d.MessageID); known {
			have, err := t.delivery(seq, d.EndpointID)
			if err != nil {
				return err
			}
			if have != nil && !t.gone(have.ExpiresAt) {
				return unlessSame(have.Rev, d.Rev)
			}
			t.removeDelivery(seq, have)
		}
		seq := t.seqFor(d.MessageID)
		if t.get(events, seqKey(seq)) == nil { // Sweep must find it by itself
			t.noteExpiry(d.ExpiresAt, seq)
		}
		t.putDelivery(seq, d, record)
		return nil
	}})
}

// ReplaceDelivery stores d in place of the record whose Rev is rev, or answers
// webhook.ErrLost.
func (db *DB) ReplaceDelivery(ctx context.Context, rev string, d webhook.Delivery) error {
	record := encodeDelivery(d, db.epoch)
	return db.write(ctx, &write{size: len(record), apply: func(t *txn) error {
		seq, known := t.seq(d.MessageID)
		if !known {
			return webhook.ErrLost
		}
		have, err := t.delivery(seq, d.EndpointID)
		switch {
		case err != nil:
			return err
		case have == nil || t.gone(have.ExpiresAt):
			return webhook.ErrLost
		case have.Rev != rev:
			return unlessSame(have.Rev, d.Rev)
		}
		t.replaceDelivery(seq, have, d, record)
		return nil
	}})
}

// LoadDelivery returns a delivery with its event and its endpoint as they are
// now, or webhook.ErrNotFound when event or delivery is gone.
func (db *DB) LoadDelivery(_ context.Context, messageID, account, endpointID string) (l webhook.Loaded, err error) {
	err = db.view(func(t *txn) error {
		have, err := t.standing(messageID)
		if err != nil {
			return err
		}
		d, err := t.delivery(have.seq, endpointID)
		if err == nil && (d == nil || d.Account != account || t.gone(d.ExpiresAt)) {
			err = webhook.ErrNotFound
		}
		if err != nil {
			return fmt.Errorf("delivery %s: %w", webhook.DeliveryID(messageID, endpointID), err)
		}
		l.Delivery = *d
		if l.Event, err = have.event(); err != nil {
			return err
		}
		l.Endpoint, err = t.endpoint(account, endpointID)
		return err
	})
	if err != nil {
		return webhook.Loaded{}, err
	}
	return l, nil
}

// delivery finds a delivery, expired or not; nil when there is none.
func (t *txn) delivery(seq uint64, endpointID string) (*webhook.Delivery, error) {
	raw := t.get(work, workKey(seq, endpointID))
	if raw == nil {
		return nil, nil
	}
	d, err := decodeDelivery(raw, t.epoch)
	if err != nil {
		return nil, err
	}
	return &d, nil
}

// deliveriesOf lists an event's deliveries that have not expired.
func (t *txn) deliveriesOf(seq uint64) ([]webhook.Delivery, error) {
	var list []webhook.Delivery
	err := t.eachWork(seq, func(target string, raw []byte) error {
		if target == "" {
			return nil
		}
		d, err := decodeDelivery(raw, t.epoch)
		if err == nil && !t.gone(d.ExpiresAt) {
			list = append(list, d)
		}
		return err
	})
	return list, err
}

// eachWork goes through all that lies under an event's number.
func (t *txn) eachWork(seq uint64, visit func(target string, raw []byte) error) error {
	prefix := seqKey(seq)
	c := t.bucket(work).Cursor()
	for k, v := c.Seek(prefix); bytes.HasPrefix(k, prefix); k, v = c.Next() {
		if err := visit(string(k[len(prefix):]), v); err != nil {
			return err
		}
	}
	return nil
}

func (t *txn) putDelivery(seq uint64, d webhook.Delivery, record []byte) {
	t.put(work, workKey(seq, d.EndpointID), record)
	t.put(deliverLog, logKey(d), []byte(d.Status))
}

// replaceDelivery leaves the log alone when it says the same as before.
func (t *txn) replaceDelivery(seq uint64, have *webhook.Delivery, d webhook.Delivery, record []byte) {
	was, is := logKey(*have), logKey(d)
	if !bytes.Equal(was, is) {
		t.delete(deliverLog, was)
	}
	t.put(work, workKey(seq, d.EndpointID), record)
	if have.Status != d.Status || !bytes.Equal(was, is) {
		t.put(deliverLog, is, []byte(d.Status))
	}
}

func (t *txn) removeDelivery(seq uint64, have *webhook.Delivery) {
	if have == nil {
		return
	}
	t.delete(work, workKey(seq, have.EndpointID))
	t.delete(deliverLog, logKey(*have))
}

func logKey(d webhook.Delivery) []byte {
	return appendLogPlace(logPrefix(d.Account, d.EndpointID), d.CreatedAt, d.MessageID)
}
