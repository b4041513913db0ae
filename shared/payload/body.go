package payload

import (
	"errors"
	"fmt"
	"time"
	"unicode/utf8"
)

// Job is whose completion is told.
type Job struct{ ID, Status, Type string }

// Content is what a body is made of. Result and Error are canonical JSON (as
// Canonical writes it; Body does not check them again) or nil for none.
type Content struct {
	Job           Job
	EventType     string    // in standard and antinium
	OccurredAt    time.Time // in standard and antinium, written in UTC
	Result, Error []byte
	CallbackURL   string // in unitary
	IncludeResult bool   // whether the endpoint wants the result
}

// Body returns the body of a profile. The same content gives the same bytes,
// always: a retry and a replay may make them anew.
//
// It fails when the profile is unknown, a text is not valid UTF-8, or the time
// is not set or does not fit RFC 3339.
func Body(p Profile, c Content) ([]byte, error) {
	if err := c.check(); err != nil {
		return nil, fmt.Errorf("%s body: %w", p, err)
	}
	if !c.IncludeResult {
		c.Result = nil
	}
	b := make(object, 1, 256+len(c.Result)+2*len(c.Error)+len(c.CallbackURL))
	b[0] = '{'
	switch p {
	case Standard:
		return c.event(b, "type")
	case Antinium:
		return c.event(b, "event")
	case SharpAPI:
		b = b.text("id", c.Job.ID).text("status", c.Job.Status).text("type", c.Job.Type).value("result", c.Result)
	case Unitary:
		b = c.unitary(b)
	default:
		return nil, errors.New("body: unknown profile")
	}
	return append(b, '}'), nil
}

func (c Content) check() error {
	for _, f := range []struct{ name, text string }{
		{"job id", c.Job.ID},
		{"job status", c.Job.Status},
		{"job type", c.Job.Type},
		{"event type", c.EventType},
		{"callback URL", c.CallbackURL},
	} {
		if !utf8.ValidString(f.text) {
			return fmt.Errorf("the %s is %w", f.name, ErrUTF8)
		}
	}
	return nil
}

// event writes {<name>: event type, "timestamp", "data"}.
func (c Content) event(b object, name string) ([]byte, error) {
	at := c.OccurredAt.UTC()
	if at.IsZero() || at.Year() < 0 || at.Year() > 9999 {
		return nil, errors.New("body: the time it occurred is not set or beyond the year 9999")
	}
	b = append(b.text(name, c.EventType).key("timestamp"), '"')
	b = append(at.AppendFormat(b, time.RFC3339Nano), `","data":{`...)
	b = c.data(b)
	return append(b, '}', '}'), nil
}

// data writes the members of "data": those of a result that is an object, with
// the job's id, status and error where it has none of that name, else
// id, status[, result][, error].
func (c Content) data(b object) object {
	var err []byte
	if present(c.Error) {
		err = c.Error
	}
	if len(c.Result) < 2 || c.Result[0] != '{' {
		return b.text("id", c.Job.ID).text("status", c.Job.Status).value("result", c.Result).value("error", err)
	}
	s := survey(c.Result)
	b = b.members(c.Result[1:s.named]) // keys that are array indices come first
	if !s.id {
		b = b.text("id", c.Job.ID)
	}
	if !s.status {
		b = b.text("status", c.Job.Status)
	}
	b = b.members(c.Result[s.named : len(c.Result)-1])
	if !s.error {
		b = b.value("error", err)
	}
	return b
}

// unitary writes {"job_id","callback_url","is_error","result"}.
func (c Content) unitary(b object) object {
	b = b.text("job_id", c.Job.ID).text("callback_url", c.CallbackURL).key("is_error")
	switch failed := Failed(c.Job.Status, c.Error); {
	case failed:
		b = append(append(b, "true"...), `,"result":{"error":`...)
		return append(appendReason(b, c), '}')
	case len(c.Result) == 0:
		return append(b, `false,"result":null`...)
	default:
		return append(b, "false"...).value("result", c.Result)
	}
}

// appendReason writes why a job failed, as a string: the error if it is one,
// its message if it is an object that has one, else its JSON text; the status
// where there is no error.
func appendReason(b object, c Content) object {
	switch {
	case !present(c.Error):
		return appendString(b, c.Job.Status)
	case c.Error[0] == '"':
		return append(b, c.Error...)
	case c.Error[0] == '{':
		if m := survey(c.Error).message; len(m) > 0 && m[0] == '"' {
			return append(b, m...)
		}
	}
	return appendString(b, c.Error)
}
