package embedded

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/base64"
	"fmt"
	"time"

	"go.etcd.io/bbolt"

	"github.com/jobhook/jobhook/shared/webhook"
)

// listing is a walk, page by page, over the keys of a table that have a prefix.
type listing struct {
	table  table
	prefix []byte
	// from and until bound what follows the prefix: from is in, until is not.
	// A list with until is in descending order, others are in ascending order.
	from, until []byte
	filter      string // what else the caller chooses by: a part of the list's name
}

// readPage reads up to limit items behind the cursor, all of them when limit is
// negative. read says what a key, behind the prefix, and its value stand for;
// nil leaves them out.
func readPage[T any](db *DB, l listing, limit int, cursor string, read func(t *txn, place, value []byte) (*T, error)) (page []T, next string, err error) {
	last, err := l.place(cursor)
	if err != nil {
		return nil, "", err
	}
	err = db.view(func(t *txn) error {
		var shown []byte
		c := t.cursor(l.table)
		for k, v := l.first(c, last); bytes.HasPrefix(k, l.prefix) && k != nil; k, v = l.step(c, k) {
			place := k[len(l.prefix):]
			if bytes.Compare(place, l.from) < 0 {
				return nil
			}
			item, err := read(t, place, v)
			switch {
			case err != nil:
				return err
			case item == nil:
			case len(page) == limit:
				next = base64.RawURLEncoding.EncodeToString(append(l.mark(), shown...))
				return nil
			default:
				page, shown = append(page, *item), place
			}
		}
		return nil
	})
	return page, next, err
}

// first moves to the first key behind last, or of the list when last is nil.
func (l listing) first(c *cursor, last []byte) (key, value []byte) {
	start := last
	if start == nil {
		start = l.until
	}
	place := append(bytes.Clone(l.prefix), start...)
	if l.until != nil {
		return c.Before(place)
	}
	if key, value = c.Seek(place); last != nil && bytes.Equal(key, place) {
		return c.Next()
	}
	return key, value
}

// step moves on from key.
func (l listing) step(c *cursor, key []byte) (next, value []byte) {
	if l.until != nil {
		return c.Before(key)
	}
	return c.Next()
}

// mark begins a list's cursors, so that another list's are told from them. The
// place of the last one shown follows.
func (l listing) mark() []byte {
	sum := sha256.Sum256(fmt.Appendf(nil, "%d %x %x %x %s", l.table, l.prefix, l.from, l.until, l.filter))
	return sum[:8]
}

// place reads a cursor of this list; nil is before the first.
func (l listing) place(cursor string) ([]byte, error) {
	if cursor == "" {
		return nil, nil
	}
	raw, err := base64.RawURLEncoding.DecodeString(cursor)
	place, ours := bytes.CutPrefix(raw, l.mark())
	if err != nil || !ours || len(place) == 0 || len(raw) > bbolt.MaxKeySize {
		return nil, webhook.ErrCursor
	}
	return place, nil
}

// EndpointDeliveries is an endpoint's delivery log, newest first.
func (db *DB) EndpointDeliveries(_ context.Context, q webhook.LogQuery) ([]webhook.Delivery, string, error) {
	return deliveryList(db, deliverLog, q, func(t *txn, messageID []byte) (*webhook.Delivery, error) {
		return t.delivery(workKey(t.seq(string(messageID)), q.EndpointID))
	})
}

// Recoverable lists deliveries that are failed or held, latest SettledAt first.
func (db *DB) Recoverable(_ context.Context, q webhook.LogQuery) ([]webhook.Delivery, string, error) {
	return deliveryList(db, recoverable, q, (*txn).delivery)
}

// deliveryList reads a page of a list whose keys are those of listKey. find
// finds a delivery by what follows the time in its key.
func deliveryList(db *DB, b table, q webhook.LogQuery, find func(t *txn, place []byte) (*webhook.Delivery, error)) ([]webhook.Delivery, string, error) {
	l := listing{table: b, prefix: nameKey("", q.Account, q.EndpointID), filter: string(q.Status)}
	l.from, l.until = appendTime(nil, q.Since), bytes.Repeat([]byte{0xff}, timeSize) // after all times
	if !q.Until.IsZero() {
		l.until = appendTime(nil, q.Until)
	}
	return readPage(db, l, q.Limit, q.Cursor, func(t *txn, place, status []byte) (*webhook.Delivery, error) {
		if len(place) < timeSize {
			return nil, fmt.Errorf("list of deliveries: %w", errRecord)
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

// listKey is a place in a list of an endpoint's deliveries: by time, then by
// what tells two of the same time apart.
func listKey[T ~string | ~[]byte](account, endpointID string, at time.Time, rest T) []byte {
	return append(appendTime(nameKey("", account, endpointID), at), rest...)
}

func logKey(d *webhook.Delivery) []byte {
	return listKey(d.Account, d.EndpointID, d.AcceptedAt, d.MessageID)
}

// recoverableKeys are a delivery's places among what its account and its
// endpoint can recover: none unless it is failed or held.
func recoverableKeys(seq uint64, d *webhook.Delivery) [][]byte {
	if d == nil || d.Status != webhook.Failed && d.Status != webhook.Held {
		return nil
	}
	key := workKey(seq, d.EndpointID)
	return [][]byte{listKey(d.Account, "", d.SettledAt, key), listKey(d.Account, d.EndpointID, d.SettledAt, key)}
}
