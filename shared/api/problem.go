package api

import (
	"context"
	"errors"
	"log/slog"
	"net/http"

	"github.com/jobhook/jobhook/shared/intake"
)

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
	p, ok := errors.AsType[*problem](err)
	if !ok {
		p = s.fault(r, err)
	}
	writeProblem(w, *p)
}

func (s *server) fault(r *http.Request, err error) *problem {
	id := s.Token()
	level := slog.LevelError
	if errors.Is(err, context.Canceled) && r.Context().Err() != nil {
		level = slog.LevelDebug // the client went away
	}
	s.Log.LogAttrs(r.Context(), level, "api.fault", slog.String("fault_id", id),
		slog.String("method", r.Method), slog.String("error", err.Error()))
	return &problem{
		Status: http.StatusInternalServerError, Instance: faultURN + id,
		Detail: "internal error; the log has its cause under " + id,
	}
}

func writeProblem(w http.ResponseWriter, p problem) {
	if p.Type == "" {
		p.Type = typeBlank
	}
	p.Title = http.StatusText(p.Status)
	write(w, p.Status, "application/problem+json", p)
}
