package storetest

import (
	"encoding/json"
	"fmt"
	"testing"

	"github.com/jobhook/jobhook/shared/webhook"
)

var noteChecks = checks{
	"notes/insert and read":             noteInsert,
	"notes/the second insert loses":     noteInsertLost,
	"notes/replace":                     noteReplace,
	"notes/pages":                       notePages,
	"notes/kinds and owners are apart":  noteApart,
	"notes/expire":                      noteExpires,
	"notes/spent by a conditional race": raceNote,
}

func sampleNote(n int) webhook.Note {
	return webhook.Note{
		Kind: webhook.NoteLink, Owner: account, ID: fmt.Sprintf("note-%02d/é#", n),
		Data: json.RawMessage(`{"n": 12345678901234567890, "text":"<&>\u2028 日本"}`), ExpiresAt: expiry(), Rev: fmt.Sprintf("note-%d-rev-1", n),
	}
}

func (f *fixture) notes(t testing.TB, notes ...webhook.Note) {
	t.Helper()
	for _, n := range notes {
		must(t, f.InsertNote(t.Context(), n))
	}
}

func (f *fixture) hasNote(t testing.TB, what string, want webhook.Note) {
	t.Helper()
	got, err := f.Note(t.Context(), want.Kind, want.Owner, want.ID)
	must(t, err)
	same(t, what, got, want)
}

// noted is Notes of one kind and owner.
func (f *fixture) noted(t testing.TB, kind webhook.NoteKind, owner string) list[webhook.Note] {
	return func(limit int, cursor string) ([]webhook.Note, string, error) {
		return f.Notes(t.Context(), kind, owner, limit, cursor)
	}
}

func noteInsert(t *testing.T, f *fixture) {
	for n, data := range []string{`{"spent":false}`, `null`, `""`, `[1, 2]`, string(incompressible(20 << 10))} {
		want := sampleNote(n)
		want.Data = json.RawMessage(data)
		f.notes(t, want, want) // the same write twice is a success
		f.hasNote(t, "inserted", want)
	}
	_, err := f.Note(t.Context(), webhook.NoteLink, account, "unknown")
	wantErr(t, "unknown", err, webhook.ErrNotFound)
}

func noteInsertLost(t *testing.T, f *fixture) {
	first, second := sampleNote(1), sampleNote(1)
	second.Rev, second.Data = "another", json.RawMessage(`1`)
	f.notes(t, first)
	wantErr(t, "second insert", f.InsertNote(t.Context(), second), webhook.ErrLost)
	f.hasNote(t, "the first stays", first)
}

func noteReplace(t *testing.T, f *fixture) {
	n, next := sampleNote(1), sampleNote(1)
	next.Rev, next.Data, next.ExpiresAt = "rev-2", json.RawMessage(`{"spent":true}`), expiry().Add(hour)
	wantErr(t, "no such note", f.ReplaceNote(t.Context(), n.Rev, next), webhook.ErrLost)
	f.notes(t, n)
	wantErr(t, "wrong rev", f.ReplaceNote(t.Context(), "not its rev", next), webhook.ErrLost)
	f.hasNote(t, "unchanged", n)
	for range 2 { // the same write twice is a success
		must(t, f.ReplaceNote(t.Context(), n.Rev, next))
	}
	f.hasNote(t, "replaced", next)
	wantErr(t, "the insert again", f.InsertNote(t.Context(), n), webhook.ErrLost)
}

func notePages(t *testing.T, f *fixture) {
	var want []webhook.Note
	for n := range 20 {
		want = append(want, sampleNote(n))
	}
	for n := range want {
		f.notes(t, want[n*7%20])
	}
	for _, limit := range []int{1, 7, 100} {
		same(t, fmt.Sprint("pages of ", limit), pages(t, f.noted(t, webhook.NoteLink, account), limit, nil), want)
	}
}

func noteApart(t *testing.T, f *fixture) {
	var all []webhook.Note
	for _, kind := range []webhook.NoteKind{webhook.NoteRecovery, webhook.NoteLink, webhook.NoteAudit, webhook.NoteNotice, webhook.NoteErasure} {
		for _, owner := range []string{account, other, account + "#note", ""} {
			n := sampleNote(1)
			n.Kind, n.Owner, n.Rev = kind, owner, fmt.Sprint(kind, "-", owner)
			if owner == "" {
				n.Owner, n.ID = account[:len(account)-1], account // joined, as another's
			}
			all = append(all, n)
		}
	}
	f.notes(t, all...)
	f.write(t, insertDelivery(sampleDelivery(sampleEvent(1), endpointID(1))), insertEvent(sampleEvent(1)))
	for _, want := range all {
		f.hasNote(t, "note", want)
		same(t, "list", pages(t, f.noted(t, want.Kind, want.Owner), 10, nil), []webhook.Note{want})
	}
	same(t, "nobody's", pages(t, f.noted(t, webhook.NoteAudit, "nobody"), 10, nil), nil)
}

func noteExpires(t *testing.T, f *fixture) {
	short, long := sampleNote(1), sampleNote(2)
	long.ExpiresAt = expiry().Add(hour)
	f.notes(t, short, long)
	f.clock.Set(expiry().Add(-1))
	f.hasNote(t, "before it expires", short)
	f.clock.Set(expiry())
	_, err := f.Note(t.Context(), short.Kind, short.Owner, short.ID)
	wantErr(t, "expired", err, webhook.ErrNotFound)
	same(t, "list", pages(t, f.noted(t, short.Kind, short.Owner), 10, nil), []webhook.Note{long})
	next := short
	next.Rev, next.ExpiresAt = "second life", long.ExpiresAt
	wantErr(t, "replace", f.ReplaceNote(t.Context(), short.Rev, next), webhook.ErrLost)
	f.notes(t, next)
	f.hasNote(t, "second life", next)
	f.clock.Set(long.ExpiresAt.Add(1000 * day))
	same(t, "years later", pages(t, f.noted(t, short.Kind, short.Owner), 10, nil), nil)
}

func raceNote(t *testing.T, f *fixture) {
	n := sampleNote(1)
	f.notes(t, n)
	winner := race(t, func(rev string) error {
		next := n
		next.Rev, next.Data = rev, json.RawMessage(`{"spent":true}`)
		return f.ReplaceNote(t.Context(), n.Rev, next)
	})
	got, err := f.Note(t.Context(), n.Kind, n.Owner, n.ID)
	must(t, err)
	wantRev(t, got.Rev, winner)
}
