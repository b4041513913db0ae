// Package payload builds the body of each profile, as bytes that stay the same:
// for the same content at any time, and under Node's
// JSON.stringify(JSON.parse(body)) as far as canonjson says.
//
// It is pure: no clock, no randomness, and no error holds any of the content.
package payload

import (
	"errors"
	"fmt"
	"time"
	"unicode/utf8"

	"github.com/jobhook/jobhook/shared/canonjson"
	"github.com/jobhook/jobhook/shared/webhook"
)

// Content is what a body is made of. Result and Error are canonical JSON (as
// canonjson writes it; Body does not check them again) or nil for none.
type Content struct {
	Job           webhook.Job
	EventType     string    // in standard and antinium
	OccurredAt    time.Time // in standard and antinium, written in UTC
	Result, Error []byte
	CallbackURL   string // in unitary
	IncludeResult bool   // whether the endpoint wants the result
	// ResultOmitted says that there was a result, too large to be kept: an
	// endpoint that wants results is told so, in standard and antinium.
	ResultOmitted bool
}

// Body returns the body of a profile. The same content always gives the same
// bytes, so a retry and a replay may build it again.
//
// It fails when the profile is unknown, a text is not valid UTF-8, or the time
// is not set or does not fit RFC 3339.
func Body(p webhook.Profile, c Content) ([]byte, error) {
	if err := c.check(); err != nil {
		return nil, fmt.Errorf("%s body: %w", p, err)
	}
	if !c.IncludeResult {
		c.Result, c.ResultOmitted = nil, false
	}
	b := make(object, 1, 256+len(c.Result)+2*len(c.Error)+len(c.CallbackURL))
	b[0] = '{'
	switch p {
	case webhook.Standard:
		return c.event(b, "type", func(b object) object { return c.outcome(c.job(b)) }) // a result never hides what is the job's own
	case webhook.Antinium:
		return c.event(b, "event", c.spread)
	case webhook.SharpAPI:
		b = c.job(b).value("result", c.Result)
	case webhook.Unitary:
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
			return fmt.Errorf("the %s is %w", f.name, canonjson.ErrUTF8)
		}
	}
	return nil
}

// event writes {<name>: event type, "timestamp", "data"}.
func (c Content) event(b object, name string, data func(object) object) ([]byte, error) {
	at := c.OccurredAt.UTC()
	if at.IsZero() || at.Year() < 0 || at.Year() > 9999 {
		return nil, errors.New("body: the time it occurred is not set or beyond the year 9999")
	}
	b = append(b.text(name, c.EventType).key("timestamp"), '"')
	b = append(at.AppendFormat(b, time.RFC3339Nano), `","data":{`...)
	b = data(b)
	return append(b, '}', '}'), nil
}

func (c Content) job(b object) object {
	return b.text("id", c.Job.ID).text("status", c.Job.Status).text("type", c.Job.Type)
}

// outcome writes [result][, error], or result_omitted in the result's place.
func (c Content) outcome(b object) object {
	if c.ResultOmitted {
		b = append(b.key("result_omitted"), "true"...)
	}
	return c.failure(b.value("result", c.Result))
}

func (c Content) failure(b object) object {
	if !present(c.Error) {
		return b
	}
	return b.value("error", c.Error)
}

// spread writes antinium's: the members of a result that is an object, with the
// job's id, status and error where it has none of that name, else
// id, status[, result][, error].
func (c Content) spread(b object) object {
	if len(c.Result) < 2 || c.Result[0] != '{' {
		return c.outcome(b.text("id", c.Job.ID).text("status", c.Job.Status))
	}
	var id, status, failure bool
	names := 1 // offset of the first name that is no array index: those come first
	for name, value := range canonjson.Walk(c.Result) {
		switch string(name) {
		case "id":
			id = true
		case "status":
			status = true
		case "error":
			failure = true
		}
		if canonjson.IsIndex(name) {
			names += len(name) + len(value) + 4
		}
	}
	end := len(c.Result) - 1
	names = min(names, end)
	b = b.members(c.Result[1:names])
	if !id {
		b = b.text("id", c.Job.ID)
	}
	if !status {
		b = b.text("status", c.Job.Status)
	}
	b = b.members(c.Result[names:end])
	if !failure {
		b = c.failure(b)
	}
	return b
}

// unitary writes {"job_id","callback_url","is_error","result"}.
func (c Content) unitary(b object) object {
	b = b.text("job_id", c.Job.ID).text("callback_url", c.CallbackURL).key("is_error")
	switch {
	case Failed(c.Job.Status, c.Error):
		return append(c.reason(append(b, `true,"result":{"error":`...)), '}')
	case len(c.Result) == 0:
		return append(b, `false,"result":null`...)
	default:
		return append(b, "false"...).value("result", c.Result)
	}
}

// reason writes why a job failed, as a string: the error if it is one, its
// message if it is an object that has one (the last, if repeated), else its JSON
// text; the status where there is no error.
func (c Content) reason(b object) object {
	switch {
	case !present(c.Error):
		return canonjson.AppendString(b, c.Job.Status)
	case c.Error[0] == '"':
		return append(b, c.Error...)
	case c.Error[0] == '{':
		var message []byte
		for name, value := range canonjson.Walk(c.Error) {
			if string(name) == "message" {
				message = value
			}
		}
		if len(message) > 0 && message[0] == '"' {
			return append(b, message...)
		}
	}
	return canonjson.AppendString(b, c.Error)
}
