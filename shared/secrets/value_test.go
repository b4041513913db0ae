package secrets_test

import (
	"errors"
	"slices"
	"strings"
	"testing"

	"github.com/jobhook/jobhook/shared/secrets"
)

func TestParseValue(t *testing.T) {
	for _, c := range []struct {
		name, value string
		want        []string // nil: refused
	}{
		{"a Standard Webhooks secret", "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw", []string{"whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"}},
		{"any text", "It's a Secret to Everybody", []string{"It's a Secret to Everybody"}},
		{"from a file", "a text\r\n", []string{"a text"}},
		{"a list", ` ["new","old"] `, []string{"new", "old"}},
		{"a text that begins like JSON", `["{text"]`, []string{"{text"}},
		{"as CloudFormation generates it", `{"prefix":"whsec_","key":"0123456789abcdefghijklmnopqrstuv"}`, []string{"whsec_0123456789abcdefghijklmnopqrstuv"}},
		{"generated, without a prefix", `{"key":"0123"}`, []string{"0123"}},
		{"empty", "", nil},
		{"white space", " \n", nil},
		{"an empty list", "[]", nil},
		{"an empty text in a list", `["a",""]`, nil},
		{"null in a list", `["a",null]`, nil},
		{"a number in a list", `["a",7]`, nil},
		{"half a list", `["a"`, nil},
		{"another object", `{"username":"u","password":"p"}`, nil},
		{"a prefix alone", `{"prefix":"whsec_"}`, nil},
		{"half an object", `{"key":"TOPSECRET"`, nil},
		{"two objects", `{"key":"TOPSECRET"}{}`, nil},
	} {
		got, err := secrets.ParseValue(c.value)
		if !slices.Equal(got, c.want) || (c.want == nil) != errors.Is(err, secrets.ErrForm) {
			t.Errorf("%s: got %q, %v; want %q", c.name, got, err, c.want)
		}
		if err != nil && strings.Contains(err.Error(), "TOPSECRET") {
			t.Errorf("%s: the error holds it: %v", c.name, err)
		}
	}
}
