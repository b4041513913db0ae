package secrets_test

import (
	"crypto/rand"
	"errors"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/iotest"

	"github.com/jobhook/jobhook/shared/secrets"
	"github.com/jobhook/jobhook/shared/webhook"
)

func TestOpenFileMakesOne(t *testing.T) {
	path := filepath.Join(t.TempDir(), "keys.json")
	first, err := secrets.OpenFile(path, rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	info, err := os.Stat(path)
	if err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("mode %v, %v; want 0600", info.Mode(), err)
	}
	ring := secrets.NewRing(first, secrets.LocalNames)
	kept := endpoint(sealed(t, ring, "the first secret"))
	signs, _, err := ring.For(t.Context(), jobs(webhook.DefaultAccount), now)
	if err != nil || len(signs) != 1 || !strings.HasPrefix(signs[0].Reveal(), "whsec_") {
		t.Fatalf("got %v, %v; want one whsec_ secret", signs, err)
	}
	again, err := secrets.OpenFile(path, iotest.ErrReader(io.ErrUnexpectedEOF)) // needs no randomness
	if err != nil {
		t.Fatal(err)
	}
	got, _, err := secrets.NewRing(again, secrets.LocalNames).For(t.Context(), kept, now)
	if err != nil || !slices.Equal(reveal(got), []string{"the first secret"}) {
		t.Errorf("after a restart: got %v, %v", reveal(got), err)
	}
	if left, _ := os.ReadDir(filepath.Dir(path)); len(left) != 1 {
		t.Errorf("%v is left beside the file", left)
	}
}

// TestOpenFileRace: of many that start at once all hold the same secrets.
func TestOpenFileRace(t *testing.T) {
	path := filepath.Join(t.TempDir(), "keys.json")
	found := make([]string, 10)
	var all sync.WaitGroup
	for n := range found {
		all.Go(func() {
			source, err := secrets.OpenFile(path, rand.Reader)
			if err != nil {
				t.Error(err)
				return
			}
			found[n] = source[secrets.LocalNames.Sealing][0].Text.Reveal()
		})
	}
	all.Wait()
	if distinct := slices.Compact(slices.Sorted(slices.Values(found))); len(distinct) != 1 || distinct[0] == "" {
		t.Errorf("%d different keys, want one", len(distinct))
	}
}

func TestOpenFileRefuses(t *testing.T) {
	good := `{"signing":["TOPSECRET"],"sealing":["0123456789abcdefghijklmnopqrstuv"]}`
	for _, c := range []struct {
		name, contents string
		mode           os.FileMode
		want           string // in the error; empty: none
	}{
		{"good", good, 0o600, ""},
		{"read-only", good, 0o400, ""},
		{"readable by its group", good, 0o640, "chmod 600"},
		{"readable by all", good, 0o604, "chmod 600"},
		{"cut", good[:30], 0o600, "must hold"},
		{"no sealing key", `{"signing":["TOPSECRET"]}`, 0o600, "must hold"},
		{"empty", "", 0o600, "must hold"},
		{"empty text", `{"signing":["TOPSECRET",""],"sealing":["k"]}`, 0o600, "must hold"},
		{"with accounts", good[:len(good)-1] + `,"accounts":{"acme":"SECRET"}}`, 0o600, ""},
		{"accounts share", good[:len(good)-1] + `,"accounts":{"acme":"TOPSECRET"}}`, 0o600, "give each its own"},
		{"accounts of another form", good[:len(good)-1] + `,"accounts":["TOPSECRET"]}`, 0o600, "must hold"},
	} {
		path := filepath.Join(t.TempDir(), "keys.json")
		if err := errors.Join(os.WriteFile(path, []byte(c.contents), 0o600), os.Chmod(path, c.mode)); err != nil {
			t.Fatal(err)
		}
		_, err := secrets.OpenFile(path, rand.Reader)
		switch {
		case c.want == "" && err != nil:
			t.Errorf("%s: %v", c.name, err)
		case c.want != "" && (err == nil || !strings.Contains(err.Error(), c.want) || strings.Contains(err.Error(), "TOPSECRET")):
			t.Errorf("%s: got %v, want %q and no secret", c.name, err, c.want)
		}
	}
	if _, err := secrets.OpenFile(filepath.Join(t.TempDir(), "none", "keys.json"), rand.Reader); err == nil {
		t.Error("a directory that is missing: no error")
	}
	path := filepath.Join(t.TempDir(), "keys.json")
	if _, err := secrets.OpenFile(path, iotest.ErrReader(io.ErrUnexpectedEOF)); !errors.Is(err, io.ErrUnexpectedEOF) {
		t.Errorf("no randomness: got %v", err)
	}
	if _, err := os.Stat(path); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("no randomness, but a file: %v", err)
	}
}

// TestOpenFileVersions: its lists are versions, newest first, and accounts have
// their own whichever of them signs.
func TestOpenFileVersions(t *testing.T) {
	path := filepath.Join(t.TempDir(), "keys.json")
	contents := `{"signing":["the newest of all","the one before it"],"sealing":["` + sealingText + `"],"accounts":{"acme":"the secret of acme"}}`
	if err := os.WriteFile(path, []byte(contents), 0o600); err != nil {
		t.Fatal(err)
	}
	source, err := secrets.OpenFile(path, rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	ring := secrets.NewRing(source, secrets.LocalNames)
	for account, want := range map[string][]string{
		webhook.DefaultAccount: {"the newest of all", "the one before it"},
		"acme":                 {"the secret of acme"},
	} {
		if got, _, err := ring.For(t.Context(), jobs(account), now); err != nil || !slices.Equal(reveal(got), want) {
			t.Errorf("%s: got %v, %v; want %v", account, reveal(got), err, want)
		}
	}
}
