package embedded

import (
	"context"
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
// Its groups take turns: the one with the fewest messages in flight is next.
// It is safe for concurrent use.
type Queue struct {
	db     *DB
	name   string
	cfg    QueueConfig
	prefix []byte

	mu      sync.Mutex
	count   int    // messages in the file
	last    uint64 // the number of the last one that is counted: those after it may not be on disk
	groups  map[groupID]*group
	waiting sorted[group] // groups whose next message is visible later
	ready   sorted[group] // groups with a visible message; the first is next
	flights map[place]*flight
	flying  sorted[flight] // flights that have not ended
	now     int64          // of the latest Receive, in Unix nanoseconds
	turn    uint64         // counts the messages that were received
	steps   int            // moves of a cursor by Receive: tests count them
	// handed are accepted events that have not been received yet: they need not be
	// read again. handedBytes is about what they take.
	handed      map[place]*Received
	handedBytes int
	changed     chan struct{} // closed when there may be something to receive earlier; nil when nobody waits
}

var queueName = regexp.MustCompile(`^[a-z][a-z0-9_-]{0,39}$`)

// Queue opens a queue by its name; it is made by its first message. The same
// name gives the same queue, whose settings must be the same too.
func (db *DB) Queue(name string, cfg QueueConfig) (*Queue, error) {
	q := &Queue{db: db, name: name, cfg: cfg, prefix: nameKey("", name)}
	// An op counts and makes it known, in the order of all others: none is missed between.
	count := &write{
		apply: func(t *txn) error {
			q.reset()
			c := t.cursor(queues)
			for k, _ := c.Seek(q.prefix); ; k, _ = c.Next() {
				at, ok := placeIn(k, q.prefix)
				if !ok {
					return nil
				}
				q.add(at)
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
		ops[i] = q.sending(m, nil)
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
	insert, send := q.db.change(webhook.Change{Event: &e}), q.sending(m, &e)
	return q.db.write(ctx, &write{
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

func (q *Queue) sending(m webhook.Message, e *webhook.Event) *write {
	if err := checkMessage(m); err != nil {
		return &write{apply: func(*txn) error { return err }}
	}
	stored := Received{Body: m.Body, Reason: m.Reason, SentAt: q.db.now(), Group: m.Group, Event: e}
	if e != nil {
		stored.Result = len(e.Result) + len(e.Error)
	}
	record := encode(0, 128+len(m.Body), &stored)
	var at place
	return &write{
		apply:   func(t *txn) error { at = t.enqueue(q.prefix, m.Group, m.Delay, record); return nil },
		durable: func() { q.arrived(at, &stored) },
	}
}

// maxHanded bounds what is handed over in memory, in bytes: enough for a
// receiver that keeps up.
const maxHanded = 4 << 20

// arrived takes note of a message that is durable now. One that comes with its
// event is handed over, so that its receiver need not read it.
func (q *Queue) arrived(at place, m *Received) {
	q.mu.Lock()
	defer q.mu.Unlock()
	if size := m.handedSize(); m.Event != nil && q.handedBytes+size <= maxHanded {
		q.handed[at] = m
		q.handedBytes += size
	}
	if q.add(at) {
		q.wake()
	}
}

// handedSize is about what a message takes in memory with its event.
func (m *Received) handedSize() int { return 1<<10 + len(m.Body) + m.Result }

// takeOver is the message at a place as it was handed over, once; nil: it must be read.
func (q *Queue) takeOver(at place) *Received {
	m := q.handed[at]
	if m != nil {
		delete(q.handed, at)
		q.handedBytes -= m.handedSize()
		m.ID = at.id()
	}
	return m
}

func (t *txn) enqueue(prefix []byte, group string, delay time.Duration, record []byte) place {
	at := newPlace(group, t.now.Add(delay), t.next(queues))
	t.put(queues, at.key(prefix), record)
	return at
}

// Delete removes messages by the ids they were received with, all in one
// write. Those that are not there any more are left out silently.
func (q *Queue) Delete(ctx context.Context, ids ...string) error {
	if len(ids) == 0 {
		return nil
	}
	q.mu.Lock()
	last := q.last
	q.mu.Unlock()
	places := make([]place, 0, len(ids))
	for _, id := range ids {
		at, ok := parsePlace(id)
		if !ok {
			return fmt.Errorf("delete from %s: %q is not a message id", q.name, id)
		}
		if at.seq() <= last { // List may show one that has not arrived yet
			places = append(places, at)
		}
	}
	var gone []place
	err := q.db.write(ctx, &write{
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
	for _, at := range gone {
		q.remove(at)
	}
}

// Len is how many messages the queue holds: visible, delayed and in flight.
func (q *Queue) Len() int {
	q.mu.Lock()
	defer q.mu.Unlock()
	return q.count
}
