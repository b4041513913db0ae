package embedded

import (
	"bytes"
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/jobhook/jobhook/shared/webhook"
)

// Events reads events by message id, with nil for those that are not there.
func (db *DB) Events(_ context.Context, messageIDs ...string) ([]*webhook.Event, error) {
	return each(db, messageIDs, (*txn).readEvent)
}

// Arrivals is Events and Generations.
func (db *DB) Arrivals(ctx context.Context, messageIDs, accounts []string) ([]*webhook.Event, []int64, error) {
	found, err := db.Events(ctx, messageIDs...)
	if err != nil {
		return nil, nil, err
	}
	generations, err := db.Generations(ctx, accounts...)
	return found, generations, err
}

// JobEvents reads up to webhook.MaxJobEvents events of a job, by OccurredAt.
func (db *DB) JobEvents(_ context.Context, account, jobID string) (found []webhook.Event, err error) {
	id := webhook.MessageID(account, jobID, "")
	_, eventPart, _ := webhook.SplitMessageID(id)
	prefix := []byte(strings.TrimSuffix(id, eventPart))
	err = db.view(func(t *txn) error {
		c := t.cursor(ids)
		for id, _ := c.Seek(prefix); bytes.HasPrefix(id, prefix) && len(found) < webhook.MaxJobEvents; id, _ = c.Next() {
			e, err := t.readEvent(string(id))
			if err != nil {
				return err
			}
			if e != nil && e.Account == account && e.Job.ID == jobID {
				found = append(found, *e)
			}
		}
		return nil
	})
	slices.SortStableFunc(found, func(a, b webhook.Event) int { return a.OccurredAt.Compare(b.OccurredAt) })
	return found, err
}

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

func (t *txn) readEvent(messageID string) (*webhook.Event, error) {
	have, err := t.alive(messageID)
	if have == nil || err != nil {
		return nil, err
	}
	if err := have.readBody(); err != nil {
		return nil, fmt.Errorf("event %s: %w", messageID, err)
	}
	return &have.Event, nil
}

// found is an event as it is now, of whose record only the head has been read.
type found struct {
	webhook.Event
	seq  uint64
	body *codec
}

// readBody reads the rest, once.
func (f *found) readBody() error {
	f.body.fields((*eventBody)(&f.Event))
	return f.body.end()
}

// event finds an event by its number, expired or not; nil when there is none.
func (t *txn) event(seq uint64) (*found, error) {
	if seq == 0 {
		return nil, nil
	}
	raw := t.get(events, seqKey(seq))
	if raw == nil {
		return nil, nil
	}
	f := &found{seq: seq, body: openRecord(raw, t.epoch)}
	if f.body.fields((*eventHead)(&f.Event)); f.body.bad {
		return nil, f.body.end()
	}
	if later := t.get(work, workKey(seq, "")); later != nil {
		c := openRecord(later, t.epoch)
		c.fields((*claim)(&f.Event))
		return f, c.end()
	}
	return f, nil
}

// alive finds an event that has not expired; nil when there is none.
func (t *txn) alive(messageID string) (*found, error) {
	have, err := t.event(t.seq(messageID))
	switch {
	case err != nil:
		return nil, fmt.Errorf("event %s: %w", messageID, err)
	case have == nil || t.gone(have.ExpiresAt):
		return nil, nil
	}
	return have, nil
}

func (t *txn) readDelivery(k webhook.DeliveryKey) (*webhook.Delivery, error) {
	d, err := t.delivery(workKey(t.seq(k.MessageID), k.EndpointID))
	switch {
	case err != nil:
		return nil, fmt.Errorf("delivery %s: %w", k.ID(), err)
	case d == nil || t.gone(d.ExpiresAt) || !same(d.DeliveryKey, k):
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
	return find[webhook.Delivery](t, work, key)
}

// deliveriesOf lists all deliveries under an event's number, expired or not.
func (t *txn) deliveriesOf(seq uint64) (list []*webhook.Delivery, err error) {
	prefix := seqKey(seq)
	c := t.cursor(work)
	for k, raw := c.Seek(prefix); bytes.HasPrefix(k, prefix); k, raw = c.Next() {
		if len(k) == len(prefix) { // the event's claim
			continue
		}
		d, err := decode[webhook.Delivery](t.epoch, raw)
		if err != nil {
			return nil, fmt.Errorf("delivery: %w", err)
		}
		list = append(list, d)
	}
	return list, nil
}
