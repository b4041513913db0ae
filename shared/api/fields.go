package api

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/jobhook/jobhook/shared/webhook"
)

type fields map[string]json.RawMessage

// readOnly are an endpoint's fields that an answer has and no request sets.
var readOnly = []string{"id", "account", "created_at", "updated_at", "disabled_reason"}

// decodeObject explains what is wrong with a body without quoting it.
func decodeObject(body []byte) (fields, error) {
	if !utf8.Valid(body) {
		return nil, badRequest("the body is not valid UTF-8")
	}
	var f fields
	err := json.Unmarshal(body, &f)
	if syntax, ok := errors.AsType[*json.SyntaxError](err); ok {
		return nil, badRequest(fmt.Sprintf("the body is not JSON: it breaks off or goes wrong at byte %d", syntax.Offset))
	}
	if err != nil || f == nil {
		return nil, badRequest(`the body must be a JSON object like {"url":"https://example.com/hooks"}`)
	}
	return f, nil
}

// setter changes one field of an endpoint to what a request says.
type setter struct {
	name string
	set  func(s *server, e *webhook.Endpoint, raw json.RawMessage) error
}

// setters are in the order in which problems are reported.
var setters = []setter{
	field("url", `a string like "https://example.com/hooks"`, false, (*server).setURL),
	field("events", wantEvents, false, (*server).setEvents),
	field("profile", `a string like "standard"`, false, (*server).setProfile),
	field("include_result", "true or false", false, (*server).setIncludeResult),
	field("headers", `an object of strings like {"X-Tenant":"7"}`, true, (*server).setHeaders),
	field("description", "a string", true, (*server).setDescription),
	field("schedule", `a string like "1m,5m,15m"`, true, (*server).setSchedule),
	field("enabled", "true or false", false, (*server).setEnabled),
}

// field makes a setter of what a field's value is read as. want says what it
// must be; null, where it may be that, is the zero value.
func field[T any](name, want string, null bool, set func(*server, *webhook.Endpoint, T) error) setter {
	return setter{name, func(s *server, e *webhook.Endpoint, raw json.RawMessage) error {
		v, err := parse[T](name, want, raw)
		if err != nil && !(null && isNull(raw)) {
			return err
		}
		return set(s, e, v)
	}}
}

// fill makes a new endpoint of what a request says. null is as good as absent.
func (s *server) fill(e *webhook.Endpoint, given fields) error {
	if err := given.checkNames(append(settable(), "secret")); err != nil {
		return err
	}
	maps.DeleteFunc(given, func(_ string, raw json.RawMessage) bool { return isNull(raw) })
	if _, ok := given["url"]; !ok {
		return badField("url", `is missing; give the address to post to, like "https://example.com/hooks"`)
	}
	return s.set(e, given)
}

// merge changes an endpoint as RFC 7396 (JSON Merge Patch) says: what is left
// out stays.
func (s *server) merge(e *webhook.Endpoint, given fields) error {
	if e.ID == webhook.JobTarget {
		return s.mergeJob(e, given)
	}
	if _, ok := given["secret"]; ok {
		return badField("secret", "cannot be changed here, since its receiver needs time to change too: rotating it is a call of its own")
	}
	if err := given.checkNames(settable()); err != nil {
		return err
	}
	return s.set(e, given)
}

// mergeJob changes an account's settings for its jobs' own URLs. Those have no
// secret until one is set here: the account's own signs for them.
func (s *server) mergeJob(e *webhook.Endpoint, given fields) error {
	for _, name := range []string{"url", "events"} {
		if _, ok := given[name]; ok {
			return badField(name, "is not a setting of the jobs' own URLs: each completion gives its own as callback_url. Leave it out")
		}
	}
	if err := given.checkNames(append(settable()[2:], "secret")); err != nil {
		return err
	}
	if err := s.set(e, given); err != nil {
		return err
	}
	raw, ok := given["secret"]
	switch {
	case !ok:
		return nil
	case isNull(raw):
		e.Secrets = nil
		return nil
	}
	secret, err := s.newSecret(raw, e.Profile)
	if err != nil {
		return err
	}
	return s.seal(e, secret, s.now())
}

func (s *server) set(e *webhook.Endpoint, given fields) error {
	for _, f := range setters {
		if raw, ok := given[f.name]; ok {
			if err := f.set(s, e, raw); err != nil {
				return err
			}
		}
	}
	return nil
}

// settable are the fields that a PATCH sets, url and events first.
func settable() []string {
	var names []string
	for _, s := range setters {
		names = append(names, s.name)
	}
	return names
}

func (f fields) checkNames(known []string) error {
	for _, name := range slices.Sorted(maps.Keys(f)) {
		switch {
		case slices.Contains(known, name):
		case slices.Contains(readOnly, name):
			return badField(name, "is set by jobhook; leave it out")
		default:
			return badField(clip(name), "is not a field of an endpoint; the fields are "+strings.Join(known, ", "))
		}
	}
	return nil
}

// clip keeps a text from outside short and printable.
func clip(text string) string {
	const most = 64
	runes := []rune(text)
	for i, r := range runes {
		if r < ' ' || r == 0x7f {
			runes[i] = '?'
		}
	}
	if len(runes) > most {
		return string(runes[:most]) + "…"
	}
	return string(runes)
}

func isNull(raw json.RawMessage) bool { return string(raw) == "null" }

// parse reads a field's value; want says what it must be.
func parse[T any](name, want string, raw json.RawMessage) (T, error) {
	var v T
	if isNull(raw) || json.Unmarshal(raw, &v) != nil {
		return v, badField(name, "is "+kind(raw)+"; it must be "+want)
	}
	return v, nil
}

// kind names what a JSON value is.
func kind(raw json.RawMessage) string {
	switch raw = bytes.TrimSpace(raw); raw[0] {
	case '"':
		return "a JSON string"
	case '{':
		return "a JSON object"
	case '[':
		return "a JSON list"
	case 't', 'f':
		return "a JSON boolean"
	case 'n':
		return "null"
	}
	return "a JSON number"
}
