package embedded

import (
	"context"
	"errors"
	"fmt"

	"github.com/jobhook/jobhook/shared/queue"
	"github.com/jobhook/jobhook/shared/webhook"
)

// InsertEvent stores e unless its message id is taken; then the answer is
// webhook.ErrLost and the event that stands.
func (db *DB) InsertEvent(ctx context.Context, e webhook.Event) (webhook.Event, error) {
	return db.insertEvent(ctx, e, 0, func(*txn) {}, nil)
}

// Accept is InsertEvent that also sends m, in one write: the queue of those
// who are to work on e learns of it, or neither is there.
func (db *DB) Accept(ctx context.Context, e webhook.Event, q *Queue, m queue.Message) (webhook.Event, error) {
	word := encodeMessage(m, db.now())
	var at place
	return db.insertEvent(ctx, e, len(word),
		func(t *txn) { at = t.enqueue(q.prefix, m.Delay, word) },
		func() { q.arrived(at) })
}

// insertEvent writes e, and with it what also writes, size bytes of it.
func (db *DB) insertEvent(ctx context.Context, e webhook.Event, size int, also func(*txn), durable func()) (webhook.Event, error) {
	record := encodeEvent(e, db.epoch)
	var standing *found
	apply := func(t *txn) (err error) {
		if standing, err = t.insertEvent(e, record); err == nil {
			also(t)
		}
		return err
	}
	err := db.write(ctx, &write{size: len(record) + size, apply: apply, durable: durable})
	if err != nil && !errors.Is(err, webhook.ErrLost) {
		return webhook.Event{}, err // perhaps unanswered: standing is still the writer's
	}
	if standing == nil {
		return e, nil
	}
	have, decodeErr := standing.event()
	if decodeErr != nil {
		return webhook.Event{}, decodeErr
	}
	return have, err
}

func (t *txn) insertEvent(e webhook.Event, record []byte) (standing *found, err error) {
	seq, known := t.seq(e.MessageID)
	if known {
		have, err := t.event(seq)
		switch {
		case err != nil:
			return nil, err
		case have != nil && !t.gone(have.expires):
			return have, unlessSame(have.rev, e.Rev)
		case have != nil:
			if err := t.removeEvent(e.MessageID, seq); err != nil {
				return nil, err
			}
		}
	}
	seq = t.seqFor(e.MessageID)
	t.put(events, seqKey(seq), record)
	t.noteExpiry(e.ExpiresAt, seq)
	return nil, nil
}

// unlessSame is the answer to a write that found a record in its place: none
// is needed when it is the very one to be written.
func unlessSame(have, rev string) error {
	if have == rev {
		return nil
	}
	return webhook.ErrLost
}

// LeaseEvent gives the event a lease, a new Rev, and its targets if it has none.
func (db *DB) LeaseEvent(ctx context.Context, messageID, rev string, to webhook.Claim) (webhook.Event, error) {
	var leased *found
	err := db.write(ctx, &write{size: 256, apply: func(t *txn) error {
		have, err := t.standing(messageID)
		if err != nil {
			return err
		}
		if have.rev == to.Rev {
			leased = have
			return nil
		}
		if have.rev != rev {
			return webhook.ErrLost
		}
		have.claim = have.claimed(to, t.epoch)
		t.put(work, workKey(have.seq, ""), encodeClaim(have.claim))
		leased = have
		return nil
	}})
	if err != nil {
		return webhook.Event{}, err
	}
	return leased.event()
}

func (c claim) claimed(to webhook.Claim, epoch uint64) claim {
	c.rev, c.lease, c.epoch = to.Rev, to.Lease, epoch
	if c.targets == nil {
		c.targets = to.Targets
	}
	return c
}

// LoadEvent returns an event with all its deliveries, or webhook.ErrNotFound.
func (db *DB) LoadEvent(_ context.Context, messageID string) (e webhook.Event, list []webhook.Delivery, err error) {
	err = db.view(func(t *txn) error {
		have, err := t.standing(messageID)
		if err != nil {
			return err
		}
		if e, err = have.event(); err != nil {
			return err
		}
		list, err = t.deliveriesOf(have.seq)
		return err
	})
	if err != nil {
		return webhook.Event{}, nil, err
	}
	return e, list, nil
}

// found is an event that is there, as it is now.
type found struct {
	eventRecord
	seq uint64
}

func (f *found) event() (webhook.Event, error) { return f.eventRecord.event() }

// event finds an event by its number, expired or not; nil when there is none.
func (t *txn) event(seq uint64) (*found, error) {
	raw := t.get(events, seqKey(seq))
	if raw == nil {
		return nil, nil
	}
	record, err := openEvent(raw, t.epoch)
	if err != nil {
		return nil, err
	}
	if later := t.get(work, workKey(seq, "")); later != nil {
		if record.claim, err = decodeClaim(later, t.epoch); err != nil {
			return nil, err
		}
	}
	return &found{record, seq}, nil
}

// standing finds an event that has not expired, or answers webhook.ErrNotFound.
func (t *txn) standing(messageID string) (*found, error) {
	seq, ok := t.seq(messageID)
	if !ok {
		return nil, fmt.Errorf("event %s: %w", messageID, webhook.ErrNotFound)
	}
	have, err := t.event(seq)
	if err == nil && (have == nil || t.gone(have.expires)) {
		err = webhook.ErrNotFound
	}
	if err != nil {
		return nil, fmt.Errorf("event %s: %w", messageID, err)
	}
	return have, nil
}
