package dynamo

import (
	"crypto/sha256"
	"encoding/base64"
	"fmt"
	"strings"
	"unicode/utf8"

	"github.com/jobhook/jobhook/shared/webhook"
)

// MaxPage is the most that one page of a list holds; a higher limit counts as
// this one. BatchGetItem reads no more at once.
const MaxPage = maxKeys

func clamp(limit int) int { return min(max(limit, 1), MaxPage) }

// position is a place in a list: after the row with this rank and id. An id
// that is empty comes before all rows of the rank; no rank is the list's start.
type position struct{ rank, id string }

// A cursor is base64 of its list's mark, the rank, a zero byte and the id.
const (
	markBytes   = 8
	maxPosition = 1000
)

// mark tells lists apart: its fields are the kind of the list, its owner and
// its filters.
func mark(list ...string) string {
	sum := sha256.Sum256([]byte(strings.Join(list, "\x00")))
	return string(sum[:markBytes])
}

func writeCursor(mark string, p position) string {
	return base64.RawURLEncoding.EncodeToString([]byte(mark + p.rank + "\x00" + p.id))
}

func readCursor(mark, cursor string) (position, error) {
	if cursor == "" {
		return position{}, nil
	}
	raw, err := base64.RawURLEncoding.DecodeString(cursor)
	rest, ours := strings.CutPrefix(string(raw), mark)
	rank, id, whole := strings.Cut(rest, "\x00")
	if err != nil || !ours || !whole || rank == "" || len(rest) > maxPosition || !utf8.ValidString(rest) {
		return position{}, fmt.Errorf("%.40q: %w", cursor, webhook.ErrCursor)
	}
	return position{rank, id}, nil
}
