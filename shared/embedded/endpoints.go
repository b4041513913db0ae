package embedded

import (
	"context"
	"fmt"

	"github.com/jobhook/jobhook/shared/webhook"
)

// AccountEndpoints reads all of an account's endpoints, disabled and removed
// ones and its job record included.
func (db *DB) AccountEndpoints(_ context.Context, account string) ([]webhook.Endpoint, error) {
	list, _, err := db.endpointPage(account, -1, "", func(webhook.Endpoint) bool { return true })
	return list, err
}

// ListEndpoints lists an account's endpoints by id, without removed ones and
// the job record.
func (db *DB) ListEndpoints(_ context.Context, account string, limit int, cursor string) ([]webhook.Endpoint, string, error) {
	return db.endpointPage(account, limit, cursor, func(e webhook.Endpoint) bool { return !e.Removed() && e.ID != webhook.JobTarget })
}

func (db *DB) endpointPage(account string, limit int, cursor string, show func(webhook.Endpoint) bool) ([]webhook.Endpoint, string, error) {
	l := listing{table: endpoints, prefix: endpointKey(account, "")}
	return readPage(db, l, limit, cursor, func(t *txn, id, _ []byte) (*webhook.Endpoint, error) {
		if len(id) == 0 { // the account's generation
			return nil, nil
		}
		e, err := t.endpoint(account, string(id))
		if e == nil || err != nil || !show(*e) {
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
	return int64(number(t.get(endpoints, endpointKey(account, ""))))
}

// Endpoint reads one endpoint or the job record, or answers webhook.ErrNotFound.
func (db *DB) Endpoint(_ context.Context, account, id string) (webhook.Endpoint, error) {
	var e *webhook.Endpoint
	err := db.view(func(t *txn) (err error) {
		e, err = t.present(account, id)
		return err
	})
	if err != nil {
		return webhook.Endpoint{}, err
	}
	return *e, nil
}

// endpoint finds an endpoint, or what is left of a removed one; nil when there
// is none.
func (t *txn) endpoint(account, id string) (*webhook.Endpoint, error) {
	raw := t.get(endpoints, endpointKey(account, id))
	if raw == nil || id == "" {
		return nil, nil
	}
	e, err := decodeEndpoint(raw)
	if err != nil {
		return nil, fmt.Errorf("endpoint %s: %w", id, err)
	}
	if t.gone(e.ExpiresAt) {
		return nil, nil
	}
	return &e, nil
}

// present finds an endpoint that is not removed, or answers
// webhook.ErrNotFound.
func (t *txn) present(account, id string) (*webhook.Endpoint, error) {
	e, err := t.endpoint(account, id)
	if err != nil {
		return nil, err
	}
	if e == nil || e.Removed() {
		return nil, fmt.Errorf("endpoint %s: %w", id, webhook.ErrNotFound)
	}
	return e, nil
}

// Failing lists endpoints with a FailingSince, longest failing first.
func (db *DB) Failing(_ context.Context, limit int, cursor string) ([]webhook.Endpoint, string, error) {
	return readPage(db, listing{table: failing}, limit, cursor, func(t *txn, place, _ []byte) (*webhook.Endpoint, error) {
		if len(place) < timeSize {
			return nil, recordError("list of failing endpoints")
		}
		e, err := decodeEndpoint(t.get(endpoints, place[timeSize:]))
		if err != nil || t.gone(e.ExpiresAt) {
			return nil, err
		}
		return &e, nil
	})
}
