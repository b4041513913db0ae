package signing_test

import (
	"errors"
	"net/http"
	"strings"
	"testing"

	"github.com/jobhook/jobhook/shared/signing"
)

// What strangers send: one target for each parser of a signature header. Each
// must answer with one of the four kinds, quickly, and verify only what a
// secret has signed.

func FuzzListHeader(f *testing.F) {
	fuzzHeader(f, "standard", "v1,%%% "+signatureOf(f, "standard"), "v1a,AAAA v1,", strings.Repeat("v1,A ", 40), "v1,a,v1,b, ,")
}

func FuzzStripeHeader(f *testing.F) {
	fuzzHeader(f, "stripe", signatureOf(f, "stripe")+",v0=0", "t=,v1=", "t=1,t=2", "t=-1,v1="+strings.Repeat("0", 64), ",=,")
}

func FuzzHexHeader(f *testing.F) {
	fuzzHeader(f, "sharpapi", strings.ToUpper(signatureOf(f, "sharpapi")), strings.Repeat("0", 64), "0x", "é")
}

func FuzzPrefixedHexHeader(f *testing.F) {
	fuzzHeader(f, "github", "sha256=", "sha1="+strings.Repeat("0", 40), "sha256=sha256="+strings.Repeat("0", 64))
}

func FuzzBase64Header(f *testing.F) {
	fuzzHeader(f, "unitary", strings.Repeat("A", 43)+"=", strings.Repeat("A", 44), "====")
}

func FuzzTimestampHeader(f *testing.F) {
	s := scheme(f, "slack")
	keys := secrets(f, keyA)
	for _, seed := range []string{"1700000000", "", "-1", "1e9", "99999999999999999999", "00000001700000000"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		h := signed(t, s, keys, message)
		h.Set("X-Slack-Request-Timestamp", text)
		v, err := signing.Verify(s, keys, h, message.Body, at, 0)
		if (err == nil) != (strings.Trim(text, " \t") == "1700000000") || err == nil && !v.Timestamp.Equal(at) {
			t.Errorf("%q: %v", text, err)
		}
		checkKind(t, err)
	})
}

func FuzzIdentityField(f *testing.F) {
	identity := scheme(f, "stripe").Identity()
	for _, seed := range []string{`{"id":"evt_1"}`, `{"id":1e999}`, `{"id":{"id":1}}`, `[`, ``, `{"id":"a b"}`} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, body []byte) {
		id, from := identity.Of(nil, body)
		if id == "" || len(id) > signing.MaxIDLength || from != signing.FromField && from != signing.FromBodyHash {
			t.Errorf("%q from %s", id, from)
		}
	})
}

func signatureOf(f *testing.F, name string) string {
	s := scheme(f, name)
	return signed(f, s, secrets(f, keyA), message).Get(s.Header())
}

func fuzzHeader(f *testing.F, name string, seeds ...string) {
	s := scheme(f, name)
	good := signatureOf(f, name)
	for _, seed := range append(seeds, good) {
		f.Add(seed)
	}
	base := signed(f, s, secrets(f, keyA), message)
	keys := secrets(f, keyA, publicKey(f, keyE))
	f.Fuzz(func(t *testing.T, value string) {
		h := base.Clone()
		h[s.Header()] = []string{value}
		_, err := signing.Verify(s, keys, h, message.Body, at, 0)
		if err == nil && !holds(value, good) {
			t.Errorf("%q verifies", value)
		}
		checkKind(t, err)
		var twice http.Header = base.Clone()
		twice[s.Header()] = []string{value, good}
		_, err = signing.Verify(s, keys, twice, message.Body, at, 0)
		checkKind(t, err)
	})
}

// holds reports whether the right signature stands in value. Hex may be in
// either case, and base64's last character before the padding has two bits to
// spare.
func holds(value, good string) bool {
	if i := strings.LastIndexAny(good, ",= "); i >= 0 && i < len(good)-1 {
		good = good[i+1:]
	}
	good = strings.TrimRight(good, "=")
	return strings.Contains(strings.ToLower(value), strings.ToLower(good[:len(good)-1]))
}

func checkKind(t *testing.T, err error) {
	t.Helper()
	var e *signing.Error
	if err != nil && !errors.As(err, &e) {
		t.Errorf("an error of another type: %v", err)
	}
	if e != nil && (e.Header == "" || e.Detail == "") {
		t.Errorf("no header or no detail: %+v", *e)
	}
}
