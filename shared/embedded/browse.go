package embedded

import (
	"context"
	"fmt"
)

// List shows messages without receiving them, by when they are or become
// visible: for people who look at what was rejected. limit is at least 1; an
// empty next says that there are no more. A bad cursor is webhook.ErrCursor.
func (q *Queue) List(_ context.Context, limit int, cursor string) ([]Received, string, error) {
	l := listing{table: queues, prefix: q.prefix}
	list, next, err := readPage(q.db, l, limit, cursor, func(_ *txn, key, raw []byte) (*Received, error) {
		at, ok := placeIn(key, nil)
		if !ok {
			return nil, nil
		}
		m, err := decodeMessage(raw)
		if err != nil {
			return nil, fmt.Errorf("message %s: %w", at.id(), err)
		}
		r := m.received(at, 0)
		return &r, nil
	})
	q.mu.Lock() // not while the file is read: Receive takes the two the other way round
	defer q.mu.Unlock()
	for i := range list {
		if at, ok := parsePlace(list[i].ID); ok {
			list[i].Receives = q.flights.receives(at)
		}
	}
	return list, next, err
}

// measure counts the messages in the file, and finds the first.
func (q *Queue) measure(t *txn) (count int, next int64) {
	next = never
	c := t.bucket(queues).Cursor()
	for k, _ := c.Seek(q.prefix); ; k, _ = c.Next() {
		at, ok := placeIn(k, q.prefix)
		if !ok {
			return count, next
		}
		if count++; count == 1 {
			next = at.visible
		}
	}
}
