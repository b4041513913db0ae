// Package secretsmanager serves shared/secrets from AWS Secrets Manager, with a
// cache.
//
// A secret is read again when its cache time has run out, so a rotation takes
// effect within that time in every running function. While Secrets Manager
// fails, the last known value goes on for a bounded time: a fault of ours must
// not stop deliveries. For that long a secret that was deleted goes on too.
package secretsmanager

import (
	"context"
	"fmt"
	"sync"
	"time"

	sdk "github.com/aws/aws-sdk-go-v2/service/secretsmanager"
	"golang.org/x/sync/singleflight"

	"github.com/jobhook/jobhook/shared/secrets"
)

// API is what the manager uses of the SDK's client.
type API interface {
	GetSecretValue(ctx context.Context, in *sdk.GetSecretValueInput, opts ...func(*sdk.Options)) (*sdk.GetSecretValueOutput, error)
}

// Options are the manager's times; zero ones take the default.
type Options struct {
	TTL     time.Duration // how long a value is used without asking: 5 min
	Stale   time.Duration // how long it goes on, from when it was read, while asking fails: 1 h
	Overlap time.Duration // how long the previous version signs beside a new one: 24 h
	Pause   time.Duration // how long to wait after a failure before asking again: 10 s
	Timeout time.Duration // of one reading, the SDK's own retries included: 5 s

	// OnError, if set, hears of each reading that failed, whether an old value
	// could stand in or not.
	OnError func(name string, err error)
}

// maxSecrets bounds the cache: endpoints may name secrets of their own.
const maxSecrets = 4096

// Manager is a secrets.Source. It is safe for concurrent use.
type Manager struct {
	api     API
	options Options
	flight  singleflight.Group

	mu    sync.Mutex
	cache map[string]reading
}

// reading is what came of reading a secret.
type reading struct {
	versions []secrets.Version
	at       time.Time // when the versions were read
	err      error     // why there are none
	until    time.Time // don't ask again before
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
	return &Manager{api: api, options: o, cache: map[string]reading{}}
}

// Versions returns the versions of the secret with this name or ARN: those of
// AWSCURRENT, then those of AWSPREVIOUS, which sign for Options.Overlap after
// the current one was made. Callers that ask at once share one reading.
func (m *Manager) Versions(ctx context.Context, name string, now time.Time) ([]secrets.Version, error) {
	if known, ok := m.known(name); ok && now.Before(known.until) {
		return known.versions, known.err
	}
	// The reading is not tied to the first of its callers.
	shared := m.flight.DoChan(name, func() (any, error) {
		ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), m.options.Timeout)
		defer cancel()
		return m.read(ctx, name, now), nil
	})
	select {
	case result := <-shared:
		got, _ := result.Val.(reading)
		return got.versions, got.err
	case <-ctx.Done():
		return nil, fmt.Errorf("secret %s: %w", name, ctx.Err())
	}
}

func (m *Manager) known(name string) (reading, bool) {
	m.mu.Lock()
	defer m.mu.Unlock()
	known, ok := m.cache[name]
	return known, ok
}

func (m *Manager) read(ctx context.Context, name string, now time.Time) reading {
	known, ok := m.known(name)
	if ok && now.Before(known.until) {
		return known // the reading before this one has just ended
	}
	versions, err := m.fetch(ctx, name)
	next := reading{versions: versions, at: now, until: now.Add(m.options.TTL)}
	if err != nil {
		next = m.failed(known, err, now)
	}
	if err != nil && m.options.OnError != nil {
		m.options.OnError(name, err)
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	if _, there := m.cache[name]; !there && len(m.cache) >= maxSecrets {
		clear(m.cache)
	}
	m.cache[name] = next
	return next
}

// failed goes on with the old value, or remembers the failure, for a pause.
func (m *Manager) failed(known reading, err error, now time.Time) reading {
	end := known.at.Add(m.options.Stale)
	if len(known.versions) == 0 || !now.Before(end) {
		return reading{err: err, until: now.Add(m.options.Pause)}
	}
	known.until = now.Add(m.options.Pause)
	if end.Before(known.until) {
		known.until = end
	}
	return known
}
