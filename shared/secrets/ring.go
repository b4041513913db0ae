package secrets

import (
	"context"
	"fmt"
	"io"
	"slices"
	"time"

	"github.com/jobhook/jobhook/shared/signing"
	"github.com/jobhook/jobhook/shared/stale"
	"github.com/jobhook/jobhook/shared/webhook"
)

// Bounds of what is kept in memory, about 1 KB each.
const (
	maxSecrets = 4096 // in parsed form
	maxKeys    = 64   // versions of the sealing key
)

// Names are the stack's own secrets as its Source knows them.
type Names struct {
	Signing string // signs the jobs' own URLs of accounts, see Ring.For
	Sealing string // seals the endpoints' secrets
}

// Ring finds the secrets that sign. What it has opened, derived and parsed it
// keeps, so that a send costs neither a call nor a decryption. It is safe for
// concurrent use.
type Ring struct {
	source Source
	names  Names
	// Caches' Get, as functions: fmt would walk into the caches.
	key    func(ctx context.Context, text string, now time.Time) (*key, error)
	signer func(ctx context.Context, o origin, now time.Time) (signer, error)
}

// NewRing returns a ring over a source.
func NewRing(source Source, names Names) *Ring {
	keys := stale.New(stale.Options{Max: maxKeys}, func(_ context.Context, text string) (*key, error) { return newKey(text) })
	signers := stale.New(stale.Options{Max: maxSecrets}, func(_ context.Context, o origin) (signer, error) { return o.signer() })
	return &Ring{source: source, names: names, key: keys.Get, signer: signers.Get}
}

// origin is where a secret comes from.
type origin struct {
	text    string // the secret, unless one of the next is set
	opens   *key   // it is sealed under this key, at this place
	at      place
	derives *key // it is derived from this key, for the account that text names

	marks *key // of the fingerprint
}

type signer struct {
	secret      signing.Secret
	fingerprint string
}

func (o origin) signer() (s signer, err error) {
	text := o.text
	switch {
	case o.opens != nil:
		text, err = o.opens.open(o.at, text)
	case o.derives != nil:
		text, err = o.derives.account(text)
	}
	if err == nil {
		s.secret, err = signing.ParseSecret(text)
	}
	if err == nil {
		s.fingerprint = o.marks.fingerprint(text)
	}
	return s, err
}

// candidate is a secret that is to sign.
type candidate struct {
	origin
	from    string // for errors
	leaving bool   // it is a version whose end is set
}

// For returns the secrets that sign for an endpoint at now, newest first, at
// least one and at most signing.MaxValid, and the fingerprint of each: 8 hex
// digits that tell it from others and nothing else.
//
// An endpoint's are its own. An account's job record (webhook.JobTarget, set or
// not) that has none of its own is signed for, in this order,
//
//   - by the account's secret in the signing secret's value (Version.Accounts);
//   - for webhook.DefaultAccount, by the signing secret itself;
//   - by a secret derived from the sealing key: HKDF-SHA256 of the key's text
//     without a salt, info "jobhook/account/v1", a zero byte and the account;
//     32 bytes as "whsec_" and base64. The sealing key
//     0123456789abcdefghijklmnopqrstuv gives account acme
//     whsec_YKj6/mXox82RkCkSJMq8Q6h1eCs8V+C4licfLUwGJIc=.
//
// While two versions of the signing secret or of the sealing key are valid, what
// both give signs. No secret of an account is ever another's.
//
// An error is an internal one; signing.ErrNoSecret says that the endpoint has no
// secret, or that all of them have ended.
func (r *Ring) For(ctx context.Context, e webhook.Endpoint, now time.Time) (valid []signing.Secret, fingerprints []string, err error) {
	all, live, err := r.sealingKeys(ctx, now)
	if err != nil {
		return nil, nil, err
	}
	var found []candidate
	if e.ID == webhook.JobTarget && len(e.Secrets) == 0 {
		found, err = r.ofAccount(ctx, e.Account, live, now)
	} else {
		found, err = r.own(ctx, e, all, now)
	}
	if err != nil {
		return nil, nil, fmt.Errorf("secrets of %s: %w", e.ID, err)
	}
	for _, c := range found {
		c.marks = all[0]
		s, err := r.signer(ctx, c.origin, now)
		if err != nil && c.leaving {
			continue // the mistake that a rotation has corrected
		}
		if err != nil {
			return nil, nil, fmt.Errorf("secrets of %s: %s: %w", e.ID, c.from, err)
		}
		if len(valid) < signing.MaxValid && !slices.ContainsFunc(valid, s.secret.Equal) {
			valid, fingerprints = append(valid, s.secret), append(fingerprints, s.fingerprint)
		}
	}
	if len(valid) == 0 {
		return nil, nil, fmt.Errorf("secrets of %s: %w", e.ID, signing.ErrNoSecret)
	}
	return valid, fingerprints, nil
}

