package secrets_test

import (
	"bytes"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"os/exec"
	"strings"
	"testing"
	"testing/iotest"
	"time"

	"github.com/jobhook/jobhook/shared/secrets"
	"github.com/jobhook/jobhook/shared/webhook"
)

const (
	pinnedKey = "0123456789abcdefghijklmnopqrstuv"
	// pinned was computed by testdata/pin.mjs.
	pinned = "v1.9ba95af009c8.dHdlbHZlIGJ5dGVzRdL1lbOnNfSVrOshKJB-eYXbhQGPSww3bENp1CFIaFBpO-oVZCmMewbOOaztPz2XQzJGN28D"
	// derived is what Ring.For's comment names, for account acme.
	derived = "whsec_YKj6/mXox82RkCkSJMq8Q6h1eCs8V+C4licfLUwGJIc="
)

func underKey(texts ...string) *secrets.Ring {
	return secrets.NewRing(secrets.Static{names.Sealing: versions(texts...), names.Signing: versions(stackSecret)}, names)
}

// TestForm pins what lies in databases: made once, it must open for ever.
func TestForm(t *testing.T) {
	at := time.Date(2026, time.November, 21, 12, 0, 0, 7_999_999, time.UTC)
	s, err := underKey(pinnedKey).Seal(t.Context(), strings.NewReader("twelve bytes"), "acct-1", "ep_a", stackSecret, at)
	if err != nil {
		t.Fatal(err)
	}
	if want := (webhook.SealedSecret{Sealed: pinned, CreatedAt: at.Truncate(time.Millisecond)}); s != want {
		t.Errorf("got %+v, want %+v", s, want)
	}
}

// TestDerivedByOpenssl checks the documented vector, and another account's,
// with an implementation of HKDF that is not Go's.
func TestDerivedByOpenssl(t *testing.T) {
	ring := underKey(pinnedKey)
	of := func(account string) string {
		got, _, err := ring.For(t.Context(), jobs(account), now)
		if err != nil || len(got) != 1 {
			t.Fatalf("%s: got %v, %v", account, reveal(got), err)
		}
		return got[0].Reveal()
	}
	if got := of("acme"); got != derived {
		t.Errorf("account acme: got %s, want %s", got, derived)
	}
	openssl, err := exec.LookPath("openssl")
	if err != nil {
		t.Skip("no openssl to compare with: ", err)
	}
	for _, account := range []string{"acme", "Müller & Söhne"} {
		out, err := exec.CommandContext(t.Context(), openssl, "kdf", "-binary", "-keylen", "32", "-kdfopt", "digest:SHA256",
			"-kdfopt", fmt.Sprintf("hexkey:%x", pinnedKey), "-kdfopt", fmt.Sprintf("hexinfo:%x", "jobhook/account/v1\x00"+account), "HKDF").Output()
		if err != nil {
			t.Fatalf("openssl: %v", err)
		}
		if want := fmt.Sprintf("whsec_%s", b64(out)); of(account) != want {
			t.Errorf("account %s: got %s, openssl says %s", account, of(account), want)
		}
	}
}

func TestOpensWhatWasSealed(t *testing.T) {
	ring := underKey(sealingText)
	for _, text := range []string{stackSecret, "sixteen bytes ok", "日本語 🎉 and more", strings.Repeat("x", 1024)} {
		first, again := sealed(t, ring, text), sealed(t, ring, text)
		if first.Sealed == again.Sealed {
			t.Errorf("%q is sealed the same twice", text)
		}
		if strings.Contains(first.Sealed, text) {
			t.Errorf("%q shows", text)
		}
		first.ExpiresAt = now.Add(-time.Hour) // to open is not to sign
		if got, err := ring.Open(t.Context(), account, endpointID, first, now); err != nil || got != text {
			t.Errorf("got %q, %v; want %q", got, err, text)
		}
	}
	for _, text := range []string{"", "15 bytes, short", "whsec_short", "two\nlines of text"} {
		if got, err := ring.Seal(t.Context(), rand.Reader, account, endpointID, text, now); err == nil || got.Sealed != "" {
			t.Errorf("%q is sealed", text)
		}
	}
	if _, err := ring.Seal(t.Context(), iotest.ErrReader(io.ErrUnexpectedEOF), account, endpointID, stackSecret, now); !errors.Is(err, io.ErrUnexpectedEOF) {
		t.Errorf("no randomness: got %v", err)
	}
}

