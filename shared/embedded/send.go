package embedded

import (
	"context"
	"fmt"
	"time"

	"github.com/jobhook/jobhook/shared/schedule"
	"github.com/jobhook/jobhook/shared/webhook"
)

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
	record := encodeMessage(m, q.db.now())
	var at place
	return &write{
		size:    len(record),
		apply:   func(t *txn) error { at = t.enqueue(q.prefix, m.Delay, record); return nil },
		durable: func() { q.arrived(at) },
	}
}

func (t *txn) enqueue(prefix []byte, delay time.Duration, record []byte) place {
	at := place{t.now.Add(delay).UnixNano(), t.next(queues)}
	t.put(queues, at.key(prefix), record)
	return at
}

// arrived takes note of a message that is durable now. It may lie before what
// has been received already: one whose delay ends in between is written first.
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
