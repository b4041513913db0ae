package intake

import (
	"bytes"
	"errors"
	"fmt"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/jobhook/jobhook/shared/canonjson"
)

// The members that are read, by their exact names: to encoding/json's structs
// "Result" and "reſult" are "result" too, and a platform's own field would take
// its place. From detailType on they are EventBridge's.
const (
	jobID = iota
	status
	jobType
	account
	result
	failure
	callbackURL
	callbackProfile
	eventType
	eventID
	occurredAt
	detailType
	sentAt
	detail
	memberCount
)

var memberNames = [memberCount]string{
	"id", "status", "type", "account", "result", "error", "callback_url", "callback_profile",
	"event_type", "event_id", "occurred_at", "detail-type", "time", "detail",
}

// Bounds of Completion.Unknown.
const (
	maxUnknown     = 10
	maxUnknownName = 64 // bytes
)

// members are an object's: the canonical values of those that are read, nil
// where there is none.
type members struct {
	values  [memberCount][]byte
	twice   string // a name that is read and was given twice
	unknown []string
}

// read reads a completion in one pass, within EventBridge's event or alone, and
// also returns when EventBridge says that it was sent ("" when alone).
func read(body []byte) (m members, sent string, err error) {
	if len(bytes.TrimSpace(body)) == 0 {
		return m, "", invalid("", "the body is empty; send a JSON object with id, status and type")
	}
	var inner members
	err = canonjson.Each(body, memberNames[detail], func(found canonjson.Member) {
		if found.Inner {
			inner.note(found)
		} else {
			m.note(found)
		}
	})
	bad, _ := errors.AsType[*canonjson.Error](err)
	switch {
	case err == nil:
	case errors.Is(err, canonjson.ErrUTF8):
		return m, "", invalid("", fmt.Sprintf("not UTF-8 at byte %d; JSON is written in UTF-8", bad.Offset))
	case errors.Is(err, canonjson.ErrObject):
		return m, "", notObject(body[bad.Offset:])
	default:
		return m, "", invalid("", err.Error())
	}
	within := m.values[detailType] != nil && m.values[detail] != nil
	switch {
	case m.twice != "":
		return m, "", invalid(m.twice, "is given twice; give it once")
	case !within:
		return m, "", nil
	case m.values[detail][0] != '{':
		return m, "", notObject(m.values[detail])
	case inner.twice != "":
		return m, "", invalid(inner.twice, "is given twice; give it once")
	}
	sent, _ = m.text(sentAt) // not the platform's own: an unusable one is none
	return inner, sent, nil
}

func notObject(value []byte) *Error {
	return invalid("", fmt.Sprintf("a JSON %s; it must be an object with id, status and type", canonjson.Kind(value)))
}

func (m *members) note(found canonjson.Member) {
	for i, name := range memberNames {
		if found.Name != name {
			continue
		}
		if m.values[i] != nil {
			m.twice = name
		}
		if m.values[i] = found.Value; found.Value == nil {
			m.values[i] = []byte("{}") // detail, whose members come by themselves
		}
		if i < detailType {
			return
		}
	}
	if len(m.unknown) < maxUnknown {
		m.unknown = append(m.unknown, printable(found.Name))
	}
}

// printable is a name as a log may hold it.
func printable(name string) string {
	name = strings.Map(func(r rune) rune {
		if !unicode.IsPrint(r) {
			return utf8.RuneError
		}
		return r
	}, name)
	if len(name) <= maxUnknownName {
		return name
	}
	end := maxUnknownName
	for !utf8.RuneStart(name[end]) {
		end--
	}
	return name[:end]
}

// text is a member that must be a string; empty when it is not there, or null.
func (m *members) text(i int) (string, error) {
	value := m.values[i]
	if value == nil || string(value) == "null" {
		return "", nil
	}
	if value[0] != '"' {
		return "", invalid(memberNames[i], fmt.Sprintf("is a JSON %s; it must be a string", canonjson.Kind(value)))
	}
	s := canonjson.Unquote(value)
	if strings.ContainsRune(s, utf8.RuneError) {
		return "", invalid(memberNames[i], "has half a surrogate pair or U+FFFD, which is no text; use whole characters")
	}
	return s, nil
}