// own are the secrets in the endpoint's record.
func (r *Ring) own(ctx context.Context, e webhook.Endpoint, keys []*key, now time.Time) ([]candidate, error) {
	var found []candidate
	for _, s := range e.Valid(now) {
		if s.Ref == "" {
			key, err := sealedUnder(keys, s.Sealed)
			if err != nil {
				return nil, err
			}
			found = append(found, candidate{origin{text: s.Sealed, opens: key, at: newPlace(e.Account, e.ID, s.CreatedAt)}, "its own", false})
			continue
		}
		versions, err := r.versions(ctx, s.Ref, now)
		if err != nil {
			return nil, err
		}
		for _, v := range versions {
			found = append(found, candidate{origin{text: v.Text.Reveal()}, s.Ref, !v.Until.IsZero()})
		}
	}
	return found, nil
}

// ofAccount are the secrets of an account's job record that has none in it: what
// each version of the signing secret says, the sealing key's where it says
// nothing.
func (r *Ring) ofAccount(ctx context.Context, account string, keys []*key, now time.Time) ([]candidate, error) {
	versions, err := r.versions(ctx, r.names.Signing, now)
	if err != nil {
		return nil, err
	}
	var found []candidate
	for n, v := range versions {
		text, given := v.Accounts[account]
		if !given && account == webhook.DefaultAccount {
			text, given = v.Text, true
		}
		switch {
		case given && n > 0 && versions[0].gives(text, account): // it has changed hands
		case given:
			found = append(found, candidate{origin{text: text.Reveal()}, "the signing secret, account " + account, !v.Until.IsZero()})
		default:
			for _, k := range keys {
				found = append(found, candidate{origin{text: account, derives: k}, "derived from the sealing key", false})
			}
		}
	}
	return found, nil
}

// versions are those of a source's secret that are valid at now.
func (r *Ring) versions(ctx context.Context, name string, now time.Time) ([]Version, error) {
	all, err := r.source.Versions(ctx, name, now)
	if err != nil {
		return nil, err
	}
	return slices.DeleteFunc(slices.Clone(all), func(v Version) bool { return !v.valid(now) }), nil
}

// sealingKeys are all versions, newest first and at least one, since what an
// old one sealed must open for as long as it is held, and those valid at now.
func (r *Ring) sealingKeys(ctx context.Context, now time.Time) (all, live []*key, err error) {
	versions, err := r.source.Versions(ctx, r.names.Sealing, now)
	if err == nil && len(versions) == 0 {
		err = ErrUnknown
	}
	if err != nil {
		return nil, nil, fmt.Errorf("read the sealing key: %w", err)
	}
	for n, v := range versions {
		k, err := r.key(ctx, v.Text.Reveal(), now)
		if err != nil && n > 0 {
			continue // it never sealed anything
		}
		if err != nil {
			return nil, nil, err
		}
		all = append(all, k)
		if v.valid(now) {
			live = append(live, k)
		}
	}
	return all, live, nil
}

// Seal encrypts an endpoint's secret for its record, under the newest sealing
// key and bound to account, endpoint and creation time (in whole milliseconds).
// random must be cryptographically secure (crypto/rand.Reader). It refuses what
// signing.ParseSecret does.
func (r *Ring) Seal(ctx context.Context, random io.Reader, account, endpointID, secret string, createdAt time.Time) (webhook.SealedSecret, error) {
	if _, err := signing.ParseSecret(secret); err != nil {
		return webhook.SealedSecret{}, err
	}
	keys, _, err := r.sealingKeys(ctx, createdAt)
	if err != nil {
		return webhook.SealedSecret{}, err
	}
	sealed, err := keys[0].seal(random, newPlace(account, endpointID, createdAt), secret)
	return webhook.SealedSecret{Sealed: sealed, CreatedAt: createdAt.UTC().Truncate(time.Millisecond)}, err
}

// Open returns the text of one of an endpoint's secrets, whether it still signs
// or not; of one in Secrets Manager the newest version.
func (r *Ring) Open(ctx context.Context, account, endpointID string, s webhook.SealedSecret, now time.Time) (text string, err error) {
	if s.Ref != "" {
		versions, err := r.versions(ctx, s.Ref, now)
		if err == nil && len(versions) == 0 {
			err = fmt.Errorf("secret %s: %w", s.Ref, signing.ErrNoSecret)
		}
		if err != nil {
			return "", err
		}
		return versions[0].Text.Reveal(), nil
	}
	keys, _, err := r.sealingKeys(ctx, now)
	if err != nil {
		return "", err
	}
	key, err := sealedUnder(keys, s.Sealed)
	if err == nil {
		text, err = key.open(newPlace(account, endpointID, s.CreatedAt), s.Sealed)
	}
	if err != nil {
		return "", fmt.Errorf("open a secret of %s: %w", endpointID, err)
	}
	return text, nil
}
