package embedded

import (
	"context"
	"fmt"
	"math"
	"time"

	"github.com/jobhook/jobhook/shared/webhook"
)

// Received is a message as a receiver gets it.
type Received struct {
	ID       string // the same each time; Delete takes it
	Body     []byte
	Reason   string // why a completion was rejected or a message became a dead letter; else empty
	Receives int    // how often it has been received since the file was opened, this time included
	SentAt   time.Time
	Group    string
	Result   int            // bytes of the event's result and error, of a message that Accept sent
	Event    *webhook.Event // of such a message, as it was accepted, at its first receive; nil: it must be read
}

// Receive returns up to max messages that are visible and hides them for the
// queue's visibility. Each is the oldest of the group that has the fewest
// messages in flight, of several such groups the one served least recently. It
// does not wait: none is an answer. Messages that have been received too often
// move to the dead-letter queue first.
func (q *Queue) Receive(ctx context.Context, max int) ([]Received, error) {
	return q.ReceiveBelow(ctx, max, math.MaxInt)
}

// ReceiveBelow is Receive for groups that have fewer than below messages in flight.
func (q *Queue) ReceiveBelow(ctx context.Context, max, below int) ([]Received, error) {
	for {
		if err := ctx.Err(); err != nil {
			return nil, err
		}
		got, spent, err := q.take(max, below)
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
// What is not counted yet is not taken: it may not be on disk, and whoever
// receives it acts on it. Its arrival sets its group's head.
func (q *Queue) take(max, below int) (got []Received, spent []place, err error) {
	q.mu.Lock()
	defer q.mu.Unlock()
	now := q.db.now()
	q.advance(now.UnixNano())
	if q.ready.first() == nil {
		return nil, nil, nil
	}
	s := scan{q: q, until: now.Add(q.cfg.Visibility).UnixNano()}
	err = q.db.view(func(t *txn) error {
		s.cursor = t.cursor(queues)
		for len(s.got)+len(s.spent) < max {
			g := q.ready.first()
			if g == nil || g.flying >= below { // all others have as many or more
				return nil
			}
			if err := s.serve(g); err != nil {
				return err
			}
		}
		return nil
	})
	return s.got, s.spent, err
}

// scan is one Receive's work on its queue.
type scan struct {
	q      *Queue
	cursor *cursor
	until  int64
	got    []Received
	spent  []place
}

// seek moves to the first message of the queue at a place or behind it.
func (s *scan) seek(to place) (at place, raw []byte, ok bool) {
	s.q.steps++
	k, raw := s.cursor.Seek(to.key(s.q.prefix))
	at, ok = placeIn(k, s.q.prefix)
	return at, raw, ok
}

// serve takes one message of a group that is ready: one that was received
// before and not deleted in time, else the oldest that never was.
func (s *scan) serve(g *group) error {
	defer s.q.file(g)
	f := g.returned.first()
	if f == nil {
		return s.fresh(g)
	}
	at, raw, ok := s.seek(f.at)
	switch {
	case !ok || at != f.at: // deleted; left is about to be called
		s.q.end(f)
		return nil
	case s.q.cfg.DeadLetters != "" && s.q.cfg.MaxReceives > 0 && f.receives >= s.q.cfg.MaxReceives:
		s.q.start(g, at, s.until)
		s.spent = append(s.spent, at)
		return nil
	}
	return s.give(g, at, raw)
}

// fresh receives a group's head and finds the next one.
func (s *scan) fresh(g *group) error {
	at, raw, ok := s.seek(g.head)
	given, err := false, error(nil)
	for {
		switch {
		case !ok || at.group() != g.id:
			g.head = nowhere
			return err
		case at.seq() > s.q.last, s.q.flights[at] != nil: // the latter was received, and one that arrived late was before it
		case given || at.visible() > s.q.now:
			g.head = at
			return err
		default:
			given, err = true, s.give(g, at, raw)
		}
		s.q.steps++
		var k []byte
		k, raw = s.cursor.Next()
		at, ok = placeIn(k, s.q.prefix)
	}
}

// give adds a message to what is received. One that cannot be read is hidden
// like all others, so that it holds up nobody.
func (s *scan) give(g *group, at place, raw []byte) error {
	f := s.q.start(g, at, s.until)
	m := s.q.takeOver(at)
	if m == nil {
		var err error
		if m, err = readMessage(at, raw); err != nil {
			return err
		}
	}
	m.Receives = f.receives
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
				gone, arrived = append(gone, at), append(arrived, t.enqueue(prefix, m.Group, 0, encode(0, 128+len(m.Body), m)))
				t.delete(queues, key)
			}
			return nil
		},
		durable: func() {
			q.left(gone)
			have, _ := q.db.queues.Load(q.cfg.DeadLetters)
			if dead, open := have.(*Queue); open {
				for _, at := range arrived {
					dead.arrived(at, &Received{})
				}
			}
		},
	})
}
