package embedded

import (
	"bytes"
	"context"
	"fmt"

	"github.com/jobhook/jobhook/shared/webhook"
)

// Deliveries reads deliveries, with nil for those that are not there.
func (db *DB) Deliveries(_ context.Context, keys ...webhook.DeliveryKey) ([]*webhook.Delivery, error) {
	return each(db, keys, (*txn).readDelivery)
}

// Load reads deliveries with their events and endpoints as they are now.
func (db *DB) Load(_ context.Context, keys ...webhook.DeliveryKey) ([]webhook.Loaded, error) {
	return each(db, keys, func(t *txn, k webhook.DeliveryKey) (l webhook.Loaded, err error) {
		if l.Delivery, err = t.readDelivery(k); err != nil {
			return l, err
		}
		if l.Event, err = t.readEvent(k.MessageID); err != nil {
			return l, err
		}
		if l.Event != nil && l.Event.Account != k.Account {
			l.Event = nil
		}
		l.Endpoint, err = t.endpoint(k.Account, k.EndpointID)
		return l, err
	})
}

func (t *txn) readDelivery(k webhook.DeliveryKey) (*webhook.Delivery, error) {
	seq, ok := t.seq(k.MessageID)
	if !ok {
		return nil, nil
	}
	d, err := t.delivery(workKey(seq, k.EndpointID))
	if err != nil {
		return nil, fmt.Errorf("delivery %s: %w", k.ID(), err)
	}
	if d == nil || t.gone(d.ExpiresAt) || !same(d.DeliveryKey, k) {
		return nil, nil
	}
	return d, nil
}

// same compares keys of one message id and endpoint.
func same(a, b webhook.DeliveryKey) bool {
	return a.Account == b.Account && a.AcceptedAt.Equal(b.AcceptedAt)
}

// delivery finds a delivery by its workKey, expired or not; nil when there is
// none.
func (t *txn) delivery(key []byte) (*webhook.Delivery, error) {
	raw := t.get(work, key)
	if raw == nil {
		return nil, nil
	}
	d, err := decodeDelivery(raw, t.epoch)
	if err != nil {
		return nil, err
	}
	return &d, nil
}

// deliveriesOf lists all deliveries under an event's number, expired or not.
func (t *txn) deliveriesOf(seq uint64) (list []webhook.Delivery, err error) {
	prefix := seqKey(seq)
	c := t.bucket(work).Cursor()
	for k, raw := c.Seek(prefix); bytes.HasPrefix(k, prefix); k, raw = c.Next() {
		if len(k) == len(prefix) { // the event's claim
			continue
		}
		d, err := decodeDelivery(raw, t.epoch)
		if err != nil {
			return nil, err
		}
		list = append(list, d)
	}
	return list, nil
}

// putDelivery writes a delivery with its places in the lists. have is the
// record that it replaces, or nil. A list whose entry stays the same is left
// alone: one that succeeds at once is in the log only, written once.
func (t *txn) putDelivery(seq uint64, have *webhook.Delivery, d webhook.Delivery, record []byte) {
	t.put(work, workKey(seq, d.EndpointID), record)
	if have == nil || have.Status != d.Status {
		t.put(deliverLog, logKey(d), []byte(d.Status))
	}
	if have != nil {
		t.unlistRecoverable(seq, *have)
	}
	for _, key := range recoverableKeys(seq, d) {
		t.put(recoverable, key, []byte(d.Status))
	}
}

func (t *txn) removeDelivery(seq uint64, have *webhook.Delivery) {
	t.delete(work, workKey(seq, have.EndpointID))
	t.delete(deliverLog, logKey(*have))
	t.unlistRecoverable(seq, *have)
}

func (t *txn) unlistRecoverable(seq uint64, have webhook.Delivery) {
	for _, key := range recoverableKeys(seq, have) {
		t.delete(recoverable, key)
	}
}
