package sealing_test

import (
	"bytes"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"strings"
	"testing"
	"testing/iotest"

	"github.com/jobhook/jobhook/shared/sealing"
)

const (
	oldText = "0123456789abcdefghijklmnopqrstuv"
	newText = "another key's text, of 32 characters or more"
	secret  = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
)

var owner = sealing.Owner{Account: "acct-1", EndpointID: "ep_a"}

func keys(t testing.TB, texts ...string) []sealing.Key {
	t.Helper()
	made, err := sealing.NewKeys(texts)
	if err != nil {
		t.Fatal(err)
	}
	return made
}

func seal(t testing.TB, with []sealing.Key, text string) string {
	t.Helper()
	sealed, err := sealing.Seal(rand.Reader, with, owner, text)
	if err != nil {
		t.Fatal(err)
	}
	return sealed
}

func TestOpensWhatWasSealed(t *testing.T) {
	k := keys(t, newText)
	for _, text := range []string{secret, "", "a", "日本語 🎉", strings.Repeat("x", 1024)} {
		sealed := seal(t, k, text)
		if again := seal(t, k, text); again == sealed {
			t.Errorf("%q is sealed the same twice", text)
		}
		if len(text) > 2 && strings.Contains(sealed, text) {
			t.Errorf("%q shows", text)
		}
		if got, err := sealing.Open(k, owner, sealed); err != nil || got != text {
			t.Errorf("got %q, %v; want %q", got, err, text)
		}
	}
}

// pinned was computed by testdata/pin.mjs.
const pinned = "v1.9ba95af009c8.dHdlbHZlIGJ5dGVzRdL1lbOnNfSVrOshKJB-eYXbhQGPSww3bENp1CFIaFBpO-oVZClRZMAhfYReRsucqtsrs5x1"

// TestForm pins what lies in databases: made once, it must open for ever.
func TestForm(t *testing.T) {
	random := bytes.NewReader([]byte("twelve bytes"))
	sealed, err := sealing.Seal(random, keys(t, oldText), owner, secret)
	if err != nil {
		t.Fatal(err)
	}
	if sealed != pinned {
		t.Errorf("got %s, want %s", sealed, pinned)
	}
}

func TestRotation(t *testing.T) {
	sealed := seal(t, keys(t, oldText), secret)
	both := keys(t, newText, oldText)
	if got, err := sealing.Open(both, owner, sealed); err != nil || got != secret {
		t.Errorf("under the old key: %q, %v", got, err)
	}
	if again := seal(t, both, secret); !strings.HasPrefix(again, "v1."+both[0].ID()+".") {
		t.Errorf("%s is not sealed under the newest key, %s", again, both[0].ID())
	}
	_, err := sealing.Open(keys(t, newText), owner, sealed)
	if !errors.Is(err, sealing.ErrUnknownKey) {
		t.Errorf("got %v, want %v", err, sealing.ErrUnknownKey)
	}
}

func TestRefuses(t *testing.T) {
	k := keys(t, newText)
	sealed := seal(t, k, secret)
	prefix := "v1." + k[0].ID() + "."
	for _, c := range []struct {
		name, sealed string
		owner        sealing.Owner
		want         error
	}{
		{"another endpoint", sealed, sealing.Owner{Account: "acct-1", EndpointID: "ep_b"}, sealing.ErrTampered},
		{"another account", sealed, sealing.Owner{Account: "acct-2", EndpointID: "ep_a"}, sealing.ErrTampered},
		{"the same letters, divided otherwise", sealed, sealing.Owner{Account: "acct-1e", EndpointID: "p_a"}, sealing.ErrTampered},
		{"another key's id", "v1.000000000000." + sealed[len(prefix):], owner, sealing.ErrUnknownKey},
		{"another version", "v2" + sealed[2:], owner, sealing.ErrMalformed},
		{"empty", "", owner, sealing.ErrMalformed},
		{"a secret in clear", secret, owner, sealing.ErrMalformed},
		{"no key id", "v1.." + sealed[len(prefix):], owner, sealing.ErrMalformed},
		{"too short", prefix + "AAAA", owner, sealing.ErrMalformed},
		{"padded", sealed + "=", owner, sealing.ErrMalformed},
		{"a line end", sealed + "\n", owner, sealing.ErrMalformed},
		{"cut", sealed[:len(sealed)-4], owner, sealing.ErrTampered},
	} {
		got, err := sealing.Open(k, c.owner, c.sealed)
		if !errors.Is(err, c.want) || got != "" {
			t.Errorf("%s: got %q, %v; want %v", c.name, got, err, c.want)
		}
		if err != nil && (strings.Contains(err.Error(), secret) || c.sealed != "" && strings.Contains(err.Error(), c.sealed)) {
			t.Errorf("%s: the error gives it away: %v", c.name, err)
		}
	}
}

// TestEveryBit: no bit of a sealed secret can be changed unnoticed.
func TestEveryBit(t *testing.T) {
	k := keys(t, newText)
	sealed := []byte(seal(t, k, "secret"))
	for n := range sealed {
		for bit := range 8 {
			changed := bytes.Clone(sealed)
			changed[n] ^= 1 << bit
			if got, err := sealing.Open(k, owner, string(changed)); err == nil {
				t.Errorf("byte %d, bit %d: opened as %q", n, bit, got)
			}
		}
	}
}

func TestKeys(t *testing.T) {
	if _, err := sealing.NewKeys([]string{newText, oldText[:31]}); !errors.Is(err, sealing.ErrWeakKey) {
		t.Errorf("31 characters: got %v, want %v", err, sealing.ErrWeakKey)
	}
	if _, err := sealing.Seal(rand.Reader, nil, owner, secret); !errors.Is(err, sealing.ErrNoKey) {
		t.Errorf("no key: got %v, want %v", err, sealing.ErrNoKey)
	}
	if _, err := sealing.Seal(iotest.ErrReader(io.ErrUnexpectedEOF), keys(t, newText), owner, secret); !errors.Is(err, io.ErrUnexpectedEOF) {
		t.Errorf("no randomness: got %v", err)
	}
	k := keys(t, newText)[0]
	for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%x", "%d"} {
		if got := fmt.Sprintf(verb, k); got != "[sealing key]" {
			t.Errorf("%s prints %s", verb, got)
		}
		if got := fmt.Sprintf(verb, []sealing.Key{k}); strings.Contains(got, newText) {
			t.Errorf("%s prints %s", verb, got)
		}
	}
}

// FuzzOpen: no text that a database may hold panics, and none opens that was
// not sealed here.
func FuzzOpen(f *testing.F) {
	k := keys(f, oldText)
	sealed := pinned // each of the fuzzer's processes must know the same one
	f.Add(sealed)
	f.Add("v1..")
	f.Add("v1." + k[0].ID() + ".AAAA")
	f.Fuzz(func(t *testing.T, text string) {
		if got, err := sealing.Open(k, owner, text); err == nil && (text != sealed || got != secret) {
			t.Errorf("%q opens as %q", text, got)
		}
	})
}
