package receiving

import (
	"bytes"
	"encoding/json"
	"fmt"
	"regexp"
	"strings"
)

// member is one name and value of a JSON object.
type member struct {
	name  string
	value json.RawMessage
}

// members reads a JSON object in order, doubled names included: encoding/json
// would take the last and say nothing. ok is false when raw is no object.
func members(raw []byte) (list []member, ok bool) {
	d := json.NewDecoder(bytes.NewReader(raw))
	if t, err := d.Token(); err != nil || t != json.Delim('{') {
		return nil, false
	}
	for d.More() {
		name, err := d.Token()
		if err != nil {
			return nil, false
		}
		var m member
		m.name, _ = name.(string)
		if d.Decode(&m.value) != nil {
			return nil, false
		}
		list = append(list, m)
	}
	return list, true
}

// decode reads a value of one type; the error of encoding/json would quote
// what stands there, which may be a secret.
func decode[T any](raw json.RawMessage) (v T, ok bool) {
	if bytes.Equal(raw, []byte("null")) {
		return v, false
	}
	return v, json.Unmarshal(raw, &v) == nil
}

// place says where the JSON breaks off, without quoting it.
func place(raw []byte, offset int64) (line, column int) {
	before := raw[:min(max(offset, 0), int64(len(raw)))]
	return 1 + bytes.Count(before, []byte("\n")), len(before) - bytes.LastIndexByte(before, '\n')
}

// A name may be repeated in an error if it is too short for a good secret, and
// of one word.
var harmless = regexp.MustCompile(`^[A-Za-z][A-Za-z0-9_.!-]{0,23}$`)

// shown is the name of the nth member, from 0, as an error may repeat it: a
// secret may stand where a name belongs.
func shown(n int, name string) string {
	if harmless.MatchString(name) && !likeSecret(name) {
		return `"` + name + `"`
	}
	return fmt.Sprintf("the name at place %d (not shown: it may be a secret)", n+1)
}

// likeSecret reports whether a text begins as secrets do.
func likeSecret(text string) bool {
	return strings.HasPrefix(text, "whs") || strings.HasPrefix(text, "whp")
}
