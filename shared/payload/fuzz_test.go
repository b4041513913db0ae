package payload_test

import (
	"bytes"
	"errors"
	"testing"
	"unicode/utf8"

	"github.com/jobhook/jobhook/shared/canonjson"
	"github.com/jobhook/jobhook/shared/payload"
	"github.com/jobhook/jobhook/shared/webhook"
)

// Body is canonical for every profile when its parts are, and never panics.
func FuzzBody(f *testing.F) {
	for _, c := range contents() {
		f.Add(c.status, []byte(c.result), []byte(c.error), true)
	}
	f.Add("", []byte("{"), []byte(`{"message`), true)
	f.Add("", []byte(`{"a":}`), []byte(`{"message":`), true)
	f.Fuzz(func(t *testing.T, status string, result, failure []byte, include bool) {
		text, errResult := canonjson.Append(nil, result)
		reason, errFailure := canonjson.Append(nil, failure)
		for _, p := range webhook.Profiles() {
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
			again, err := canonjson.Append(nil, body)
			if deep := errors.Is(err, canonjson.ErrDepth); !deep && (err != nil || !bytes.Equal(again, body)) {
				t.Fatalf("%v: %q → %q", err, body, again)
			}
		}
	})
}
