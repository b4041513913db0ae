package dynamo

import (
	"context"
	"encoding/json"
	"fmt"
	"strings"

	"github.com/jobhook/jobhook/shared/webhook"
)

// noteRecord is a note's item. Kind, owner and id are its key.
type noteRecord struct {
	PK      string `dynamodbav:"pk"`
	SK      string `dynamodbav:"sk"`
	Layout  int    `dynamodbav:"v"`
	Rev     string `dynamodbav:"rev"`
	Expires int64  `dynamodbav:"x,omitempty"`
	Data    packed `dynamodbav:"d,omitempty"`
}

func decodeNote(i item) (webhook.Note, error) {
	r, err := decode[noteRecord](i)
	kind, owner, _ := strings.Cut(strings.TrimPrefix(r.PK, "x#"), "#")
	return webhook.Note{
		Kind: webhook.NoteKind(kind), Owner: owner, ID: r.SK, Data: json.RawMessage(r.Data),
		ExpiresAt: readSeconds(r.Expires), Rev: r.Rev,
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
	record, err := encode(noteRecord{k.partition, k.sort, webhook.Layout, n.Rev, seconds(n.ExpiresAt), packed(n.Data)})
	if err != nil {
		return err
	}
	if err := checkSize(record); err != nil {
		return err
	}
	return s.put(ctx, k, record, rev)
}

// Note reads one note, see webhook.Store.
func (s *Store) Note(ctx context.Context, kind webhook.NoteKind, owner, id string) (webhook.Note, error) {
	k := s.noteKey(kind, owner, id)
	found, err := s.read(ctx, nil, k)
	var n *webhook.Note
	if err == nil {
		n, err = pick(found, k, decodeNote)
	}
	switch {
	case err != nil:
		return webhook.Note{}, wrap(err, "read %s note %.80q", kind, id)
	case n == nil:
		return webhook.Note{}, fmt.Errorf("%s note %.80q: %w", kind, id, webhook.ErrNotFound)
	}
	return *n, nil
}

// Notes lists notes, see webhook.Store.
func (s *Store) Notes(ctx context.Context, kind webhook.NoteKind, owner string, limit int, cursor string) ([]webhook.Note, string, error) {
	rows, next, err := s.page(ctx, list{
		table: s.tables.Deliveries, partition: attrPK, partitions: []string{notePartition(kind, owner)}, rank: attrSK,
		mark: mark("notes", string(kind), owner), limit: limit,
	}, cursor)
	notes := make([]webhook.Note, len(rows))
	for i, row := range rows {
		if err == nil {
			notes[i], err = decodeNote(row)
		}
	}
	if err != nil {
		return nil, "", wrap(err, "%s notes", kind)
	}
	return notes, next, nil
}
