package signing_test

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"testing"

	"github.com/jobhook/jobhook/shared/signing"
)

func encoded(prefix string, n int) string {
	return prefix + base64.StdEncoding.EncodeToString(bytes.Repeat([]byte{0xab}, n))
}

func TestParseSecret(t *testing.T) {
	private, _ := base64.StdEncoding.DecodeString(strings.TrimPrefix(keyE, "whsk_"))
	public, _ := base64.StdEncoding.DecodeString(strings.TrimPrefix(publicKey(t, keyE), "whpk_"))
	pair := "whsk_" + base64.StdEncoding.EncodeToString(append(bytes.Clone(private), public...))
	tests := map[string]struct{ text, wrong string }{
		"whsec of 24 bytes":       {encoded("whsec_", 24), ""},
		"whsec of 64 bytes":       {encoded("whsec_", 64), ""},
		"whsec of 23 bytes":       {encoded("whsec_", 23), "24 to 64 bytes: this one has 23"},
		"whsec of 65 bytes":       {encoded("whsec_", 65), "24 to 64 bytes: this one has 65"},
		"whsec without padding":   {strings.TrimRight(encoded("whsec_", 32), "="), "standard base64 with its padding"},
		"whsec in URL alphabet":   {"whsec_" + strings.Repeat("-_", 16), "standard base64"},
		"whsec alone":             {"whsec_", "this one has 0"},
		"private seed":            {keyE, ""},
		"private key of 64 bytes": {pair, ""},
		"halves of two keys":      {encoded("whsk_", 64), "do not belong together"},
		"private of 33 bytes":     {encoded("whsk_", 33), "32 bytes or a key of 64: this one has 33"},
		"public key":              {publicKey(t, keyE), ""},
		"public of 31 bytes":      {encoded("whpk_", 31), "32 bytes: this one has 31"},
		"customer's own":          {"It's a Secret to Everybody", ""},
		"not ASCII":               {"Schlüssel mit ✓", ""},
		"shortest":                {"0123456789abcdef", ""},
		"too short":               {"0123456789abcde", "15 bytes: give at least 16"},
		"short, in characters":    {"Schlüssel ✓", "14 bytes"}, // "ü" has two, "✓" three
		"one character":           {"x", "1 bytes"},
		"longest":                 {strings.Repeat("x", signing.MaxSecretLength), ""},
		"too long":                {strings.Repeat("x", signing.MaxSecretLength+1), "at most 1024"},
		"empty":                   {"", "empty"},
		"newline at the end":      {"hunter2\n", "white space"},
		"space before":            {" hunter2", "white space"},
		"control character":       {"hunter\x002", "printed"},
		"newline within":          {"whsec_MfKQ9r8GKYqrTwjUPD\n8ILPZIo2LaLaSw", "printed"},
		"not UTF-8":               {"hunter\xff2", "UTF-8"},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			secret, err := signing.ParseSecret(test.text)
			if test.wrong == "" {
				if err != nil || secret.Reveal() != test.text || secret.IsZero() {
					t.Errorf("got %v", err)
				}
				return
			}
			if err == nil || !strings.Contains(err.Error(), test.wrong) {
				t.Fatalf("got %v, want ...%s...", err, test.wrong)
			}
			assertAbsent(t, err.Error(), test.text)
		})
	}
}

// assertAbsent fails when text holds any run of eight characters of the secret
// other than its public prefix.
func assertAbsent(t *testing.T, text, secret string) {
	t.Helper()
	for i := 6; i+8 <= len(secret); i++ {
		if at := strings.Index(text, secret[i:i+8]); at >= 0 {
			t.Fatalf("a secret shows in ...%q...", text[max(0, at-80):min(len(text), at+80)])
		}
	}
}

func TestPrivateKeyOf64BytesSignsAsItsSeed(t *testing.T) {
	seed, _ := base64.StdEncoding.DecodeString(strings.TrimPrefix(keyE, "whsk_"))
	public, _ := base64.StdEncoding.DecodeString(strings.TrimPrefix(publicKey(t, keyE), "whpk_"))
	pair := "whsk_" + base64.StdEncoding.EncodeToString(append(seed, public...))
	s := scheme(t, "standard")
	a, b := signed(t, s, secrets(t, keyE), message), signed(t, s, secrets(t, pair), message)
	if a.Get("Webhook-Signature") != b.Get("Webhook-Signature") {
		t.Error("the two forms of one key sign differently")
	}
}

func TestEqual(t *testing.T) {
	a, b := secrets(t, keyA, keyA), secrets(t, keyB)
	if !a[0].Equal(a[1]) || a[0].Equal(b[0]) || a[0].Equal(signing.Secret{}) || !(signing.Secret{}).Equal(signing.Secret{}) {
		t.Error("secrets compare wrongly")
	}
}

func TestGenerateSecret(t *testing.T) {
	secret, err := signing.GenerateSecret(bytes.NewReader(bytes.Repeat([]byte{7}, 32)))
	if want := "whsec_BwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwc="; err != nil || secret.Reveal() != want {
		t.Errorf("%q, %v; want %q", secret.Reveal(), err, want)
	}
	if _, err := signing.GenerateSecret(strings.NewReader("short")); err == nil {
		t.Error("a short read of randomness made a secret")
	}
}

