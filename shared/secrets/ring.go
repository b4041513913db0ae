package secrets

import (
	"context"
	"fmt"
	"io"
	"time"

	"github.com/jobhook/jobhook/shared/sealing"
	"github.com/jobhook/jobhook/shared/signing"
	"github.com/jobhook/jobhook/shared/webhook"
)

const (
	// maxOpened bounds the endpoints' secrets that are kept open in memory:
	// about 1 KB each.
	maxOpened = 4096
	// maxParsed bounds the texts kept in parsed form: the stack's own, and
	// those that endpoints name.
	maxParsed = 1024
)

// Names are the stack's own secrets as its Source knows them.
type Names struct {
	Signing string // signs where an endpoint has no secret of its own
	Sealing string // seals the endpoints' secrets
}

// Ring finds the secrets that sign. What it has parsed, derived or opened it
// keeps, so that a send costs neither a call nor a decryption. It is safe for
// concurrent use.
type Ring struct {
	source Source
	names  Names
	parsed memo[string, signing.Secret]
	keys   memo[string, sealing.Key]
	opened memo[sealedBy, signing.Secret]
}

// sealedBy has the owner beside the sealed text: a text copied to another
// endpoint's record must not be found open.
type sealedBy struct {
	owner  sealing.Owner
	sealed string
}

// NewRing returns a ring over a source.
func NewRing(source Source, names Names) *Ring {
	r := &Ring{source: source, names: names}
	r.parsed.limit, r.keys.limit, r.opened.limit = maxParsed, maxParsed, maxOpened
	return r
}

// For returns the secrets that sign for an endpoint at now, newest first and at
// least one, at most signing.MaxValid; for nil and for an endpoint without
// secrets of its own, the stack's. An error is a fault of ours; one that is
// signing.ErrNoSecret says that all of the endpoint's have ended.
func (r *Ring) For(ctx context.Context, e *webhook.Endpoint, now time.Time) ([]signing.Secret, error) {
	if e == nil || len(e.Secrets) == 0 {
		found, err := r.named(ctx, r.names.Signing, now)
		return found, wrap(err, "the stack's signing secret")
	}
	found, err := r.own(ctx, e, now)
	return found, wrap(err, "secrets of endpoint "+e.ID)
}

func (r *Ring) own(ctx context.Context, e *webhook.Endpoint, now time.Time) ([]signing.Secret, error) {
	var found []signing.Secret
	for _, s := range e.Valid(now) {
		more, err := r.stored(ctx, sealing.Owner{Account: e.Account, EndpointID: e.ID}, s, now)
		if err != nil {
			return nil, err
		}
		found = append(found, more...)
	}
	return usable(found)
}

func (r *Ring) stored(ctx context.Context, owner sealing.Owner, s webhook.SealedSecret, now time.Time) ([]signing.Secret, error) {
	if s.Ref != "" {
		found, err := r.named(ctx, s.Ref, now)
		return found, wrap(err, s.Ref)
	}
	opened, err := r.opened.get(sealedBy{owner, s.Sealed}, func() (signing.Secret, error) {
		return r.open(ctx, owner, s.Sealed, now)
	})
	if err != nil {
		return nil, err
	}
	return []signing.Secret{opened}, nil
}

// named are the versions of a source's secret that sign at now.
func (r *Ring) named(ctx context.Context, name string, now time.Time) ([]signing.Secret, error) {
	versions, err := r.source.Versions(ctx, name, now)
	if err != nil {
		return nil, err
	}
	var found []signing.Secret
	for _, v := range versions {
		leaving := !v.Until.IsZero()
		if leaving && !now.Before(v.Until) {
			continue
		}
		secret, err := r.parse(v.Text)
		if err != nil && leaving {
			continue // the mistake that a rotation mended
		}
		if err != nil {
			return nil, err
		}
		found = append(found, secret)
	}
	return usable(found)
}

func (r *Ring) parse(text Text) (signing.Secret, error) {
	return r.parsed.get(text.Reveal(), func() (signing.Secret, error) { return signing.ParseSecret(text.Reveal()) })
}

func (r *Ring) open(ctx context.Context, owner sealing.Owner, sealed string, now time.Time) (signing.Secret, error) {
	keys, err := r.sealingKeys(ctx, now)
	if err != nil {
		return signing.Secret{}, err
	}
	text, err := sealing.Open(keys, owner, sealed)
	if err != nil {
		return signing.Secret{}, err
	}
	return signing.ParseSecret(text)
}

// Seal encrypts an endpoint's secret for its record, under the newest sealing
// key. random must be cryptographically secure.
func (r *Ring) Seal(ctx context.Context, random io.Reader, owner sealing.Owner, secret signing.Secret, now time.Time) (webhook.SealedSecret, error) {
	keys, err := r.sealingKeys(ctx, now)
	if err != nil {
		return webhook.SealedSecret{}, err
	}
	sealed, err := sealing.Seal(random, keys, owner, secret.Reveal())
	return webhook.SealedSecret{Sealed: sealed}, err
}

// sealingKeys are all versions, whatever their Until: what an old one sealed
// must open for as long as that version can be had.
func (r *Ring) sealingKeys(ctx context.Context, now time.Time) ([]sealing.Key, error) {
	versions, err := r.source.Versions(ctx, r.names.Sealing, now)
	if err != nil {
		return nil, fmt.Errorf("the sealing key: %w", err)
	}
	keys := make([]sealing.Key, 0, len(versions))
	for n, v := range versions {
		key, err := r.keys.get(v.Text.Reveal(), func() (sealing.Key, error) { return sealing.NewKey(v.Text.Reveal()) })
		if err != nil && n > 0 {
			continue // it never sealed anything
		}
		if err != nil {
			return nil, err
		}
		keys = append(keys, key)
	}
	return keys, nil
}

// usable bounds a list, drops repeats and refuses an empty one.
func usable(found []signing.Secret) ([]signing.Secret, error) {
	kept := found[:0]
	for _, secret := range found {
		if len(kept) < signing.MaxValid && !contains(kept, secret) {
			kept = append(kept, secret)
		}
	}
	if len(kept) == 0 {
		return nil, signing.ErrNoSecret
	}
	return kept, nil
}

func contains(list []signing.Secret, secret signing.Secret) bool {
	for _, s := range list {
		if s.Equal(secret) {
			return true
		}
	}
	return false
}

func wrap(err error, what string) error {
	if err == nil {
		return nil
	}
	return fmt.Errorf("%s: %w", what, err)
}
