package embedded

import (
	"context"
	"maps"
	"slices"
	"time"

	"github.com/jobhook/jobhook/shared/webhook"
)

// InsertEndpoint stores a new endpoint, or answers webhook.ErrLost when its id
// is taken.
func (db *DB) InsertEndpoint(ctx context.Context, e webhook.Endpoint) error {
	e = owned(e)
	return db.writeEndpoint(ctx, func(t *txn) error {
		have, err := t.endpoint(e.Account, e.ID)
		switch {
		case err != nil:
			return err
		case have != nil && have.Removed():
			return webhook.ErrLost
		case have != nil:
			return unlessSame(have.Rev, e.Rev)
		}
		t.putEndpoint(e)
		t.raiseGeneration(e.Account)
		return nil
	})
}

// ReplaceEndpoint stores e, but for its Health, in place of the record whose
// Rev is rev, or answers webhook.ErrLost.
func (db *DB) ReplaceEndpoint(ctx context.Context, rev string, e webhook.Endpoint) error {
	e = owned(e)
	return db.writeEndpoint(ctx, func(t *txn) error {
		have, err := t.endpoint(e.Account, e.ID)
		switch {
		case err != nil:
			return err
		case have == nil || have.Removed():
			return webhook.ErrLost
		case have.Rev != rev:
			return unlessSame(have.Rev, e.Rev)
		}
		next := e
		next.Health = have.Health
		t.putEndpoint(next)
		t.raiseGeneration(e.Account)
		return nil
	})
}

// RemoveEndpoint leaves a tombstone until expires, or answers
// webhook.ErrNotFound.
func (db *DB) RemoveEndpoint(ctx context.Context, account, id string, at, expires time.Time) error {
	return db.writeEndpoint(ctx, func(t *txn) error {
		e, err := t.present(account, id)
		if err != nil {
			return err
		}
		e.RemovedAt, e.ExpiresAt, e.Secrets = at, expires, nil
		t.putEndpoint(*e)
		t.raiseGeneration(account)
		return nil
	})
}

// SetHealth replaces an endpoint's Health, or answers webhook.ErrNotFound.
func (db *DB) SetHealth(ctx context.Context, account, id string, h webhook.Health) error {
	return db.writeEndpoint(ctx, func(t *txn) error {
		e, err := t.present(account, id)
		if err != nil {
			return err
		}
		e.Health = h
		t.putEndpoint(*e)
		return nil
	})
}

// owned shares nothing with the caller's record: the writer may still encode it
// when its caller has given up.
func owned(e webhook.Endpoint) webhook.Endpoint {
	e.Events, e.Headers, e.Secrets = slices.Clone(e.Events), maps.Clone(e.Headers), slices.Clone(e.Secrets)
	return e
}

func (db *DB) writeEndpoint(ctx context.Context, apply func(*txn) error) error {
	return db.write(ctx, &write{size: 1024, apply: apply})
}

func (t *txn) raiseGeneration(account string) {
	t.put(endpoints, endpointKey(account, ""), seqKey(uint64(t.generation(account)+1)))
}

// putEndpoint writes an endpoint with its places among the failing and among
// what expires.
func (t *txn) putEndpoint(e webhook.Endpoint) {
	key := endpointKey(e.Account, e.ID)
	failingKey := func(e webhook.Endpoint) []byte { return append(appendTime(nil, e.Health.FailingSince), key...) }
	fails := func(e webhook.Endpoint) bool { return !e.Health.FailingSince.IsZero() && !e.Removed() }
	var have webhook.Endpoint
	if raw := t.get(endpoints, key); raw != nil {
		have, _ = decodeEndpoint(raw)
	}
	if fails(have) {
		t.delete(failing, failingKey(have))
	}
	if fails(e) {
		t.put(failing, failingKey(e), nil)
	}
	t.putExpiring(endpoints, key, encodeEndpoint(e))
}
