package embedded

import (
	"context"
	"fmt"
	"slices"

	"github.com/jobhook/jobhook/shared/webhook"
)

// InsertNote stores a note, or answers webhook.ErrLost when its key is taken.
func (db *DB) InsertNote(ctx context.Context, n webhook.Note) error {
	return db.writeNote(ctx, n, func(have *webhook.Note) error {
		if have != nil {
			return webhook.ErrLost
		}
		return nil
	})
}

// ReplaceNote stores n in place of the record whose Rev is rev, or answers
// webhook.ErrLost.
func (db *DB) ReplaceNote(ctx context.Context, rev string, n webhook.Note) error {
	return db.writeNote(ctx, n, func(have *webhook.Note) error {
		if have == nil || have.Rev != rev {
			return webhook.ErrLost
		}
		return nil
	})
}

// writeNote stores n if check allows it in place of what is there, or if it is
// there already.
func (db *DB) writeNote(ctx context.Context, n webhook.Note, check func(have *webhook.Note) error) error {
	key, record := noteKey(n.Kind, n.Owner, n.ID), encodeNote(n)
	return db.write(ctx, &write{size: len(record), apply: func(t *txn) error {
		have, err := t.note(key)
		if err != nil {
			return err
		}
		if err := check(have); err != nil {
			if have == nil {
				return err
			}
			return unlessSame(have.Rev, n.Rev)
		}
		t.putExpiring(notes, key, record)
		return nil
	}})
}

// Note reads one note, or answers webhook.ErrNotFound.
func (db *DB) Note(_ context.Context, kind webhook.NoteKind, owner, id string) (webhook.Note, error) {
	var n *webhook.Note
	err := db.view(func(t *txn) (err error) {
		n, err = t.note(noteKey(kind, owner, id))
		return err
	})
	if err == nil && n == nil {
		err = fmt.Errorf("note %s %s: %w", kind, id, webhook.ErrNotFound)
	}
	if err != nil {
		return webhook.Note{}, err
	}
	return *n, nil
}

// Notes lists notes of one kind and owner, by id.
func (db *DB) Notes(_ context.Context, kind webhook.NoteKind, owner string, limit int, cursor string) ([]webhook.Note, string, error) {
	l := listing{table: notes, prefix: noteKey(kind, owner, "")}
	return readPage(db, l, limit, cursor, func(t *txn, id, _ []byte) (*webhook.Note, error) {
		return t.note(append(slices.Clip(l.prefix), id...))
	})
}

// note finds a note; nil when there is none.
func (t *txn) note(key []byte) (*webhook.Note, error) {
	raw := t.get(notes, key)
	if raw == nil {
		return nil, nil
	}
	n, err := decodeNote(raw)
	if err != nil || t.gone(n.ExpiresAt) {
		return nil, err
	}
	return &n, nil
}

func noteKey(kind webhook.NoteKind, owner, id string) []byte {
	return append(appendName(appendName(nil, string(kind)), owner), id...)
}
