package secrets

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"time"

	"github.com/jobhook/jobhook/shared/signing"
)

// Static is a source whose secrets don't change while it is used.
type Static map[string][]Version

// Versions returns a secret's versions, or ErrUnknown.
func (s Static) Versions(_ context.Context, name string, _ time.Time) ([]Version, error) {
	versions, ok := s[name]
	if !ok {
		return nil, fmt.Errorf("%q: %w", name, ErrUnknown)
	}
	return versions, nil
}

// LocalNames are the names in the source that OpenFile returns.
var LocalNames = Names{Signing: "signing", Sealing: "sealing"}

// keyFile is what the file holds: each list newest first.
type keyFile struct {
	Signing  []string          `json:"signing"`
	Sealing  []string          `json:"sealing"`
	Accounts map[string]string `json:"accounts,omitempty"` // as in ParseValue
}

// OpenFile reads the secrets of `jobhook local` from a file that only its owner
// can read (mode 0600): {"signing":["…"],"sealing":["…"]}, newest first, with
// "accounts" as in ParseValue or without. It makes one with new secrets where
// there is none: it is on disk, whole, before OpenFile returns. Without the file
// the endpoints' secrets in the database beside it cannot be opened again.
func OpenFile(path string, random io.Reader) (Static, error) {
	source, err := readFile(path)
	if !errors.Is(err, fs.ErrNotExist) {
		return source, err
	}
	if err := createFile(path, random); err != nil && !errors.Is(err, fs.ErrExist) {
		return nil, fmt.Errorf("make the key file: %w", err)
	}
	return readFile(path) // another process may have been first
}

func readFile(path string) (Static, error) {
	file, err := os.Open(path)
	if err != nil {
		return nil, fmt.Errorf("key file: %w", err)
	}
	defer file.Close()
	info, err := file.Stat()
	if err != nil {
		return nil, fmt.Errorf("key file: %w", err)
	}
	if info.Mode().Perm()&0o077 != 0 {
		return nil, fmt.Errorf("key file %s can be read by others (mode %#o): chmod 600 it", path, info.Mode().Perm())
	}
	var held keyFile
	var sign, seal []Version
	err = ErrForm
	if json.NewDecoder(io.LimitReader(file, 1<<20)).Decode(&held) == nil { // its error may quote the file
		sign, err = newVersions(held.Signing, held.Accounts)
	}
	if err == nil {
		seal, err = newVersions(held.Sealing, nil)
	}
	if errors.Is(err, ErrForm) {
		return nil, fmt.Errorf(`key file %s must hold {"signing":["…"],"sealing":["…"]}, with "accounts":{"account":"secret"} or without`, path)
	}
	if err != nil {
		return nil, fmt.Errorf("key file %s: %w", path, err)
	}
	return Static{LocalNames.Signing: sign, LocalNames.Sealing: seal}, nil
}

// createFile writes a temporary file and links it: the name appears with all of
// its contents, and only if nobody else made it meanwhile.
func createFile(path string, random io.Reader) error {
	sign, err1 := signing.GenerateSecret(random)
	seal, err2 := signing.GenerateSecret(random)
	contents, err3 := json.MarshalIndent(keyFile{Signing: []string{sign.Reveal()}, Sealing: []string{seal.Reveal()}}, "", "  ")
	if err := errors.Join(err1, err2, err3); err != nil {
		return err
	}
	temporary, err := os.CreateTemp(filepath.Dir(path), ".keys-*") // mode 0600
	if err != nil {
		return fmt.Errorf("temporary file: %w", err)
	}
	defer func() { _ = os.Remove(temporary.Name()) }() // its link, if any, stays
	_, err = temporary.Write(contents)
	if err := errors.Join(err, temporary.Sync(), temporary.Close()); err != nil {
		return err
	}
	if err := os.Link(temporary.Name(), path); err != nil {
		return fmt.Errorf("link: %w", err)
	}
	dir, err := os.Open(filepath.Dir(path))
	if err != nil {
		return fmt.Errorf("make its name durable: %w", err)
	}
	return errors.Join(dir.Sync(), dir.Close())
}
