package embedded

import (
	"context"
	"encoding/base64"

	"github.com/jobhook/jobhook/shared/webhook"
)

// listed is the next message of one group to be listed.
type listed struct {
	at    place
	order order[listed]
}

// List shows messages without receiving them, by when they are or become
// visible: for people who look at what was rejected. limit is at least 1; an
// empty next says that there are no more. A bad cursor is webhook.ErrCursor.
func (q *Queue) List(_ context.Context, limit int, cursor string) (list []Received, next string, err error) {
	l := listing{table: queues, prefix: q.prefix}
	raw, err := l.place(cursor)
	last, ok := placeIn(raw, nil)
	if err != nil || cursor != "" && !ok {
		return nil, "", webhook.ErrCursor
	}
	err = q.db.view(func(t *txn) error {
		heads := q.heads(t, last)
		for h := heads.first(); h != nil; h = heads.first() {
			if len(list) == limit {
				next = base64.RawURLEncoding.EncodeToString(append(l.mark(), last[:]...))
				return nil
			}
			last = h.at
			m, err := readMessage(h.at, t.get(queues, h.at.key(q.prefix)))
			if err != nil {
				return err
			}
			list = append(list, *m)
			if at, ok := q.after(t, h.at); ok && at.group() == h.at.group() {
				h.at = at
				heads.put(h)
			} else {
				h.order.leave()
			}
		}
		return nil
	})
	q.mu.Lock() // not while the file is read: Receive takes the two the other way round
	defer q.mu.Unlock()
	for i := range list {
		at, _ := parsePlace(list[i].ID)
		if f := q.flights[at]; f != nil {
			list[i].Receives = f.receives
		}
	}
	return list, next, err
}

// heads finds each group's first message behind last, by two seeks a group.
func (q *Queue) heads(t *txn, last place) *sorted[listed] {
	heads := &sorted[listed]{
		less:  func(a, b *listed) bool { return a.at.before(b.at) },
		order: func(one *listed) *order[listed] { return &one.order },
	}
	for at, ok := q.after(t, place{}); ok; at, ok = q.after(t, nowhere.in(at.group())) {
		head := at
		if !last.before(head) {
			if head, ok = q.after(t, last.in(at.group())); !ok || head.group() != at.group() {
				continue
			}
		}
		heads.put(&listed{at: head})
	}
	return heads
}

// after finds the first message of the queue behind a place.
func (q *Queue) after(t *txn, behind place) (at place, ok bool) {
	key := behind.key(q.prefix)
	c := t.cursor(queues)
	k, _ := c.Seek(key)
	if string(k) == string(key) {
		k, _ = c.Next()
	}
	return placeIn(k, q.prefix)
}
