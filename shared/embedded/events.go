package embedded

import (
	"bytes"
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/jobhook/jobhook/shared/webhook"
)

// Events reads events by message id, with nil for those that are not there.
func (db *DB) Events(_ context.Context, messageIDs ...string) ([]*webhook.Event, error) {
	return each(db, messageIDs, (*txn).readEvent)
}

// Arrivals is Events and Generations.
func (db *DB) Arrivals(ctx context.Context, messageIDs, accounts []string) ([]*webhook.Event, []int64, error) {
	found, err := db.Events(ctx, messageIDs...)
	if err != nil {
		return nil, nil, err
	}
	generations, err := db.Generations(ctx, accounts...)
	return found, generations, err
}

// JobEvents reads up to webhook.MaxJobEvents events of a job, by OccurredAt.
func (db *DB) JobEvents(_ context.Context, account, jobID string) (found []webhook.Event, err error) {
	id := webhook.MessageID(account, jobID, "")
	_, eventPart, _ := webhook.SplitMessageID(id)
	prefix := []byte(strings.TrimSuffix(id, eventPart))
	err = db.view(func(t *txn) error {
		c := t.bucket(ids).Cursor()
		for id, _ := c.Seek(prefix); bytes.HasPrefix(id, prefix) && len(found) < webhook.MaxJobEvents; id, _ = c.Next() {
			e, err := t.readEvent(string(id))
			if err != nil {
				return err
			}
			if e != nil && e.Account == account && e.Job.ID == jobID {
				found = append(found, *e)
			}
		}
		return nil
	})
	slices.SortStableFunc(found, func(a, b webhook.Event) int { return a.OccurredAt.Compare(b.OccurredAt) })
	return found, err
}

// each reads something for each key in one consistent state of the file.
func each[K, V any](db *DB, keys []K, read func(*txn, K) (V, error)) ([]V, error) {
	all := make([]V, len(keys))
	err := db.view(func(t *txn) (err error) {
		for i := 0; i < len(keys) && err == nil; i++ {
			all[i], err = read(t, keys[i])
		}
		return err
	})
	if err != nil {
		return nil, err
	}
	return all, nil
}

func (t *txn) readEvent(messageID string) (*webhook.Event, error) {
	have, err := t.alive(messageID)
	if have == nil || err != nil {
		return nil, err
	}
	e, err := have.event()
	if err != nil {
		return nil, fmt.Errorf("event %s: %w", messageID, err)
	}
	return &e, nil
}

// found is an event as it is now, its body unread.
type found struct {
	eventRecord
	seq uint64
}

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

// alive finds an event that has not expired; nil when there is none.
func (t *txn) alive(messageID string) (*found, error) {
	seq, ok := t.seq(messageID)
	if !ok {
		return nil, nil
	}
	have, err := t.event(seq)
	if err != nil {
		return nil, fmt.Errorf("event %s: %w", messageID, err)
	}
	if have == nil || t.gone(have.expires) {
		return nil, nil
	}
	return have, nil
}
