package embedded

import (
	"context"
	"fmt"
	"slices"

	"github.com/jobhook/jobhook/shared/webhook"
)

// InsertNote stores a note, or answers webhook.ErrLost when its key is taken.
func (db *DB) InsertNote(ctx context.Context, n webhook.Note) error {
	return db.storeNote(ctx, n, func(have *webhook.Note) bool { return have == nil })
}

// ReplaceNote stores n in place of the record whose Rev is rev, or answers
// webhook.ErrLost.
func (db *DB) ReplaceNote(ctx context.Context, rev string, n webhook.Note) error {
	return db.storeNote(ctx, n, func(have *webhook.Note) bool { return have != nil && have.Rev == rev })
}

// storeNote stores n if it may take the place of what is there, or is there
// already.
func (db *DB) storeNote(ctx context.Context, n webhook.Note, may func(have *webhook.Note) bool) error {
	key, record := noteKey(n.Kind, n.Owner, n.ID), encode(db.epoch, 128+len(n.Data), &n)
	return db.write(ctx, &write{apply: func(t *txn) error {
		have, err := t.note(key)
		switch {
		case err != nil:
			return err
		case may(have):
			t.putExpiring(notes, key, record)
			return nil
		case have == nil:
			return webhook.ErrLost
		}
		return unlessSame(have.Rev, n.Rev)
	}})
}

// Note reads one note, or answers webhook.ErrNotFound.
func (db *DB) Note(_ context.Context, kind webhook.NoteKind, owner, id string) (webhook.Note, error) {
	found, err := each(db, [][]byte{noteKey(kind, owner, id)}, (*txn).note)
	switch {
	case err != nil:
		return webhook.Note{}, err
	case found[0] == nil:
		return webhook.Note{}, fmt.Errorf("note %s %s: %w", kind, id, webhook.ErrNotFound)
	}
	return *found[0], nil
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
	n, err := find[webhook.Note](t, notes, key)
	switch {
	case err != nil:
		return nil, fmt.Errorf("note: %w", err)
	case n == nil || t.gone(n.ExpiresAt):
		return nil, nil
	}
	return n, nil
}

func noteKey(kind webhook.NoteKind, owner, id string) []byte { return nameKey(id, string(kind), owner) }
