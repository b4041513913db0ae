package local

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"time"

	"github.com/jobhook/jobhook/shared/secrets"
	"github.com/jobhook/jobhook/shared/webhook"
)

// keysFile stands in for Secrets Manager: the runner's own secrets.
const keysFile = "secrets.json"

// vault seals and opens the endpoints' secrets for the API.
type vault struct{ ring *secrets.Ring }

func (v vault) seal(account, endpointID, secret string, createdAt time.Time) (webhook.SealedSecret, error) {
	return v.ring.Seal(context.Background(), rand.Reader, account, endpointID, secret, createdAt)
}

func (v vault) open(account, endpointID string, sealed webhook.SealedSecret) (string, error) {
	return v.ring.Open(context.Background(), account, endpointID, sealed, time.Now())
}

// JobSecret is the newest secret that signs an account's job URLs while the
// account has set none of its own.
func (r *Runner) JobSecret(ctx context.Context, account string) (string, error) {
	found, _, err := r.vault.ring.For(ctx, webhook.JobDefaults(account, webhook.Standard), time.Now())
	if err != nil {
		return "", err
	}
	return found[0].Reveal(), nil
}

// check tries both of the runner's own secrets.
func (r *Runner) check(ctx context.Context) error {
	signing, err := r.JobSecret(ctx, webhook.DefaultAccount)
	if err == nil {
		_, err = r.vault.seal(webhook.DefaultAccount, "ep_none", signing, time.Now()) //nolint:contextcheck // nothing to wait for: the keys are in memory
	}
	return err
}

// dataFile is what embedded calls its file.
const dataFile = "jobhook.db"

// openSecrets refuses a database whose secrets are gone: new ones would not
// open what it holds.
func openSecrets(dir string) (*secrets.Ring, error) {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, fmt.Errorf("make the data directory: %w", err)
	}
	path := filepath.Join(dir, keysFile)
	if missing(path) && !missing(filepath.Join(dir, dataFile)) {
		return nil, fmt.Errorf("%s has a database but no %s, which opens the endpoints' secrets: put it back, or choose another directory with --data", dir, keysFile)
	}
	source, err := secrets.OpenFile(path, rand.Reader)
	if err != nil {
		return nil, err
	}
	return secrets.NewRing(source, secrets.LocalNames), nil
}

func missing(path string) bool {
	_, err := os.Stat(path)
	return errors.Is(err, fs.ErrNotExist)
}