func TestCheckSecret(t *testing.T) {
	public := publicKey(t, keyE)
	for _, name := range signing.Names() {
		lists := name == "standard" || name == "svix"
		for text, want := range map[string]bool{keyA: true, "a customer's own": true, keyE: lists, public: false} {
			s, key := scheme(t, name), secrets(t, text)
			err := signing.CheckSecret(s, key[0])
			if (err == nil) != want || !want && !errors.Is(err, signing.ErrNoSecret) {
				t.Errorf("%s, %.5s: %v", name, text, err)
			}
			if _, err := signing.Sign(s, key, message); (err == nil) != want {
				t.Errorf("Sign %s, %.5s: %v", name, text, err)
			}
		}
		if _, err := signing.Sign(scheme(t, name), nil, message); !errors.Is(err, signing.ErrNoSecret) {
			t.Errorf("%s without a secret: %v", name, err)
		}
	}
	if err := signing.CheckSecret(signing.Scheme{}, secrets(t, keyA)[0]); err == nil {
		t.Error("no scheme, and no error")
	}
}

func TestSchemeParseSecret(t *testing.T) {
	tests := map[string]struct {
		scheme, text string
		want         bool
	}{
		"stripe, not base64":       {"stripe", "whsec_test_secret", true},
		"github, looks like a key": {"github", "whpk_no_it_is_not", true},
		"standard, not base64":     {"standard", "whsec_test_secret", false},
		"standard, own":            {"standard", "a customer's own", true},
		"standard, short":          {"standard", "a customer's ow", false},
		"sharpapi, short":          {"sharpapi", "a customer's ow", false},
		"unitary, short":           {"unitary", "a customer's ow", false},
		"antinium, short":          {"antinium", "a customer's ow", false},
		"github, short":            {"github", "a customer's ow", false},
		"stripe, short":            {"stripe", "whsec_too_short", false},
		"svix, whsec":              {"svix", keyA, true},
		"svix, prefix forgotten":   {"svix", strings.TrimPrefix(keyA, "whsec_"), false},
		"svix, public":             {"svix", publicKey(t, keyE), true},
		"slack, empty":             {"slack", "", false},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			if _, err := scheme(t, test.scheme).ParseSecret(test.text); (err == nil) != test.want {
				t.Errorf("got %v", err)
			}
		})
	}
}

// However a secret, or what holds one, is printed, it does not show.
func TestSecretsNeverShow(t *testing.T) {
	for _, text := range []string{keyA, keyE, "a customer's own secret"} {
		secret := secrets(t, text)[0]
		hidden := struct {
			s signing.Secret
			p *signing.Secret
			m map[string]signing.Secret
		}{secret, &secret, map[string]signing.Secret{"k": secret}}
		var out bytes.Buffer
		for _, v := range []any{secret, &secret, hidden, &hidden, []signing.Secret{secret}} {
			for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q", "%x", "%d", "%p"} {
				fmt.Fprintf(&out, verb+"\n", v)
			}
			text, err := json.Marshal(v)
			if err != nil {
				t.Fatal(err)
			}
			out.Write(text)
			slog.New(slog.NewJSONHandler(&out, nil)).Info("m", "v", v)
			slog.New(slog.NewTextHandler(&out, nil)).Info("m", "v", v)
		}
		for _, form := range []string{text, fmt.Sprintf("%x", text), fmt.Sprint([]byte(text)), fmt.Sprintf("%#v", []byte(text))} {
			assertAbsent(t, out.String(), form)
		}
		if got := fmt.Sprintf("%v %#v %x", secret, secret, secret); got != "[secret] [secret] [secret]" {
			t.Errorf("got %q", got)
		}
	}
}

// No error of Verify or Sign, in any form, holds a secret or a right signature.
func TestErrorsShowNothing(t *testing.T) {
	for _, name := range signing.Names() {
		s := scheme(t, name)
		h := signed(t, s, secrets(t, keyA), message)
		_, mismatch := signing.Verify(s, secrets(t, keyB), h, message.Body, at, 0)
		_, old := signing.Verify(s, secrets(t, keyA), h, message.Body, at.AddDate(1, 0, 0), 0)
		h.Set(s.Header(), h.Get(s.Header())[1:])
		_, broken := signing.Verify(s, secrets(t, keyA), h, message.Body, at, 0)
		_, unsigned := signing.Sign(s, secrets(t, publicKey(t, keyE)), message)
		right := signed(t, s, secrets(t, keyB), message).Get(s.Header())
		for _, err := range []error{mismatch, old, broken, unsigned} {
			text, _ := json.Marshal(err)
			all := fmt.Sprintf("%v %+v %#v %s %s %s", err, err, err, err, text, detail(err))
			for _, secret := range []string{keyA, keyB, keyE, right, h.Get(s.Header())} {
				assertAbsent(t, all, secret)
			}
		}
	}
}
