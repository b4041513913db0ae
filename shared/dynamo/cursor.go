package dynamo

import (
	"encoding/base64"
	"fmt"
	"strings"
	"time"

	"github.com/jobhook/jobhook/shared/webhook"
)

// MaxPage is the most that one page of a list holds; a higher limit is taken
// as this one. BatchGetItem reads no more at once.
const MaxPage = 100

func clamp(limit int) int { return min(max(limit, 1), MaxPage) }

// cursorForm is a list's own form of cursor: its prefix keeps one list's from
// being used on another, and ok checks the position.
type cursorForm struct {
	prefix string
	ok     func(position string) bool
}

var (
	endpointCursor = cursorForm{"e1:", func(id string) bool { return strings.HasPrefix(id, "ep_") && len(id) < 100 }}
	logCursor      = cursorForm{"d1:", func(sort string) bool {
		if len(sort) < len(sortLayout) || len(sort) > 200 {
			return false
		}
		_, err := time.Parse(sortLayout, sort[:len(sortLayout)])
		return err == nil && strings.HasPrefix(sort[len(sortLayout):], "msg_")
	}}
)

func (f cursorForm) write(position string) string {
	return base64.RawURLEncoding.EncodeToString([]byte(f.prefix + position))
}

// read returns the position; empty at the start.
func (f cursorForm) read(cursor string) (string, error) {
	if cursor == "" {
		return "", nil
	}
	raw, err := base64.RawURLEncoding.DecodeString(cursor)
	position, ours := strings.CutPrefix(string(raw), f.prefix)
	if err != nil || !ours || !f.ok(position) {
		return "", fmt.Errorf("%.40q: %w", cursor, webhook.ErrCursor)
	}
	return position, nil
}
