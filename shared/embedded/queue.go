package embedded

import (
	"context"
	"errors"
	"fmt"
	"math"
	"regexp"
	"sync"
	"time"

	"github.com/jobhook/jobhook/shared/queue"
)

// MaxBody is the largest message body in bytes, as SQS has it.
const MaxBody = 1 << 20

// QueueConfig says how a queue gives its messages out.
type QueueConfig struct {
	// Visibility is how long a received message that is not deleted stays
	// hidden from other receivers.
	Visibility time.Duration
	// MaxReceives is how often a message is given out before it moves to the
	// queue DeadLetters; 0 or an empty DeadLetters: without end. Receipts
	// before the last opening are not counted.
	MaxReceives int
	DeadLetters string
}

// Queue is a delay queue: a message becomes visible after its delay, is hidden
// while a receiver works on it, and comes back unless that receiver deletes it.
// It is safe for concurrent use.
type Queue struct {
	db     *DB
	name   string
	cfg    QueueConfig
	prefix []byte

	mu      sync.Mutex
	count   int           // messages in the file
	passed  place         // up to here all messages have been given out
	next    int64         // from when on there may be one beyond passed to give out
	flights flights       // those given out and not deleted
	changed chan struct{} // closed when next moved forward; nil when nobody waits
}

var queueName = regexp.MustCompile(`^[a-z][a-z0-9_-]{0,39}$`)

// Queue opens a queue by its name; it is made by its first message. The same
// name gives the same queue, whose settings must be the same too.
func (db *DB) Queue(name string, cfg QueueConfig) (*Queue, error) {
	if err := checkQueue(name, cfg); err != nil {
		return nil, fmt.Errorf("queue %q: %w", name, err)
	}
	q := &Queue{db: db, name: name, cfg: cfg, prefix: queuePrefix(name), next: never, passed: place{visible: math.MinInt64}, flights: newFlights()}
	// The writer counts and makes it known, so that no message is missed between.
	err := db.write(context.Background(), &write{
		apply:   func(t *txn) error { q.count, q.next = q.measure(t); return nil },
		durable: func() { q = db.register(q) },
	})
	switch {
	case err != nil:
		return nil, fmt.Errorf("queue %q: %w", name, err)
	case q.cfg != cfg:
		return nil, fmt.Errorf("queue %q: is open already with other settings", name)
	}
	return q, nil
}

func checkQueue(name string, cfg QueueConfig) error {
	switch {
	case !queueName.MatchString(name):
		return errors.New("a name is made of a-z, 0-9, - and _, and begins with a letter")
	case cfg.Visibility <= 0:
		return errors.New("Visibility must be positive")
	case cfg.DeadLetters == name:
		return errors.New("a queue cannot be its own dead letter queue")
	case cfg.DeadLetters != "" && !queueName.MatchString(cfg.DeadLetters):
		return errors.New("DeadLetters is no queue's name")
	}
	return nil
}

// register returns the queue that has the name from now on.
func (db *DB) register(q *Queue) *Queue {
	db.naming.Lock()
	defer db.naming.Unlock()
	if have := db.queues[q.name]; have != nil {
		return have
	}
	db.queues[q.name] = q
	return q
}

// named is a queue that has been opened, or nil.
func (db *DB) named(name string) *Queue {
	db.naming.Lock()
	defer db.naming.Unlock()
	return db.queues[name]
}

// Send puts a message on the queue; it is durable when Send returns. It is
// visible after m.Delay, counted from when it is written.
func (q *Queue) Send(ctx context.Context, m queue.Message) error {
	if len(m.Body) > MaxBody {
		return fmt.Errorf("send to %s: %w: %d bytes, at most %d", q.name, ErrTooLarge, len(m.Body), MaxBody)
	}
	record := encodeMessage(m, q.db.now())
	var at place
	err := q.db.write(ctx, &write{
		size:    len(record),
		apply:   func(t *txn) error { at = t.enqueue(q.prefix, m.Delay, record); return nil },
		durable: func() { q.arrived(at) },
	})
	if err != nil {
		return fmt.Errorf("send to %s: %w", q.name, err)
	}
	return nil
}

func (t *txn) enqueue(prefix []byte, delay time.Duration, record []byte) place {
	at := place{t.now.Add(max(delay, 0)).UnixNano(), t.next(queues)}
	t.put(queues, at.key(prefix), record)
	return at
}

// arrived takes note of a message that is durable now. It may lie before what
// has been given out already: one whose delay ends in between is written first.
func (q *Queue) arrived(at place) {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.count++
	if !q.passed.less(at) {
		q.passed = at.previous()
	}
	if at.visible < q.next {
		q.next = at.visible
		q.wake()
	}
}

// Delete removes messages by the ids they were received with, all in one
// write. Those that are not there any more are left out silently.
func (q *Queue) Delete(ctx context.Context, ids ...string) error {
	if len(ids) == 0 {
		return nil
	}
	places, err := parsePlaces(ids)
	if err != nil {
		return fmt.Errorf("delete from %s: %w", q.name, err)
	}
	var gone []place
	err = q.db.write(ctx, &write{
		size: 32 * len(ids),
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

// Len is how many messages the queue holds: visible, delayed and given out.
func (q *Queue) Len() int {
	q.mu.Lock()
	defer q.mu.Unlock()
	return q.count
}
