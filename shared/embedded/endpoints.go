package embedded

import (
	"context"
	"fmt"
	"time"

	"github.com/jobhook/jobhook/shared/webhook"
)

// AccountEndpoints reads all of an account's endpoints, disabled and removed
// ones and its job record included.
func (db *DB) AccountEndpoints(_ context.Context, account string) ([]webhook.Endpoint, error) {
	list, _, err := db.endpointPage(account, -1, "", func(*webhook.Endpoint) bool { return true })
	return list, err
}

// ListEndpoints lists an account's endpoints by id, without removed ones and
// the job record.
func (db *DB) ListEndpoints(_ context.Context, account string, limit int, cursor string) ([]webhook.Endpoint, string, error) {
	return db.endpointPage(account, limit, cursor, func(e *webhook.Endpoint) bool { return !e.Removed() && e.ID != webhook.JobTarget })
}

func (db *DB) endpointPage(account string, limit int, cursor string, show func(*webhook.Endpoint) bool) ([]webhook.Endpoint, string, error) {
	l := listing{table: endpoints, prefix: nameKey("", account)}
	return readPage(db, l, limit, cursor, func(t *txn, id, _ []byte) (*webhook.Endpoint, error) {
		e, err := t.endpoint(account, string(id))
		if e == nil || err != nil || !show(e) {
			return nil, err
		}
		return e, nil
	})
}

// Generations reads how often each account's endpoints have changed.
func (db *DB) Generations(_ context.Context, accounts ...string) ([]int64, error) {
	return each(db, accounts, func(t *txn, account string) (int64, error) { return t.generation(account), nil })
}

// generation lies where the endpoint without an id would.
func (t *txn) generation(account string) int64 {
	return int64(number(t.get(endpoints, nameKey("", account))))
}

// Endpoint reads one endpoint or the job record, or answers webhook.ErrNotFound.
func (db *DB) Endpoint(_ context.Context, account, id string) (webhook.Endpoint, error) {
	found, err := each(db, []string{id}, func(t *txn, id string) (*webhook.Endpoint, error) { return t.present(account, id) })
	if err != nil {
		return webhook.Endpoint{}, err
	}
	return *found[0], nil
}

// endpoint finds an endpoint, or what is left of a removed one; nil when there
// is none.
func (t *txn) endpoint(account, id string) (*webhook.Endpoint, error) {
	if id == "" { // the account's generation
		return nil, nil
	}
	e, err := find[webhook.Endpoint](t, endpoints, nameKey(id, account))
	switch {
	case err != nil:
		return nil, fmt.Errorf("endpoint %s: %w", id, err)
	case e == nil || t.gone(e.ExpiresAt):
		return nil, nil
	}
	return e, nil
}

// present finds an endpoint that is not removed, or answers
// webhook.ErrNotFound.
func (t *txn) present(account, id string) (*webhook.Endpoint, error) {
	e, err := t.endpoint(account, id)
	switch {
	case err != nil:
		return nil, err
	case e == nil || e.Removed():
		return nil, fmt.Errorf("endpoint %s: %w", id, webhook.ErrNotFound)
	}
	return e, nil
}

// Failing lists endpoints with a FailingSince, longest failing first.
func (db *DB) Failing(_ context.Context, limit int, cursor string) ([]webhook.Endpoint, string, error) {
	return readPage(db, listing{table: failing}, limit, cursor, func(t *txn, place, _ []byte) (*webhook.Endpoint, error) {
		if len(place) < timeSize {
			return nil, fmt.Errorf("list of failing endpoints: %w", errRecord)
		}
		e, err := decode[webhook.Endpoint](t.epoch, t.get(endpoints, place[timeSize:]))
		if err != nil || t.gone(e.ExpiresAt) {
			return nil, err
		}
		return e, nil
	})
}

// InsertEndpoint stores a new endpoint, or answers webhook.ErrLost when its id
// is taken.
func (db *DB) InsertEndpoint(ctx context.Context, e webhook.Endpoint) error {
	return db.storeEndpoint(ctx, e, func(have *webhook.Endpoint) bool { return have == nil })
}

// ReplaceEndpoint stores e, but for its Health, in place of the record whose
// Rev is rev, or answers webhook.ErrLost.
func (db *DB) ReplaceEndpoint(ctx context.Context, rev string, e webhook.Endpoint) error {
	return db.storeEndpoint(ctx, e, func(have *webhook.Endpoint) bool { return have != nil && have.Rev == rev })
}

// storeEndpoint stores e if it may take the place of what is there.
func (db *DB) storeEndpoint(ctx context.Context, e webhook.Endpoint, may func(have *webhook.Endpoint) bool) error {
	return db.write(ctx, &write{apply: func(t *txn) error {
		have, err := t.endpoint(e.Account, e.ID)
		next := e
		switch {
		case err != nil:
			return err
		case have != nil && have.Removed() || have == nil && !may(nil):
			return webhook.ErrLost
		case !may(have):
			return unlessSame(have.Rev, e.Rev)
		case have != nil:
			next.Health = have.Health
		}
		t.putEndpoint(&next)
		t.raiseGeneration(e.Account)
		return nil
	}})
}

// RemoveEndpoint leaves a tombstone until expires, or answers
// webhook.ErrNotFound.
func (db *DB) RemoveEndpoint(ctx context.Context, account, id string, at, expires time.Time) error {
	return db.changeEndpoint(ctx, account, id, func(t *txn, e *webhook.Endpoint) {
		e.RemovedAt, e.ExpiresAt, e.Secrets = at, expires, nil
		t.raiseGeneration(account)
	})
}

// SetHealth replaces an endpoint's Health, or answers webhook.ErrNotFound.
func (db *DB) SetHealth(ctx context.Context, account, id string, h webhook.Health) error {
	return db.changeEndpoint(ctx, account, id, func(_ *txn, e *webhook.Endpoint) { e.Health = h })
}

func (db *DB) changeEndpoint(ctx context.Context, account, id string, change func(*txn, *webhook.Endpoint)) error {
	return db.write(ctx, &write{apply: func(t *txn) error {
		e, err := t.present(account, id)
		if err != nil {
			return err
		}
		change(t, e)
		t.putEndpoint(e)
		return nil
	}})
}

func (t *txn) raiseGeneration(account string) {
	t.put(endpoints, nameKey("", account), seqKey(uint64(t.generation(account)+1)))
}

// putEndpoint writes an endpoint with its places among the failing and among
// what expires.
func (t *txn) putEndpoint(e *webhook.Endpoint) {
	key := nameKey(e.ID, e.Account)
	failingKey := func(e *webhook.Endpoint) []byte { return append(appendTime(nil, e.Health.FailingSince), key...) }
	fails := func(e *webhook.Endpoint) bool { return e != nil && !e.Health.FailingSince.IsZero() && !e.Removed() }
	if have, _ := find[webhook.Endpoint](t, endpoints, key); fails(have) {
		t.delete(failing, failingKey(have))
	}
	if fails(e) {
		t.put(failing, failingKey(e), nil)
	}
	t.putExpiring(endpoints, key, encode(t.epoch, 512, e))
}
