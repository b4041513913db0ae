package embedded

import (
	"bytes"
	"context"
	"fmt"

	"github.com/jobhook/jobhook/shared/webhook"
)

// InsertEndpoint stores a new endpoint, or answers webhook.ErrLost when its id
// is taken in its account.
func (db *DB) InsertEndpoint(ctx context.Context, e webhook.Endpoint) error {
	record := encodeEndpoint(e)
	return db.write(ctx, &write{size: len(record), apply: func(t *txn) error {
		have, err := t.endpoint(e.Account, e.ID)
		if err != nil {
			return err
		}
		if have != nil {
			return unlessSame(have.Rev, e.Rev)
		}
		t.put(endpoints, endpointKey(e.Account, e.ID), record)
		return nil
	}})
}

// ReplaceEndpoint stores e in place of the record whose Rev is rev, or answers
// webhook.ErrLost.
func (db *DB) ReplaceEndpoint(ctx context.Context, rev string, e webhook.Endpoint) error {
	record := encodeEndpoint(e)
	return db.write(ctx, &write{size: len(record), apply: func(t *txn) error {
		have, err := t.endpoint(e.Account, e.ID)
		switch {
		case err != nil:
			return err
		case have == nil:
			return webhook.ErrLost
		case have.Rev != rev:
			return unlessSame(have.Rev, e.Rev)
		}
		t.put(endpoints, endpointKey(e.Account, e.ID), record)
		return nil
	}})
}

// DeleteEndpoint removes an endpoint, or answers webhook.ErrNotFound. Its
// deliveries stay until they expire.
func (db *DB) DeleteEndpoint(ctx context.Context, account, id string) error {
	key := endpointKey(account, id)
	return db.write(ctx, &write{size: len(key), apply: func(t *txn) error {
		if t.get(endpoints, key) == nil {
			return fmt.Errorf("endpoint %s: %w", id, webhook.ErrNotFound)
		}
		t.delete(endpoints, key)
		return nil
	}})
}

// Endpoint returns one endpoint, or webhook.ErrNotFound.
func (db *DB) Endpoint(_ context.Context, account, id string) (webhook.Endpoint, error) {
	var have *webhook.Endpoint
	err := db.view(func(t *txn) (err error) {
		have, err = t.endpoint(account, id)
		return err
	})
	if err == nil && have == nil {
		err = webhook.ErrNotFound
	}
	if err != nil {
		return webhook.Endpoint{}, fmt.Errorf("endpoint %s: %w", id, err)
	}
	return *have, nil
}

// AccountEndpoints lists all of an account's endpoints, enabled or not.
func (db *DB) AccountEndpoints(ctx context.Context, account string) ([]webhook.Endpoint, error) {
	list, _, err := db.ListEndpoints(ctx, account, -1, "")
	return list, err
}

// ListEndpoints lists an account's endpoints by their ids, all of them when
// limit is negative. An empty next says that there are no more. A bad cursor
// is webhook.ErrCursor.
func (db *DB) ListEndpoints(_ context.Context, account string, limit int, cursor string) (list []webhook.Endpoint, next string, err error) {
	last, err := decodeCursor(endpointCursor, cursor)
	if err != nil {
		return nil, "", err
	}
	prefix := appendName(nil, account)
	start := append(bytes.Clone(prefix), last...)
	err = db.view(func(t *txn) error {
		c := t.bucket(endpoints).Cursor()
		for k, v := c.Seek(start); bytes.HasPrefix(k, prefix); k, v = c.Next() {
			if len(last) > 0 && bytes.Equal(k, start) {
				continue
			}
			if len(list) == limit {
				return nil
			}
			e, err := decodeEndpoint(v)
			if err != nil {
				return err
			}
			list, next = append(list, e), encodeCursor(endpointCursor, k[len(prefix):])
		}
		next = ""
		return nil
	})
	return list, next, err
}

// endpoint finds an endpoint; nil when there is none.
func (t *txn) endpoint(account, id string) (*webhook.Endpoint, error) {
	raw := t.get(endpoints, endpointKey(account, id))
	if raw == nil {
		return nil, nil
	}
	e, err := decodeEndpoint(raw)
	if err != nil {
		return nil, err
	}
	return &e, nil
}
