package api

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"log/slog"
	"net/http"
	"strconv"

	"github.com/jobhook/jobhook/shared/intake"
)

// list is the form of every list.
type list[T any] struct {
	Data       []T     `json:"data"`
	NextCursor *string `json:"next_cursor"` // null at the end
}

func page[From, To any](items []From, next string, view func(From) To) list[To] {
	l := list[To]{Data: make([]To, 0, len(items))}
	for _, item := range items {
		l.Data = append(l.Data, view(item))
	}
	if next != "" {
		l.NextCursor = &next
	}
	return l
}

func (c *call) answer(status int, v any) error {
	write(c.w, status, "application/json", v)
	return nil
}

// write sends v. Nobody may keep an answer: it can hold a secret or a
// customer's data.
func write(w http.ResponseWriter, status int, contentType string, v any) {
	var body bytes.Buffer
	enc := json.NewEncoder(&body)
	enc.SetEscapeHTML(false) // URLs stay readable; the content type and nosniff keep it from being HTML
	if err := enc.Encode(v); err != nil {
		panic(err) // strings, numbers and lists of them always marshal
	}
	h := w.Header()
	h.Set("Content-Type", contentType)
	h.Set("Content-Length", strconv.Itoa(body.Len()))
	h.Set("Cache-Control", "no-store")
	h.Set("X-Content-Type-Options", "nosniff")
	w.WriteHeader(status)
	_, _ = w.Write(body.Bytes()) // a client that went away is nobody's fault
}

// problem is an RFC 9457 problem detail, and the error that becomes one.
type problem struct {
	Type     string `json:"type"`
	Title    string `json:"title"`
	Status   int    `json:"status"`
	Detail   string `json:"detail,omitempty"`
	Field    string `json:"field,omitempty"`    // the body's field, query parameter or part of the path at fault
	Instance string `json:"instance,omitempty"` // of a 500: where the log has it
}

// Types of problems that a client may tell apart beyond their status.
const (
	typeBlank           = "about:blank" // the status says it all
	typeEventConflict   = "urn:jobhook:problem:event-conflict"
	typeEndpointLimit   = "urn:jobhook:problem:endpoint-limit"
	typeConcurrentWrite = "urn:jobhook:problem:concurrent-change"
	faultURN            = "urn:jobhook:fault:"
)

func (p *problem) Error() string { return p.Detail }

func badField(field, detail string) *problem {
	return &problem{Status: http.StatusBadRequest, Field: field, Detail: field + ": " + detail}
}

func badRequest(detail string) *problem {
	return &problem{Status: http.StatusBadRequest, Detail: detail}
}

func notFound(detail string) *problem {
	return &problem{Status: http.StatusNotFound, Detail: detail}
}

func conflict(kind, detail string) *problem {
	return &problem{Type: kind, Status: http.StatusConflict, Detail: detail}
}

// fromIntake passes on what intake says of a completion or an account; it
// quotes nothing of the content.
func fromIntake(err error) error {
	bad, ok := errors.AsType[*intake.Error](err)
	if !ok {
		return err
	}
	p := &problem{Status: http.StatusBadRequest, Field: bad.Field, Detail: bad.Error()}
	if bad.TooLarge {
		p.Status = http.StatusRequestEntityTooLarge
	}
	return p
}

// fail answers with the problem that err is, or with a 500 that names its log line.
func (s *server) fail(w http.ResponseWriter, r *http.Request, err error) {
	if p, ok := errors.AsType[*problem](err); ok {
		writeProblem(w, *p)
		return
	}
	id := s.Token()
	level := slog.LevelError
	if errors.Is(err, context.Canceled) && r.Context().Err() != nil {
		level = slog.LevelDebug // the client went away
	}
	s.Log.LogAttrs(r.Context(), level, "api.fault", slog.String("fault_id", id),
		slog.String("method", r.Method), slog.String("error", err.Error()))
	writeProblem(w, problem{
		Status: http.StatusInternalServerError, Instance: faultURN + id,
		Detail: "internal error; the log has its cause under " + id,
	})
}

func writeProblem(w http.ResponseWriter, p problem) {
	p.Type, p.Title = cmp.Or(p.Type, typeBlank), http.StatusText(p.Status)
	write(w, p.Status, "application/problem+json", p)
}
