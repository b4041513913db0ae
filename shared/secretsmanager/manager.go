// Package secretsmanager serves shared/secrets from AWS Secrets Manager, with a
// cache.
//
// A secret is read again when its cache time has run out, so a rotation takes
// effect within that time in every running function. While Secrets Manager
// fails, the last known value is used for a bounded time, so that deliveries
// go on. For that long a deleted secret is used too.
package secretsmanager

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	sdk "github.com/aws/aws-sdk-go-v2/service/secretsmanager"
	"github.com/aws/aws-sdk-go-v2/service/secretsmanager/types"
	"golang.org/x/sync/errgroup"

	"github.com/jobhook/jobhook/shared/secrets"
	"github.com/jobhook/jobhook/shared/stale"
)

// API is what the manager uses of the SDK's client.
type API interface {
	GetSecretValue(ctx context.Context, in *sdk.GetSecretValueInput, opts ...func(*sdk.Options)) (*sdk.GetSecretValueOutput, error)
}

// Options are the manager's times; zero ones take the default.
type Options struct {
	TTL     time.Duration // how long a value is used before it is read again: 5 min
	Stale   time.Duration // how long, from when it was read, it is used while reading fails: 1 h
	Overlap time.Duration // how long the previous version signs beside a new one: 24 h
	Pause   time.Duration // how long after a failure until it is read again: 10 s
	Timeout time.Duration // of one reading, the SDK's own retries included: 5 s

	// OnError, if set, is called with each reading that failed, also when an
	// old value is used instead.
	OnError func(name string, err error)
}

// maxSecrets bounds the cache: endpoints may name secrets of their own.
const maxSecrets = 4096

// Manager is a secrets.Source. It is safe for concurrent use.
type Manager struct {
	api     API
	options Options
	cache   *stale.Cache[string, []secrets.Version]
}

// New returns a manager over a client.
func New(api API, o Options) *Manager {
	for _, field := range []struct {
		set   *time.Duration
		value time.Duration
	}{
		{&o.TTL, 5 * time.Minute},
		{&o.Stale, time.Hour},
		{&o.Overlap, 24 * time.Hour},
		{&o.Pause, 10 * time.Second},
		{&o.Timeout, 5 * time.Second},
	} {
		if *field.set <= 0 {
			*field.set = field.value
		}
	}
	m := &Manager{api: api, options: o}
	m.cache = stale.New(stale.Options{TTL: o.TTL, Stale: o.Stale, Pause: o.Pause, Timeout: o.Timeout, Max: maxSecrets}, m.read)
	return m
}

// Versions returns the versions of the secret with this name or ARN: those of
// AWSCURRENT, then those of AWSPREVIOUS, which sign for Options.Overlap after
// the current one was made. A text in both is listed twice.
func (m *Manager) Versions(ctx context.Context, name string, now time.Time) ([]secrets.Version, error) {
	versions, err := m.cache.Get(ctx, name, now)
	if err != nil {
		return nil, fmt.Errorf("secret %s: %w", name, err)
	}
	return versions, nil
}

// read asks for both stages at once: one round trip.
func (m *Manager) read(ctx context.Context, name string) (versions []secrets.Version, err error) {
	defer func() {
		if err != nil && m.options.OnError != nil {
			m.options.OnError(name, err)
		}
	}()
	var current, previous *sdk.GetSecretValueOutput
	both, ctx := errgroup.WithContext(ctx)
	both.Go(func() (err error) {
		current, err = m.stage(ctx, name, "AWSCURRENT")
		return err
	})
	both.Go(func() (err error) {
		previous, err = m.stage(ctx, name, "AWSPREVIOUS")
		if none := (*types.ResourceNotFoundException)(nil); errors.As(err, &none) {
			return nil // never rotated; or the secret is missing, as the other call tells
		}
		return err
	})
	if err := both.Wait(); err != nil {
		return nil, fmt.Errorf("read its versions: %w", err)
	}
	versions, err = secrets.ParseValue(aws.ToString(current.SecretString)) // empty for a binary value
	if err != nil || previous == nil {
		return versions, err
	}
	older, err := secrets.ParseValue(aws.ToString(previous.SecretString))
	if err != nil {
		return versions, nil // the mistake that the current one has corrected
	}
	for _, v := range older {
		v.Until = aws.ToTime(current.CreatedDate).Add(m.options.Overlap)
		versions = append(versions, v)
	}
	return versions, nil
}

func (m *Manager) stage(ctx context.Context, name, stage string) (*sdk.GetSecretValueOutput, error) {
	return m.api.GetSecretValue(ctx, &sdk.GetSecretValueInput{SecretId: aws.String(name), VersionStage: aws.String(stage)})
}
