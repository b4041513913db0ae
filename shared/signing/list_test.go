package signing_test

import (
	"encoding/base64"
	"errors"
	"net/http"
	"slices"
	"strings"
	"testing"

	"github.com/jobhook/jobhook/shared/signing"
)

// What a signature header with a list may look like, and what it may not.
func TestSignatureLists(t *testing.T) {
	good := signed(t, scheme(t, "standard"), secrets(t, keyA), message).Get("Webhook-Signature")
	bad := signed(t, scheme(t, "standard"), secrets(t, keyB), message).Get("Webhook-Signature")
	ed := signed(t, scheme(t, "standard"), secrets(t, keyE), message).Get("Webhook-Signature")
	stripe := signed(t, scheme(t, "stripe"), secrets(t, keyA), message).Get("Stripe-Signature")
	other := strings.TrimPrefix(signed(t, scheme(t, "stripe"), secrets(t, keyB), message).Get("Stripe-Signature"), "t=1700000000,")
	tests := map[string]struct {
		scheme string
		values []string
		key    string
		want   error
	}{
		"bad before good":          {"standard", []string{bad + " " + good}, keyA, nil},
		"good before bad":          {"standard", []string{good + " " + bad}, keyA, nil},
		"broken beside good":       {"standard", []string{"v1,%%% v1 , v1, " + good}, keyA, nil},
		"unknown version":          {"standard", []string{"v2,zzz v9 " + good}, keyA, nil},
		"unknown version alone":    {"standard", []string{strings.Replace(good, "v1,", "v2,", 1)}, keyA, signing.ErrMalformed},
		"upper-case version":       {"standard", []string{strings.Replace(good, "v1,", "V1,", 1)}, keyA, signing.ErrMalformed},
		"v1 under v1a's name":      {"standard", []string{strings.Replace(good, "v1,", "v1a,", 1)}, keyA, signing.ErrMalformed},
		"header twice":             {"standard", []string{bad, good}, keyA, nil},
		"header twice, both bad":   {"standard", []string{bad, bad}, keyA, signing.ErrMismatch},
		"joined by a gateway":      {"standard", []string{bad + "," + good}, keyA, nil},
		"joined with a space":      {"standard", []string{bad + ", " + good}, keyA, nil},
		"spaces around":            {"standard", []string{"  " + bad + "   " + good + "  "}, keyA, nil},
		"ed25519 by private key":   {"standard", []string{ed}, keyE, nil},
		"ed25519 by public key":    {"standard", []string{bad + " " + ed}, publicKey(t, keyE), nil},
		"ed25519 key, v1 alone":    {"standard", []string{good}, keyE, signing.ErrMismatch},
		"HMAC key, v1a alone":      {"standard", []string{ed}, keyA, signing.ErrMismatch},
		"most that are read":       {"standard", []string{strings.Repeat("v1,A ", signing.MaxSignatures-1) + good}, keyA, nil},
		"one more":                 {"standard", []string{strings.Repeat("v1,A ", signing.MaxSignatures) + good}, keyA, signing.ErrMalformed},
		"stripe, several v1":       {"stripe", []string{strings.Replace(stripe, ",v1", ","+other+",v1", 1)}, keyA, nil},
		"stripe, v0 too":           {"stripe", []string{stripe + ",v0=00,x"}, keyA, nil},
		"stripe, spaces":           {"stripe", []string{strings.ReplaceAll(stripe, ",", ", ")}, keyA, nil},
		"stripe, header twice":     {"stripe", []string{stripe, other}, keyA, nil},
		"stripe, t twice":          {"stripe", []string{stripe + ",t=1700000000"}, keyA, signing.ErrMalformed},
		"stripe, no t":             {"stripe", []string{other}, keyB, signing.ErrMalformed},
		"stripe, v0 alone":         {"stripe", []string{strings.Replace(stripe, "v1=", "v0=", 1)}, keyA, signing.ErrMalformed},
		"stripe, t in millisecond": {"stripe", []string{strings.Replace(stripe, "t=1700000000", "t=1700000000000", 1)}, keyA, signing.ErrMalformed},
		"stripe, t signed":         {"stripe", []string{strings.Replace(stripe, "t=", "t=+", 1)}, keyA, signing.ErrMalformed},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			s := scheme(t, test.scheme)
			h := signed(t, s, secrets(t, keyA), message)
			h[s.Header()] = test.values
			_, err := signing.Verify(s, secrets(t, test.key), h, message.Body, at, 0)
			if !errors.Is(err, test.want) {
				t.Errorf("got %v (%s), want %v", err, detail(err), test.want)
			}
		})
	}
}

