package embedded

import (
	"bytes"
	"crypto/sha256"
	"encoding/base64"

	"go.etcd.io/bbolt"

	"github.com/jobhook/jobhook/shared/webhook"
)

// listing is a walk, page by page, over the keys of a table that have a prefix.
type listing struct {
	table  table
	prefix []byte
	// from and until bound what follows the prefix: from is in, until is not.
	// nil: no bound. Only for descending ones.
	from, until []byte
	descending  bool
	filter      string // what else the caller chooses by: a part of the list's name
}

// readPage reads up to limit items behind the cursor, all of them when limit is
// negative. read says what a key, behind the prefix, and its value stand for;
// nil leaves them out.
func readPage[T any](db *DB, l listing, limit int, cursor string, read func(t *txn, place, value []byte) (*T, error)) (page []T, next string, err error) {
	last, err := l.place(cursor)
	if err != nil {
		return nil, "", err
	}
	err = db.view(func(t *txn) error {
		var shown []byte
		c := t.bucket(l.table).Cursor()
		for k, v := l.first(c, last); k != nil && bytes.HasPrefix(k, l.prefix); k, v = l.step(c) {
			place := k[len(l.prefix):]
			if bytes.Compare(place, l.from) < 0 {
				return nil
			}
			item, err := read(t, place, v)
			switch {
			case err != nil:
				return err
			case item == nil:
			case len(page) == limit:
				next = l.cursor(shown)
				return nil
			default:
				page, shown = append(page, *item), place
			}
		}
		return nil
	})
	return page, next, err
}

// first moves to the first key behind last, or of the list when last is nil.
func (l listing) first(c *bbolt.Cursor, last []byte) (key, value []byte) {
	place := append(bytes.Clone(l.prefix), last...)
	if !l.descending {
		if key, value = c.Seek(place); last != nil && bytes.Equal(key, place) {
			return c.Next()
		}
		return key, value
	}
	switch {
	case last != nil:
	case l.until != nil:
		place = append(place, l.until...)
	default:
		place = after(place)
	}
	if key, _ = c.Seek(place); key == nil {
		return c.Last()
	}
	return c.Prev()
}

func (l listing) step(c *bbolt.Cursor) (key, value []byte) {
	if l.descending {
		return c.Prev()
	}
	return c.Next()
}

// after is the first key that follows every key with the prefix.
func after(prefix []byte) []byte {
	next := bytes.Clone(prefix)
	for i := len(next) - 1; i >= 0; i-- {
		next[i]++
		if next[i] != 0 {
			return next[:i+1]
		}
	}
	return nil
}

// A cursor is the place of the last one shown, behind the mark of its list:
// another list's is told by that.

const markSize = 8

var cursorText = base64.RawURLEncoding

func (l listing) mark() []byte {
	name := newRecord(256).uint(uint64(l.table)).bytes(l.prefix).bytes(l.from).bytes(l.until).text(l.filter)
	sum := sha256.Sum256(name)
	return sum[:markSize]
}

func (l listing) cursor(place []byte) string {
	return cursorText.EncodeToString(append(l.mark(), place...))
}

// place reads a cursor of this list; nil is before the first.
func (l listing) place(cursor string) ([]byte, error) {
	if cursor == "" {
		return nil, nil
	}
	raw, err := cursorText.DecodeString(cursor)
	if err != nil || len(raw) <= markSize || len(raw) > bbolt.MaxKeySize || !bytes.HasPrefix(raw, l.mark()) {
		return nil, webhook.ErrCursor
	}
	return raw[markSize:], nil
}
