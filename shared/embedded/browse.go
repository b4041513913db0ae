package embedded

import (
	"bytes"
	"context"
	"fmt"
)

// List shows messages without receiving them, by when they are or become
// visible: for people who look at what was set aside. limit is at least 1; an
// empty next says that there are no more. A bad cursor is
// webhook.ErrCursor.
func (q *Queue) List(_ context.Context, limit int, cursor string) (list []Received, next string, err error) {
	last, err := decodeCursor(messageCursor, cursor)
	if err != nil {
		return nil, "", err
	}
	start := append(bytes.Clone(q.prefix), last...)
	if last != nil {
		start = append(start, 0) // right behind it
	}
	err = q.db.view(func(t *txn) error {
		c := t.bucket(queues).Cursor()
		for k, raw := c.Seek(start); ; k, raw = c.Next() {
			at, ok := placeIn(k, q.prefix)
			if !ok {
				next = ""
				return nil
			}
			if len(list) == limit {
				return nil
			}
			m, err := decodeMessage(raw)
			if err != nil {
				return fmt.Errorf("message %s: %w", at.id(), err)
			}
			list = append(list, m.received(at, q.receives(at)))
			next = encodeCursor(messageCursor, at.appendTo(nil))
		}
	})
	return list, next, err
}

func (q *Queue) receives(at place) int {
	q.mu.Lock()
	defer q.mu.Unlock()
	return q.flights.receives(at)
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
