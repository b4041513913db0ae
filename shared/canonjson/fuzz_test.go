package canonjson_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"testing"
	"unicode/utf8"

	"github.com/jobhook/jobhook/shared/canonjson"
)

// Append accepts just what encoding/json does, depth and UTF-8 apart; it
// keeps the value; and it leaves its own output alone.
func FuzzAppend(f *testing.F) {
	for _, seed := range trickyResults() {
		if len(seed) < 400 {
			f.Add([]byte(seed))
		}
	}
	for _, seed := range []string{"", "{", `"\u12`, "1e", "-", "01", "\xff", `{"a":1,"a":2,"1":3,"1":4}`, "[1,]", "nul", "\"\x01\""} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, source []byte) {
		text, err := canonjson.Append(nil, source)
		if err != nil {
			var e *canonjson.Error
			if !errors.As(err, &e) || e.Offset < 0 || e.Offset > len(source) || text != nil {
				t.Fatalf("%q: %v", source, err)
			}
			excused := errors.Is(err, canonjson.ErrDepth) || !utf8.Valid(source)
			if json.Valid(source) && !excused {
				t.Fatalf("%q: %v", source, err)
			}
			return
		}
		if !json.Valid(source) || !json.Valid(text) {
			t.Fatalf("not JSON: %q → %q", source, text)
		}
		if again, err := canonjson.Append(nil, text); err != nil || !bytes.Equal(again, text) {
			t.Fatalf("%q → %q → %q, %v", source, text, again, err)
		}
		if !sameValue(decode(t, source), decode(t, text)) {
			t.Fatalf("another value: %q → %q", source, text)
		}
	})
}
