package payload_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"testing"
	"unicode/utf8"

	"github.com/jobhook/jobhook/shared/payload"
)

// Canonical accepts just what encoding/json does, depth and UTF-8 apart; it
// keeps the value; and it leaves its own output alone.
func FuzzCanonical(f *testing.F) {
	for _, seed := range trickyResults() {
		if len(seed) < 400 {
			f.Add([]byte(seed))
		}
	}
	for _, seed := range []string{"", "{", `"\u12`, "1e", "-", "01", "\xff", `{"a":1,"a":2,"1":3,"1":4}`, "[1,]", "nul", "\"\x01\""} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, source []byte) {
		text, err := payload.Canonical(nil, source)
		if err != nil {
			var e *payload.Error
			if !errors.As(err, &e) || e.Offset < 0 || e.Offset > len(source) || text != nil {
				t.Fatalf("%q: %v", source, err)
			}
			excused := errors.Is(err, payload.ErrDepth) || !utf8.Valid(source)
			if json.Valid(source) && !excused {
				t.Fatalf("%q: %v", source, err)
			}
			return
		}
		if !json.Valid(source) || !json.Valid(text) {
			t.Fatalf("not JSON: %q → %q", source, text)
		}
		if again, err := payload.Canonical(nil, text); err != nil || !bytes.Equal(again, text) {
			t.Fatalf("%q → %q → %q, %v", source, text, again, err)
		}
		if !sameValue(decode(t, source), decode(t, text)) {
			t.Fatalf("another value: %q → %q", source, text)
		}
	})
}

// Body is canonical for every profile when its parts are, and never panics.
func FuzzBody(f *testing.F) {
	for _, c := range contents() {
		f.Add(c.status, []byte(c.result), []byte(c.error), true)
	}
	f.Add("", []byte("{"), []byte(`{"message`), true)
	f.Add("", []byte(`{"a":}`), []byte(`{"message":`), true)
	f.Fuzz(func(t *testing.T, status string, result, failure []byte, include bool) {
		text, errResult := payload.Canonical(nil, result)
		reason, errFailure := payload.Canonical(nil, failure)
		for _, p := range payload.Profiles() {
			c := content(status, "-", "-", include)
			c.Result, c.Error = result, failure
			_, _ = payload.Body(p, c)
			if c.Result, c.Error = text, reason; errResult != nil || errFailure != nil || !utf8.ValidString(status) {
				continue
			}
			body, err := payload.Body(p, c)
			if err != nil {
				t.Fatal(err)
			}
			again, err := payload.Canonical(nil, body)
			if deep := errors.Is(err, payload.ErrDepth); !deep && (err != nil || !bytes.Equal(again, body)) {
				t.Fatalf("%v: %q → %q", err, body, again)
			}
		}
	})
}
