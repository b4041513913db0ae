package local

import (
	"cmp"
	"context"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/json"
	"errors"
	"log/slog"
	"net/http"
	"strconv"
	"strings"

	"github.com/jobhook/jobhook/shared/embedded"
	"github.com/jobhook/jobhook/shared/webhook"
)

// inboxPath shows what receive has queued. A deployed stack has no such path:
// there it is an SQS queue.
const inboxPath = "/v1/inbox"

// Bounds of one page, as the API's.
const (
	inboxPage    = "50"
	maxInboxPage = 200
)

// inboxList serves a page of the inbox's messages, oldest first, and leaves
// them there.
type inboxList struct {
	inbox interface {
		List(ctx context.Context, limit int, cursor string) ([]embedded.Received, string, error)
	}
	key string // the API key; empty: none is needed
	log *slog.Logger
}

// inboxAnswer has the shape of the API's lists.
type inboxAnswer struct {
	Data       []json.RawMessage `json:"data"`        // receiving.Envelope
	NextCursor *string           `json:"next_cursor"` // null at the end
}

func (l inboxList) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	limit, err := strconv.Atoi(cmp.Or(r.URL.Query().Get("limit"), inboxPage))
	scheme, key, _ := strings.Cut(r.Header.Get("Authorization"), " ")
	switch {
	case l.key != "" && !(strings.EqualFold(scheme, "Bearer") && sameKey(strings.TrimSpace(key), l.key)):
		w.Header().Set("WWW-Authenticate", `Bearer realm="jobhook"`)
		inboxProblem(w, http.StatusUnauthorized, "send the API key as Authorization: Bearer …")
		return
	case r.Method != http.MethodGet:
		w.Header().Set("Allow", http.MethodGet)
		inboxProblem(w, http.StatusMethodNotAllowed, "only GET is")
		return
	case err != nil || limit < 1 || limit > maxInboxPage:
		inboxProblem(w, http.StatusBadRequest, "limit: a number from 1 to "+strconv.Itoa(maxInboxPage))
		return
	}
	found, next, err := l.inbox.List(r.Context(), limit, r.URL.Query().Get("cursor"))
	switch {
	case errors.Is(err, webhook.ErrCursor):
		inboxProblem(w, http.StatusBadRequest, "cursor: take it from the next_cursor of a list")
		return
	case err != nil:
		l.log.Error("inbox.unreadable", "error", err)
		inboxProblem(w, http.StatusInternalServerError, "the inbox cannot be read: the log says why")
		return
	}
	answer := inboxAnswer{Data: make([]json.RawMessage, len(found))}
	for i, m := range found {
		answer.Data[i] = m.Body
	}
	if next != "" {
		answer.NextCursor = &next
	}
	answerInbox(w, http.StatusOK, "application/json", answer)
}

// sameKey compares in constant time.
func sameKey(given, want string) bool {
	a, b := sha256.Sum256([]byte(given)), sha256.Sum256([]byte(want))
	return subtle.ConstantTimeCompare(a[:], b[:]) == 1
}

func inboxProblem(w http.ResponseWriter, status int, detail string) {
	answerInbox(w, status, "application/problem+json", map[string]any{
		"type": "about:blank", "title": http.StatusText(status), "status": status, "detail": detail,
	})
}

func answerInbox(w http.ResponseWriter, status int, contentType string, v any) {
	w.Header().Set("Content-Type", contentType)
	w.Header().Set("Cache-Control", "no-store")
	w.Header().Set("X-Content-Type-Options", "nosniff")
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(v) //nolint:errchkjson // it marshals; the client may have gone
}
