package dynamo

import (
	"context"
	"encoding/json"
	"strings"

	"github.com/jobhook/jobhook/shared/webhook"
)

// noteRecord is a note's item. Kind, owner and id are its key.
type noteRecord struct {
	head

	Data packed `dynamodbav:"d,omitempty"`
}

func decodeNote(i item) (webhook.Note, error) {
	r, err := decode[noteRecord](i)
	kind, owner, _ := strings.Cut(strings.TrimPrefix(r.PK, "x#"), "#")
	return webhook.Note{
		Kind: webhook.NoteKind(kind), Owner: owner, ID: r.SK, Data: json.RawMessage(r.Data), ExpiresAt: r.Expires.UTC(), Rev: r.Rev,
	}, err
}

// InsertNote stores a note, see webhook.Store.
func (s *Store) InsertNote(ctx context.Context, n webhook.Note) error {
	return wrap(s.putNote(ctx, "", n), "insert %s note %.80q", n.Kind, n.ID)
}

// ReplaceNote stores a note in place of one, see webhook.Store.
func (s *Store) ReplaceNote(ctx context.Context, rev string, n webhook.Note) error {
	return wrap(s.putNote(ctx, rev, n), "replace %s note %.80q", n.Kind, n.ID)
}

func (s *Store) putNote(ctx context.Context, rev string, n webhook.Note) error {
	k := s.noteKey(n.Kind, n.Owner, n.ID)
	record, err := encode(noteRecord{head{k.partition, k.sort, webhook.Layout, n.Rev, n.ExpiresAt}, packed(n.Data)})
	if err != nil {
		return err
	}
	return s.put(ctx, k, record, rev)
}

// Note reads one note, see webhook.Store.
func (s *Store) Note(ctx context.Context, kind webhook.NoteKind, owner, id string) (webhook.Note, error) {
	n, err := one(ctx, s, s.noteKey(kind, owner, id), decodeNote)
	return n, wrap(err, "%s note %.80q", kind, id)
}

// Notes lists notes, see webhook.Store.
func (s *Store) Notes(ctx context.Context, kind webhook.NoteKind, owner string, limit int, cursor string) ([]webhook.Note, string, error) {
	notes, next, err := pageOf(ctx, s, list{
		table: s.tables.Deliveries, partition: attrPK, partitions: []string{s.noteKey(kind, owner, "").partition}, rank: attrSK,
		mark: mark("notes", string(kind), owner), limit: limit,
	}, cursor, decodeNote)
	return notes, next, wrap(err, "%s notes", kind)
}
