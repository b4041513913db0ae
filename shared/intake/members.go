package intake

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"unicode/utf8"
)

// known are the members that mean something here, by their exact names: to
// encoding/json's structs "Result" and "reſult" are "result" too, and a
// platform's own field would take its place.
const (
	mID = iota
	mStatus
	mType
	mAccount
	mResult
	mError
	mCallbackURL
	mCallbackProfile
	mEventType
	mEventID
	mOccurredAt
	mDetailType
	mTime
	mDetail
	memberCount
)

var memberNames = [memberCount]string{
	"id", "status", "type", "account", "result", "error", "callback_url", "callback_profile",
	"event_type", "event_id", "occurred_at", "detail-type", "time", "detail",
}

// members are the raw values of an object's known members; nil where there is
// none. Of one given twice, twice has the name.
type members struct {
	raw   [memberCount][]byte
	twice string
}

// read finds the known members of a JSON object. It quotes nothing of it.
func read(body []byte) (members, error) {
	if len(bytes.TrimSpace(body)) == 0 {
		return members{}, fault("", "the body is empty; send a JSON object with id, status and type")
	}
	if !utf8.Valid(body) {
		return members{}, fault("", "not UTF-8; JSON is written in UTF-8")
	}
	if !json.Valid(body) {
		return members{}, notJSON(body)
	}
	body = bytes.TrimSpace(body)
	if kind := kindOf(body); kind != "object" {
		return members{}, fault("", fmt.Sprintf("a JSON %s; it must be an object with id, status and type", kind))
	}
	var m members
	for rest := next(body[1:]); rest[0] != '}'; {
		key, after := value(rest)
		v, after := value(next(after))
		m.note(key, v)
		rest = next(after)
	}
	return m, nil
}

func notJSON(body []byte) error {
	var nothing json.RawMessage
	if syntax, ok := errors.AsType[*json.SyntaxError](json.Unmarshal(body, &nothing)); ok {
		return fault("", fmt.Sprintf("not JSON: it breaks off or goes wrong at byte %d", syntax.Offset))
	}
	return fault("", "not JSON")
}

func (m *members) note(key, v []byte) {
	name := string(key[1 : len(key)-1])
	if strings.Contains(name, `\`) {
		if json.Unmarshal(key, &name) != nil {
			return
		}
	}
	for i, known := range memberNames {
		if name != known {
			continue
		}
		if m.raw[i] != nil {
			m.twice = name
		}
		m.raw[i] = v
	}
}

// next skips white space and what separates members. The text is valid JSON.
func next(text []byte) []byte { return bytes.TrimLeft(text, " \t\r\n,:") }

// value splits off the value that a valid JSON text begins with.
func value(text []byte) (v, rest []byte) {
	depth := 0
	for i := 0; i < len(text); i++ {
		switch text[i] {
		case '"':
			i += stringEnd(text[i:])
		case '{', '[':
			depth++
		case '}', ']':
			if depth == 0 {
				return text[:i], text[i:]
			}
			depth--
		case ',', ' ', '\t', '\r', '\n', ':':
			if depth == 0 {
				return text[:i], text[i:]
			}
			continue
		default:
			continue
		}
		if depth == 0 {
			return text[:i+1], text[i+1:]
		}
	}
	return text, nil
}

// stringEnd is the place of a string's closing quote.
func stringEnd(text []byte) int {
	for i := 1; i < len(text); i++ {
		switch text[i] {
		case '\\':
			i++
		case '"':
			return i
		}
	}
	return len(text) - 1
}

// text is a member that must be a string; empty when it is not there, or null.
func (m *members) text(i int) (string, error) {
	raw := m.raw[i]
	if raw == nil || string(raw) == "null" {
		return "", nil
	}
	if kind := kindOf(raw); kind != "string" {
		return "", fault(memberNames[i], fmt.Sprintf("is a JSON %s; it must be a string", kind))
	}
	var s string
	if err := json.Unmarshal(raw, &s); err != nil {
		return "", fault(memberNames[i], "is not a JSON string")
	}
	if strings.ContainsRune(s, utf8.RuneError) {
		return "", fault(memberNames[i], "has half a surrogate pair or U+FFFD, which is no text; use whole characters")
	}
	return s, nil
}

func kindOf(raw []byte) string {
	switch raw[0] {
	case '{':
		return "object"
	case '[':
		return "array"
	case '"':
		return "string"
	case 't', 'f':
		return "bool"
	case 'n':
		return "null"
	}
	return "number"
}