func TestOpenOfANamedSecret(t *testing.T) {
	from := stack()
	from.Static["own"] = versions("own, the newer one", "own, the older one")
	from.Static["over"] = []secrets.Version{{Text: secrets.NewText("own, that is over"), Until: now}}
	ring := secrets.NewRing(from, names)
	if got, err := ring.Open(t.Context(), account, endpointID, webhook.SealedSecret{Ref: "own"}, now); err != nil || got != "own, the newer one" {
		t.Errorf("got %q, %v", got, err)
	}
	for _, name := range []string{"over", "nobody's"} {
		if got, err := ring.Open(t.Context(), account, endpointID, webhook.SealedSecret{Ref: name}, now); err == nil || got != "" {
			t.Errorf("%s: got %q and no error", name, got)
		}
	}
}

func TestOpenRefuses(t *testing.T) {
	ring := underKey(sealingText)
	s := sealed(t, ring, stackSecret)
	prefix := s.Sealed[:strings.LastIndex(s.Sealed, ".")+1]
	for _, c := range []struct {
		name, account, endpoint, sealed string
		at                              time.Time
		want                            error
	}{
		{"another endpoint", account, "ep_b", s.Sealed, now, secrets.ErrTampered},
		{"another account", "acct-2", endpointID, s.Sealed, now, secrets.ErrTampered},
		{"the job record", account, webhook.JobTarget, s.Sealed, now, secrets.ErrTampered},
		{"the same letters, divided otherwise", account + "e", endpointID[1:], s.Sealed, now, secrets.ErrTampered},
		{"a millisecond later", account, endpointID, s.Sealed, now.Add(time.Millisecond), secrets.ErrTampered},
		{"a millisecond earlier", account, endpointID, s.Sealed, now.Add(-time.Millisecond), secrets.ErrTampered},
		{"no creation time", account, endpointID, s.Sealed, time.Time{}, secrets.ErrTampered},
		{"another key's id", account, endpointID, "v1.000000000000." + s.Sealed[len(prefix):], now, secrets.ErrUnknownKey},
		{"another version", account, endpointID, "v2" + s.Sealed[2:], now, secrets.ErrMalformed},
		{"empty", account, endpointID, "", now, secrets.ErrMalformed},
		{"a secret in clear", account, endpointID, stackSecret, now, secrets.ErrMalformed},
		{"no key id", account, endpointID, "v1.." + s.Sealed[len(prefix):], now, secrets.ErrMalformed},
		{"too short", account, endpointID, prefix + "AAAA", now, secrets.ErrMalformed},
		{"padded", account, endpointID, s.Sealed + "=", now, secrets.ErrMalformed},
		{"a line end", account, endpointID, s.Sealed + "\n", now, secrets.ErrMalformed},
		{"cut", account, endpointID, s.Sealed[:len(s.Sealed)-4], now, secrets.ErrTampered},
	} {
		moved := webhook.SealedSecret{Sealed: c.sealed, CreatedAt: c.at}
		got, err := ring.Open(t.Context(), c.account, c.endpoint, moved, now)
		if !errors.Is(err, c.want) || got != "" {
			t.Errorf("%s: got %q, %v; want %v", c.name, got, err, c.want)
		}
		if err != nil && (strings.Contains(err.Error(), stackSecret) || c.sealed != "" && strings.Contains(err.Error(), c.sealed)) {
			t.Errorf("%s: the error holds a secret: %v", c.name, err)
		}
		e := webhook.Endpoint{ID: c.endpoint, Account: c.account, Secrets: []webhook.SealedSecret{moved}}
		if signs, _, err := ring.For(t.Context(), e, now); !errors.Is(err, c.want) || signs != nil {
			t.Errorf("%s: For gives %v, %v; want %v", c.name, reveal(signs), err, c.want)
		}
	}
}

