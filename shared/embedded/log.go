package embedded

import (
	"bytes"
	"context"

	"go.etcd.io/bbolt"

	"github.com/jobhook/jobhook/shared/webhook"
)

// EndpointDeliveries lists an endpoint's deliveries, newest first; those in
// one status, or all when status is empty. An empty cursor starts at the
// newest; an empty next says that there are no more. A bad one is
// webhook.ErrCursor.
func (db *DB) EndpointDeliveries(_ context.Context, account, endpointID string, status webhook.Status, limit int, cursor string) (list []webhook.Delivery, next string, err error) {
	prefix := logPrefix(account, endpointID)
	end := after(prefix)
	last, err := decodeCursor(logCursor, cursor)
	if err != nil {
		return nil, "", err
	}
	if last != nil {
		end = append(bytes.Clone(prefix), last...)
	}
	err = db.view(func(t *txn) error {
		c := t.bucket(deliverLog).Cursor()
		for k, v := before(c, end); bytes.HasPrefix(k, prefix); k, v = c.Prev() {
			if status != "" && string(v) != string(status) {
				continue
			}
			d, err := t.logged(k[len(prefix):], endpointID)
			if err != nil {
				return err
			}
			if d == nil || t.gone(d.ExpiresAt) {
				continue
			}
			if len(list) == limit {
				return nil
			}
			list, next = append(list, *d), encodeCursor(logCursor, k[len(prefix):])
		}
		next = ""
		return nil
	})
	return list, next, err
}

// before moves the cursor to the last key below end; a nil end is beyond all.
func before(c *bbolt.Cursor, end []byte) (key, value []byte) {
	if end == nil {
		return c.Last()
	}
	if k, _ := c.Seek(end); k == nil {
		return c.Last()
	}
	return c.Prev()
}

// logged finds the delivery at a place of the log; nil when there is none.
func (t *txn) logged(place []byte, endpointID string) (*webhook.Delivery, error) {
	if len(place) < logTime {
		return nil, recordError("delivery log")
	}
	seq, ok := t.seq(string(place[logTime:]))
	if !ok {
		return nil, nil
	}
	return t.delivery(seq, endpointID)
}
