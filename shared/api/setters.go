package api

import (
	"errors"
	"fmt"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/jobhook/jobhook/shared/schedule"
	"github.com/jobhook/jobhook/shared/sender"
	"github.com/jobhook/jobhook/shared/webhook"
)

// Limits of an endpoint's fields.
const (
	maxURL         = 2048 // bytes
	maxEvents      = 100
	maxEventType   = 257  // bytes, as intake allows of a completion's
	maxDescription = 1000 // characters
	maxSchedule    = 512  // bytes: room for schedule.MaxRetries delays
)

func (s *server) setURL(e *webhook.Endpoint, text string) error {
	if len(text) > maxURL {
		return badField("url", fmt.Sprintf("is %d bytes long; the maximum is %d", len(text), maxURL))
	}
	if err := sender.CheckURL(text, s.AllowLoopback); err != nil {
		if bad, ok := errors.AsType[*sender.URLError](err); ok {
			return badField("url", bad.Problem)
		}
		return err
	}
	e.URL = text
	return nil
}

const wantEvents = `a list of 1 to 100 event types: exact ones like "job.done", all that begin alike like "job.*", or "*" for all`

func (s *server) setEvents(e *webhook.Endpoint, patterns []string) error {
	if len(patterns) < 1 || len(patterns) > maxEvents {
		return badField("events", fmt.Sprintf("has %d entries; it must be %s", len(patterns), wantEvents))
	}
	for i, pattern := range patterns {
		if fault := patternFault(pattern); fault != "" {
			return badField("events", fmt.Sprintf("entry %d %s; it must be %s", i+1, fault, wantEvents))
		}
	}
	e.Events = patterns
	return nil
}

// patternFault says what is wrong with a pattern; "" when nothing is.
func patternFault(pattern string) string {
	star := strings.IndexByte(pattern, '*')
	switch {
	case pattern == "":
		return "is empty"
	case len(pattern) > maxEventType:
		return fmt.Sprintf("is over %d bytes long", maxEventType)
	case strings.TrimSpace(pattern) != pattern || strings.ContainsFunc(pattern, unicode.IsControl):
		return "has white space around it or control characters"
	case pattern != "*" && star >= 0 && (star != len(pattern)-1 || len(pattern) < 3 || pattern[star-1] != '.'):
		return `has a * that is not all of it and not after a last "."`
	}
	return ""
}

func (s *server) setProfile(e *webhook.Endpoint, name string) (err error) {
	if e.Profile, err = webhook.ParseProfile(name); err != nil {
		return badField("profile", err.Error())
	}
	return nil
}

func (s *server) setIncludeResult(e *webhook.Endpoint, include bool) error {
	e.IncludeResult = include
	return nil
}

// setEnabled is the owner's decision: why jobhook itself had disabled the
// endpoint no longer matters.
func (s *server) setEnabled(e *webhook.Endpoint, enabled bool) error {
	e.Enabled, e.DisabledReason = enabled, ""
	return nil
}

func (s *server) setSchedule(e *webhook.Endpoint, text string) error {
	if text = strings.TrimSpace(text); len(text) > maxSchedule {
		return badField("schedule", fmt.Sprintf("is %d bytes long; the maximum is %d", len(text), maxSchedule))
	}
	delays, err := schedule.Parse(text)
	if err != nil {
		return badField("schedule", strings.TrimPrefix(err.Error(), "schedule: "))
	}
	if longest := delays.Longest(s.RetryAfterMax, s.SendTimeout); longest >= s.Rules.Retention {
		return badField("schedule", fmt.Sprintf("can take %s; it must take less than the %s that events are kept", longest, s.Rules.Retention))
	}
	e.Schedule = text
	return nil
}

func (s *server) setDescription(e *webhook.Endpoint, text string) error {
	if n := utf8.RuneCountInString(text); n > maxDescription {
		return badField("description", fmt.Sprintf("is %d characters long; the maximum is %d", n, maxDescription))
	}
	e.Description = text
	return nil
}
