package receiving

import (
	"bytes"
	"encoding/json"
	"fmt"
	"regexp"
	"strings"

	"github.com/jobhook/jobhook/shared/canonjson"
)

// member is one name and value of a JSON object.
type member struct {
	name  string
	value json.RawMessage
}

// members reads a JSON object in order, repeated names included. The error is a
// *canonjson.Error.
func members(raw []byte) (list []member, err error) {
	err = canonjson.Each(raw, "", func(m canonjson.Member) {
		list = append(list, member{m.Name, m.Raw})
	})
	return list, err
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
func place(raw []byte, offset int) (line, column int) {
	before := raw[:offset]
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