// A header that has one value must come once, even with the same value.
func TestSingleHeaderTwice(t *testing.T) {
	for _, name := range signing.Names() {
		s := scheme(t, name)
		own := own(signed(t, s, secrets(t, keyA), message), name)
		for header := range own {
			if header == s.Header() && (name == "standard" || name == "svix" || name == "stripe") || strings.HasSuffix(header, "-Delivery") || name == "shopify" && header != s.Header() {
				continue
			}
			t.Run(name+"/"+header, func(t *testing.T) {
				h := own.Clone()
				h[strings.ToLower(header)] = h[header]
				_, err := signing.Verify(s, secrets(t, keyA), h, message.Body, at, 0)
				if !errors.Is(err, signing.ErrMalformed) {
					t.Errorf("got %v", err)
				}
			})
		}
	}
}

// own leaves out the standard headers that go with an older profile.
func own(h http.Header, scheme string) http.Header {
	if scheme == "standard" {
		return h
	}
	out := h.Clone()
	for header := range h {
		if strings.HasPrefix(header, "Webhook-") {
			out.Del(header)
		}
	}
	return out
}

func TestIDsThatAreSigned(t *testing.T) {
	for name, id := range map[string]string{"full stop": "msg_1.2", "space": "msg 1", "not ASCII": "müsg", "long": strings.Repeat("x", 257)} {
		t.Run(name, func(t *testing.T) {
			m := message
			m.ID = id
			if _, err := signing.Sign(scheme(t, "standard"), secrets(t, keyA), m); err == nil {
				t.Error("signed")
			}
			h := signed(t, scheme(t, "standard"), secrets(t, keyA), message)
			h.Set("Webhook-Id", id)
			if _, err := signing.Verify(scheme(t, "standard"), secrets(t, keyA), h, m.Body, at, 0); !errors.Is(err, signing.ErrMalformed) {
				t.Errorf("verified: %v", err)
			}
		})
	}
}

func TestTimestampsThatAreNone(t *testing.T) {
	for _, text := range []string{"-1", "+1700000000", "1700000000.5", "1e9", "1700000000000", "0x10", "１７"} {
		for _, name := range []string{"standard", "slack", "svix"} {
			s := scheme(t, name)
			h := signed(t, s, secrets(t, keyA), message)
			for header := range h {
				if strings.HasSuffix(header, "Timestamp") {
					h.Set(header, text)
				}
			}
			if _, err := signing.Verify(s, secrets(t, keyA), h, message.Body, at, 0); !errors.Is(err, signing.ErrMalformed) {
				t.Errorf("%s, %q: %v", name, text, err)
			}
		}
	}
}

// Each ed25519 signature costs a pass over the body for each key: a stranger
// chooses how many there are in the header.
func TestEd25519SignaturesAreBounded(t *testing.T) {
	s := scheme(t, "standard")
	good := signed(t, s, secrets(t, keyE), message).Get("Webhook-Signature")
	bad := "v1a," + strings.Repeat("A", 86) + "== "
	var others []signing.Secret
	for i := range signing.MaxValid - 1 {
		key, err := signing.ParseSecret("whsk_" + base64.StdEncoding.EncodeToString([]byte(strings.Repeat(string(rune('a'+i)), 32))))
		if err != nil {
			t.Fatal(err)
		}
		others = append(others, key)
	}
	key := secrets(t, keyE)[0]
	for _, c := range []struct {
		name    string
		header  string
		secrets []signing.Secret
		want    error
	}{
		{"the last that is considered", strings.Repeat(bad, signing.MaxEd25519-1) + good, []signing.Secret{key}, nil},
		{"one too late", strings.Repeat(bad, signing.MaxEd25519) + good, []signing.Secret{key}, signing.ErrMismatch},
		{"one signature, the last of all keys", good, append(slices.Clip(others), key), nil},
		{"the last pair", strings.Repeat(bad, 3) + good, append(others[:3:3], key), nil},
		{"beyond the last pair", strings.Repeat(bad, 3) + good, append(others[:4:4], key), signing.ErrMismatch},
	} {
		h := signed(t, s, secrets(t, keyE), message)
		h.Set("Webhook-Signature", c.header)
		_, err := signing.Verify(s, c.secrets, h, message.Body, message.Timestamp, 0)
		if !errors.Is(err, c.want) || (err == nil) != (c.want == nil) {
			t.Errorf("%s: %v, want %v", c.name, err, c.want)
		}
	}
}

func TestAPrefixThatIsNoneIsNotNamed(t *testing.T) {
	for name, want := range map[string]string{"sharpapi": "it must be 64 hexadecimal", "github": `it must be "sha256=" and 64 hexadecimal`} {
		s := scheme(t, name)
		_, err := signing.Verify(s, secrets(t, keyA), http.Header{s.Header(): {"x"}}, nil, message.Timestamp, 0)
		var e *signing.Error
		if !errors.As(err, &e) || !strings.HasPrefix(e.Detail, want) {
			t.Errorf("%s: %v, want %q", name, e, want)
		}
	}
}
