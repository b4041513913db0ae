package secrets_test

import (
	"errors"
	"maps"
	"slices"
	"strings"
	"testing"

	"github.com/jobhook/jobhook/shared/secrets"
)

func TestParseValue(t *testing.T) {
	type accounts = map[string]string
	for _, c := range []struct {
		name, value string
		want        []string // nil: ErrForm
		accounts    accounts
	}{
		{"a Standard Webhooks secret", "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw", []string{"whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"}, nil},
		{"any text", "It's a Secret to Everybody", []string{"It's a Secret to Everybody"}, nil},
		{"from a file", "a text\r\n", []string{"a text"}, nil},
		{"a list", ` ["new","old"] `, []string{"new", "old"}, nil},
		{"a text that begins like JSON", `["{text"]`, []string{"{text"}, nil},
		{"as CloudFormation generates it", `{"prefix":"whsec_","key":"0123456789abcdefghijklmnopqrstuv"}`, []string{"whsec_0123456789abcdefghijklmnopqrstuv"}, nil},
		{"generated, without a prefix", `{"key":"0123"}`, []string{"0123"}, nil},
		{"with accounts", `{"prefix":"whsec_","key":"0123","accounts":{"acme":"whsec_a","globex":"b"}}`, []string{"whsec_0123"}, accounts{"acme": "whsec_a", "globex": "b"}},
		{"with no accounts", `{"key":"0123","accounts":{}}`, []string{"0123"}, nil},
		{"with null accounts", `{"key":"0123","accounts":null}`, []string{"0123"}, nil},
		{"default among the accounts", `{"key":"0123","accounts":{"default":"0123"}}`, []string{"0123"}, accounts{"default": "0123"}},
		{"accounts alone", `{"accounts":{"acme":"TOPSECRET"}}`, nil, nil},
		{"an account without a name", `{"key":"k","accounts":{"":"TOPSECRET"}}`, nil, nil},
		{"an account without a secret", `{"key":"TOPSECRET","accounts":{"acme":""}}`, nil, nil},
		{"an account with null", `{"key":"TOPSECRET","accounts":{"acme":null}}`, nil, nil},
		{"an account with a number", `{"key":"TOPSECRET","accounts":{"acme":7}}`, nil, nil},
		{"an account with a list", `{"key":"TOPSECRET","accounts":{"acme":["TOPSECRET"]}}`, nil, nil},
		{"a list of accounts", `{"key":"TOPSECRET","accounts":["acme"]}`, nil, nil},
		{"empty", "", nil, nil},
		{"white space", " \n", nil, nil},
		{"an empty list", "[]", nil, nil},
		{"an empty text in a list", `["a",""]`, nil, nil},
		{"null in a list", `["a",null]`, nil, nil},
		{"a number in a list", `["a",7]`, nil, nil},
		{"half a list", `["a"`, nil, nil},
		{"another object", `{"username":"u","password":"p"}`, nil, nil},
		{"a prefix alone", `{"prefix":"whsec_"}`, nil, nil},
		{"half an object", `{"key":"TOPSECRET"`, nil, nil},
		{"two objects", `{"key":"TOPSECRET"}{}`, nil, nil},
	} {
		got, err := secrets.ParseValue(c.value)
		if !slices.Equal(texts(got), c.want) || (c.want == nil) != errors.Is(err, secrets.ErrForm) {
			t.Errorf("%s: got %q, %v; want %q", c.name, texts(got), err, c.want)
		}
		for _, v := range got {
			of := accounts{}
			for account, text := range v.Accounts {
				of[account] = text.Reveal()
			}
			if !maps.Equal(of, c.accounts) || !v.Until.IsZero() {
				t.Errorf("%s: got accounts %q until %v, want %q", c.name, of, v.Until, c.accounts)
			}
		}
		if err != nil && strings.Contains(err.Error(), "TOPSECRET") {
			t.Errorf("%s: the error holds it: %v", c.name, err)
		}
	}
}

// TestParseValueRefusesShared: no two accounts have one secret.
func TestParseValueRefusesShared(t *testing.T) {
	for name, value := range map[string]string{
		"two accounts":        `{"key":"k","accounts":{"TOPSECRET account":"TOPSECRET","globex":"TOPSECRET"}}`,
		"default and another": `{"key":"k","accounts":{"default":"TOPSECRET","globex":"TOPSECRET"}}`,
		"one key in two forms": `{"key":"k","accounts":{"acme":"whsec_VE9QU0VDUkVULVRPUFNFQ1JFVC1UT1BTRUNSRVQ=",` +
			`"globex":"TOPSECRET-TOPSECRET-TOPSECRET"}}`,
		"one key, its base64 ending otherwise": `{"key":"k","accounts":{"acme":"whsec_VE9QU0VDUkVULVRPUFNFQ1JFVC1UT1BTRUNSRVQ=",` +
			`"globex":"whsec_VE9QU0VDUkVULVRPUFNFQ1JFVC1UT1BTRUNSRVR="}}`,
		"the signing secret itself": `{"prefix":"TOP","key":"SECRET","accounts":{"globex":"TOPSECRET"}}`,
	} {
		got, err := secrets.ParseValue(value)
		if !errors.Is(err, secrets.ErrShared) || got != nil || strings.Contains(err.Error(), "TOPSECRET") {
			t.Errorf("%s: got %v, %v; want %v", name, got, err, secrets.ErrShared)
		}
	}
}

func texts(versions []secrets.Version) []string {
	var list []string
	for _, v := range versions {
		list = append(list, v.Text.Reveal())
	}
	return list
}
