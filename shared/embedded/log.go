package embedded

import (
	"context"

	"github.com/jobhook/jobhook/shared/webhook"
)

// EndpointDeliveries is an endpoint's delivery log, newest first.
func (db *DB) EndpointDeliveries(_ context.Context, q webhook.LogQuery) ([]webhook.Delivery, string, error) {
	return deliveryList(db, deliverLog, q, func(t *txn, place []byte) (*webhook.Delivery, error) {
		seq, ok := t.seq(string(place))
		if !ok {
			return nil, nil
		}
		return t.delivery(workKey(seq, q.EndpointID))
	})
}

// Recoverable lists deliveries that are failed or held, latest SettledAt first.
func (db *DB) Recoverable(_ context.Context, q webhook.LogQuery) ([]webhook.Delivery, string, error) {
	return deliveryList(db, recoverable, q, (*txn).delivery)
}

// deliveryList reads a page of a list whose keys are those of listPrefix. find
// finds a delivery by what follows the time in its key.
func deliveryList(db *DB, b table, q webhook.LogQuery, find func(t *txn, place []byte) (*webhook.Delivery, error)) ([]webhook.Delivery, string, error) {
	l := listing{table: b, prefix: listPrefix(q.Account, q.EndpointID), filter: string(q.Status), descending: true}
	if !q.Since.IsZero() {
		l.from = appendTime(nil, q.Since)
	}
	if !q.Until.IsZero() {
		l.until = appendTime(nil, q.Until)
	}
	return readPage(db, l, q.Limit, q.Cursor, func(t *txn, place, status []byte) (*webhook.Delivery, error) {
		if len(place) < timeSize {
			return nil, recordError("delivery list")
		}
		if q.Status != "" && string(status) != string(q.Status) {
			return nil, nil
		}
		d, err := find(t, place[timeSize:])
		if err != nil || d == nil || t.gone(d.ExpiresAt) {
			return nil, err
		}
		return d, nil
	})
}

func logKey(d webhook.Delivery) []byte {
	return append(appendTime(listPrefix(d.Account, d.EndpointID), d.AcceptedAt), d.MessageID...)
}

// recoverableKeys are a delivery's places among what its account and its
// endpoint can recover: none unless it is failed or held.
func recoverableKeys(seq uint64, d webhook.Delivery) [][]byte {
	if d.Status != webhook.Failed && d.Status != webhook.Held {
		return nil
	}
	key := func(list string) []byte {
		return append(appendTime(listPrefix(d.Account, list), d.SettledAt), workKey(seq, d.EndpointID)...)
	}
	return [][]byte{key(""), key(d.EndpointID)}
}
