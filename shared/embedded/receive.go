package embedded

import (
	"context"
	"fmt"
	"time"
)

// Received is a message as a receiver gets it.
type Received struct {
	ID       string // the same each time; Delete takes it
	Body     []byte
	Reason   string // why a completion was rejected or a message became a dead letter; else empty
	Receives int    // how often it has been received since the file was opened, this time included
	SentAt   time.Time
	Group    string
}

// Receive returns up to max messages that are visible, oldest first, and hides
// them for the queue's visibility. It does not wait: none is an answer. Messages
// that have been received too often move to the dead-letter queue first.
func (q *Queue) Receive(ctx context.Context, max int) ([]Received, error) {
	for {
		if err := ctx.Err(); err != nil {
			return nil, err
		}
		got, spent, err := q.take(max)
		if err == nil && len(spent) > 0 {
			err = q.bury(ctx, spent)
		}
		if err != nil && len(got) == 0 {
			return nil, fmt.Errorf("receive from %s: %w", q.name, err)
		}
		if len(got) > 0 || len(spent) == 0 {
			return got, nil // what could not be buried is redelivered
		}
	}
}

// take receives what is visible. spent are messages that have been received
// too often; they are hidden too, until they are buried.
//
// It reads while it holds the queue, so that no message can become durable
// behind passed without arrived taking note of it.
func (q *Queue) take(max int) (got []Received, spent []place, err error) {
	q.mu.Lock()
	defer q.mu.Unlock()
	now := q.db.now()
	s := scan{q: q, max: max, now: now.UnixNano(), until: now.Add(q.cfg.Visibility).UnixNano()}
	err = q.db.view(func(t *txn) error {
		s.cursor = t.cursor(queues)
		if err := s.returned(); err != nil {
			return err
		}
		return s.fresh()
	})
	return s.got, s.spent, err
}

// scan is one Receive's walk over its queue.
type scan struct {
	q          *Queue
	cursor     *cursor
	max        int
	now, until int64
	got        []Received
	spent      []place
}

func (s *scan) full() bool { return len(s.got)+len(s.spent) >= s.max }

// returned redelivers what was not deleted in time.
func (s *scan) returned() error {
	q := s.q
	for one := q.flights.first(); one != nil && one.until <= s.now && !s.full(); one = q.flights.first() {
		k, raw := s.cursor.Seek(one.at.key(q.prefix))
		found, ok := placeIn(k, q.prefix)
		switch {
		case !ok || found != one.at: // deleted; left is about to be called
			q.flights.end(one.at)
		case q.cfg.DeadLetters != "" && q.cfg.MaxReceives > 0 && one.receives >= q.cfg.MaxReceives:
			q.flights.start(one.at, s.until)
			s.spent = append(s.spent, one.at)
		default:
			if err := s.give(one.at, raw); err != nil {
				return err
			}
		}
	}
	return nil
}

// fresh receives what has not been before, and notes where it stopped and
// from when on there is more.
func (s *scan) fresh() error {
	q := s.q
	for k, raw := s.cursor.Seek(q.passed.key(q.prefix)); ; k, raw = s.cursor.Next() {
		at, ok := placeIn(k, q.prefix)
		switch {
		case !ok:
			q.next = never
			return nil
		case q.flights.by[at] != nil: // known already
		case at.visible() > s.now || s.full():
			q.next = at.visible()
			return nil
		default:
			if err := s.give(at, raw); err != nil {
				return err
			}
		}
		if at.visible() <= s.now {
			q.passed = at
		}
	}
}

// give adds a message to what is received.
func (s *scan) give(at place, raw []byte) error {
	m, err := readMessage(at, raw)
	if err != nil {
		return err
	}
	m.Receives = s.q.flights.start(at, s.until).receives
	s.got = append(s.got, *m)
	return nil
}

func readMessage(at place, raw []byte) (*Received, error) {
	m, err := decode[Received](0, raw)
	if err != nil {
		return nil, fmt.Errorf("message %s: %w", at.id(), err)
	}
	m.ID = at.id()
	return m, nil
}

// bury moves messages to the dead-letter queue, with a reason for people to read.
func (q *Queue) bury(ctx context.Context, spent []place) error {
	var gone, arrived []place
	prefix := nameKey("", q.cfg.DeadLetters)
	return q.db.write(ctx, &write{
		apply: func(t *txn) error {
			gone, arrived = nil, nil
			for _, at := range spent {
				key := at.key(q.prefix)
				raw := t.get(queues, key)
				if raw == nil {
					continue
				}
				m, err := readMessage(at, raw)
				if err != nil {
					return err
				}
				if m.Reason == "" {
					m.Reason = fmt.Sprintf("%s: received %d times and never deleted", q.name, q.cfg.MaxReceives)
				}
				gone, arrived = append(gone, at), append(arrived, t.enqueue(prefix, 0, encode(0, 128+len(m.Body), m)))
				t.delete(queues, key)
			}
			return nil
		},
		durable: func() {
			q.left(gone)
			have, _ := q.db.queues.Load(q.cfg.DeadLetters)
			if dead, open := have.(*Queue); open {
				for _, at := range arrived {
					dead.arrived(at)
				}
			}
		},
	})
}