// TestEveryBit: no bit of a sealed secret can be changed unnoticed.
func TestEveryBit(t *testing.T) {
	ring := underKey(sealingText)
	s := sealed(t, ring, "sixteen bytes ok")
	for n := range len(s.Sealed) {
		for bit := range 8 {
			changed := []byte(s.Sealed)
			changed[n] ^= 1 << bit
			moved := webhook.SealedSecret{Sealed: string(changed), CreatedAt: s.CreatedAt}
			if got, err := ring.Open(t.Context(), account, endpointID, moved, now); err == nil {
				t.Errorf("byte %d, bit %d: opened as %q", n, bit, got)
			}
		}
	}
}

// FuzzOpen: no text that a database may hold panics, and none opens that was
// not sealed here.
func FuzzOpen(f *testing.F) {
	ring := underKey(pinnedKey)
	at := time.Date(2026, time.November, 21, 12, 0, 0, 7_000_000, time.UTC)
	f.Add(pinned) // each of the fuzzer's processes must know the same one
	f.Add("v1..")
	f.Add("v1.9ba95af009c8.AAAA")
	f.Fuzz(func(t *testing.T, text string) {
		got, err := ring.Open(t.Context(), "acct-1", "ep_a", webhook.SealedSecret{Sealed: text, CreatedAt: at}, now)
		if err == nil && (text != pinned || got != stackSecret) {
			t.Errorf("%q opens as %q", text, got)
		}
	})
}

// TestSealingKeyRotation: what the old key sealed opens though its version
// signs no more, and the new one seals.
func TestSealingKeyRotation(t *testing.T) {
	const newText = "a new sealing key of at least 32 characters"
	old := sealed(t, underKey(sealingText), "the first secret")
	after := stack()
	after.Static[names.Sealing] = append(versions(newText),
		secrets.Version{Text: secrets.NewText(sealingText), Until: now.Add(-time.Hour)},
		secrets.Version{Text: secrets.NewText("too short to be one")})
	ring := secrets.NewRing(after, names)
	if got, err := ring.Open(t.Context(), account, endpointID, old, now); err != nil || got != "the first secret" {
		t.Errorf("got %q, %v", got, err)
	}
	fresh := sealed(t, ring, "the second secret")
	if _, err := underKey(sealingText).Open(t.Context(), account, endpointID, fresh, now); !errors.Is(err, secrets.ErrUnknownKey) {
		t.Errorf("got %v, want %v: it is sealed under the new key", err, secrets.ErrUnknownKey)
	}
	if got, err := underKey(newText).Open(t.Context(), account, endpointID, fresh, now); err != nil || got != "the second secret" {
		t.Errorf("got %q, %v: it is sealed under the new key alone", got, err)
	}
	for name, texts := range map[string][]string{"31 characters": {pinnedKey[:31]}, "the newest is short": {"short", sealingText}} {
		if _, _, err := underKey(texts...).For(t.Context(), endpoint(old), now); !errors.Is(err, secrets.ErrWeakKey) {
			t.Errorf("%s: got %v, want %v", name, err, secrets.ErrWeakKey)
		}
	}
	if _, _, err := underKey().For(t.Context(), endpoint(old), now); !errors.Is(err, secrets.ErrUnknown) {
		t.Errorf("no sealing key: got %v, want %v", err, secrets.ErrUnknown)
	}
}

// TestRingShowsNothing: a ring that is printed by mistake.
func TestRingShowsNothing(t *testing.T) {
	ring := underKey(sealingText)
	if _, _, err := ring.For(t.Context(), jobs("acme"), now); err != nil {
		t.Fatal(err)
	}
	var out bytes.Buffer
	for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%x"} {
		fmt.Fprintf(&out, verb+"\n", ring)
		fmt.Fprintf(&out, verb+"\n", *ring)
	}
	for _, text := range []string{sealingText, stackSecret, fmt.Sprintf("%x", sealingText), fmt.Sprintf("%x", stackSecret)} {
		if strings.Contains(out.String(), text) {
			t.Errorf("a secret shows in %s", out.String())
		}
	}
}
