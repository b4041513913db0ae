package embedded

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"regexp"
	"sync"
	"time"

	"github.com/jobhook/jobhook/shared/schedule"
	"github.com/jobhook/jobhook/shared/webhook"
)

// MaxBody is the largest message body in bytes, as SQS has it.
const MaxBody = 1 << 20

// QueueConfig says how messages are received from a queue.
type QueueConfig struct {
	// Visibility is how long a received message that is not deleted stays
	// hidden from other receivers.
	Visibility time.Duration
	// MaxReceives is how often a message is received before it moves to the
	// queue DeadLetters; 0 or an empty DeadLetters: without end. Receives before
	// the last opening are not counted.
	MaxReceives int
	DeadLetters string
}

// Queue is a delay queue: a message becomes visible after its delay, is hidden
// while it is in flight, and is redelivered unless its receiver deletes it.
// It is safe for concurrent use.
type Queue struct {
	db     *DB
	name   string
	cfg    QueueConfig
	prefix []byte

	mu      sync.Mutex
	count   int           // messages in the file
	passed  place         // all messages before it have been received
	next    int64         // from when on there may be one beyond passed to receive
	flights flights       // those in flight
	changed chan struct{} // closed when next moved forward; nil when nobody waits
}

var queueName = regexp.MustCompile(`^[a-z][a-z0-9_-]{0,39}$`)

// Queue opens a queue by its name; it is made by its first message. The same
// name gives the same queue, whose settings must be the same too.
func (db *DB) Queue(name string, cfg QueueConfig) (*Queue, error) {
	q := &Queue{db: db, name: name, cfg: cfg, prefix: nameKey("", name), next: never, flights: flights{by: map[place]*flight{}}}
	// The writer counts and makes it known, so that no message is missed between.
	count := &write{
		apply: func(t *txn) error {
			q.count, q.next = 0, never
			c := t.cursor(queues)
			for k, _ := c.Seek(q.prefix); ; k, _ = c.Next() {
				at, ok := placeIn(k, q.prefix)
				if !ok {
					return nil
				}
				q.count, q.next = q.count+1, min(q.next, at.visible())
			}
		},
		durable: func() {
			have, _ := db.queues.LoadOrStore(name, q)
			q, _ = have.(*Queue)
		},
	}
	var err error
	switch {
	case !queueName.MatchString(name):
		err = errors.New("a name is made of a-z, 0-9, - and _, and begins with a letter")
	case cfg.Visibility <= 0:
		err = errors.New("Visibility must be positive")
	case cfg.DeadLetters == name:
		err = errors.New("a queue cannot be its own dead-letter queue")
	case cfg.DeadLetters != "" && !queueName.MatchString(cfg.DeadLetters):
		err = errors.New("DeadLetters is no queue's name")
	default:
		if err = db.write(context.Background(), count); err == nil && q.cfg != cfg {
			err = errors.New("is open already with other settings")
		}
	}
	if err != nil {
		return nil, fmt.Errorf("queue %q: %w", name, err)
	}
	return q, nil
}

// Send puts messages on the queue, all in one transaction, and answers for
// each; nil: it is durable. A message is visible after its Delay, counted from
// when it is written.
func (q *Queue) Send(ctx context.Context, messages ...webhook.Message) []error {
	ops := make([]*write, len(messages))
	for i, m := range messages {
		ops[i] = q.sending(m)
	}
	errs := q.db.writeAll(ctx, ops...)
	for i, err := range errs {
		if err != nil {
			errs[i] = fmt.Errorf("send to %s: %w", q.name, err)
		}
	}
	return errs
}

// Accept stores e and sends m, both in one write. It answers webhook.ErrLost,
// and sends nothing, when there is an event of e's message id.
func (q *Queue) Accept(ctx context.Context, e webhook.Event, m webhook.Message) error {
	if err := checkMessage(m); err != nil {
		return fmt.Errorf("send to %s: %w", q.name, err)
	}
	insert, send := q.db.change(webhook.Change{Event: &e}), q.sending(m)
	return q.db.write(ctx, &write{
		size: insert.size + send.size,
		apply: func(t *txn) error {
			if err := insert.apply(t); err != nil {
				return err
			}
			return send.apply(t)
		},
		durable: send.durable,
	})
}

// checkMessage refuses what SQS would.
func checkMessage(m webhook.Message) error {
	if len(m.Body) > MaxBody {
		return fmt.Errorf("%w: %d bytes, at most %d", ErrTooLarge, len(m.Body), MaxBody)
	}
	if m.Delay < 0 || m.Delay > schedule.MaxHop {
		return fmt.Errorf("the delay %s is not between 0 and %s", m.Delay, schedule.MaxHop)
	}
	return nil
}

func (q *Queue) sending(m webhook.Message) *write {
	if err := checkMessage(m); err != nil {
		return &write{apply: func(*txn) error { return err }}
	}
	stored := Received{Body: m.Body, Reason: m.Reason, SentAt: q.db.now(), Group: m.Group}
	record := encode(0, 128+len(m.Body), &stored)
	var at place
	return &write{
		size:    len(record),
		apply:   func(t *txn) error { at = t.enqueue(q.prefix, m.Delay, record); return nil },
		durable: func() { q.arrived(at) },
	}
}

func (t *txn) enqueue(prefix []byte, delay time.Duration, record []byte) place {
	var at place
	binary.BigEndian.PutUint64(at[:], ordered(t.now.Add(delay).UnixNano()))
	binary.BigEndian.PutUint64(at[8:], t.next(queues))
	t.put(queues, at.key(prefix), record)
	return at
}

// arrived takes note of a message that is durable now. It may lie before what
// has been received already: one whose delay ends in between is written first.
func (q *Queue) arrived(at place) {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.count++
	if at.less(q.passed) {
		q.passed = at
	}
	if at.visible() < q.next {
		q.next = at.visible()
		q.wake()
	}
}

// Delete removes messages by the ids they were received with, all in one
// write. Those that are not there any more are left out silently.
func (q *Queue) Delete(ctx context.Context, ids ...string) error {
	if len(ids) == 0 {
		return nil
	}
	places := make([]place, len(ids))
	for i, id := range ids {
		at, ok := parsePlace(id)
		if !ok {
			return fmt.Errorf("delete from %s: %q is not a message id", q.name, id)
		}
		places[i] = at
	}
	var gone []place
	err := q.db.write(ctx, &write{
		size: 32 * len(ids),
		lazy: true,
		apply: func(t *txn) error {
			gone = gone[:0]
			for _, at := range places {
				if key := at.key(q.prefix); t.get(queues, key) != nil {
					t.delete(queues, key)
					gone = append(gone, at)
				}
			}
			return nil
		},
		durable: func() { q.left(gone) },
	})
	if err != nil {
		return fmt.Errorf("delete from %s: %w", q.name, err)
	}
	return nil
}

// left takes note of messages that are no longer in the file.
func (q *Queue) left(gone []place) {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.count -= len(gone)
	for _, at := range gone {
		q.flights.end(at)
	}
}

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
		return readMessage(at, raw)
	})
	q.mu.Lock() // not while the file is read: Receive takes the two the other way round
	defer q.mu.Unlock()
	for i := range list {
		at, _ := parsePlace(list[i].ID)
		if one := q.flights.by[at]; one != nil {
			list[i].Receives = one.receives
		}
	}
	return list, next, err
}

// Len is how many messages the queue holds: visible, delayed and in flight.
func (q *Queue) Len() int {
	q.mu.Lock()
	defer q.mu.Unlock()
	return q.count
}
