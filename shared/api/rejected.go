package api

import (
	"net/http"
	"strings"
)

// maxShown bounds how much of a rejected completion a list shows, in bytes, so
// that the longest page stays below the 6 MB that a function can answer.
const maxShown = 4 << 10

type rejectedView struct {
	ID        string `json:"id"`
	Reason    string `json:"reason"`
	At        string `json:"at"`
	Body      string `json:"body"`       // its first 4 KB, as text
	BodyBytes int    `json:"body_bytes"` // how long it is as a whole
}

func (s *server) listRejected(c *call) error {
	limit, cursor, err := c.paging()
	if err != nil {
		return err
	}
	items, next, err := s.Rejected.List(c.r.Context(), limit, cursor)
	if err != nil {
		return listError("rejected completions", err)
	}
	return c.answer(http.StatusOK, page(items, next, showRejected))
}

func showRejected(r Rejected) rejectedView {
	shown := r.Body[:min(len(r.Body), maxShown)]
	return rejectedView{
		ID: r.ID, Reason: r.Reason, At: stamp(r.At),
		Body: strings.ToValidUTF8(string(shown), "\uFFFD"), BodyBytes: len(r.Body),
	}
}
