package embedded

import (
	"context"
	"errors"
	"fmt"
	"math"
	"regexp"
	"sync"
	"time"
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
	passed  place         // up to here all messages have been received
	next    int64         // from when on there may be one beyond passed to receive
	flights flights       // those in flight
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
		return errors.New("a queue cannot be its own dead-letter queue")
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

// ChangeVisibility makes messages that were received visible again after these
// times from now, 0 for at once, by the ids they were received with. Those that
// are not in flight are ignored. It is not durable: when the file is opened
// again, all that was in flight is visible at once.
func (q *Queue) ChangeVisibility(_ context.Context, visibility map[string]time.Duration) error {
	q.mu.Lock()
	defer q.mu.Unlock()
	before, now := q.due(), q.db.now()
	for id, d := range visibility {
		if at, ok := parsePlace(id); ok {
			q.flights.move(at, now.Add(max(d, 0)).UnixNano())
		}
	}
	if q.due() < before {
		q.wake()
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

// Len is how many messages the queue holds: visible, delayed and in flight.
func (q *Queue) Len() int {
	q.mu.Lock()
	defer q.mu.Unlock()
	return q.count
}
