package receiving

import (
	"context"
	"fmt"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"
)

// Fetcher reads the sources' configuration as it is now.
type Fetcher interface {
	Fetch(ctx context.Context) ([]byte, error)
}

const (
	// DefaultCache is how long the configuration is used unread.
	DefaultCache = 5 * time.Minute
	// missAge: a name that is not there is looked for in a fresh reading, if
	// the last one is older. It bounds what strangers' names can cost.
	missAge = 10 * time.Second
	// retryAge is the pause after a reading that failed.
	retryAge = 5 * time.Second
	// fetchTimeout bounds one reading.
	fetchTimeout = 4 * time.Second
)

// Cache is a Directory that reads the configuration when it is first asked and
// from then on at most once in a while. A new configuration with mistakes in it
// changes nothing: the old one goes on, and the mistakes are logged. It is safe
// for concurrent use.
type Cache struct {
	source Fetcher
	ttl    time.Duration
	now    func() time.Time
	log    *slog.Logger

	reading sync.Mutex
	state   atomic.Pointer[cached]
}

// cached is the last good configuration, if any, and the last reading.
type cached struct {
	sources Sources
	err     error     // of the last reading
	read    time.Time // when that was
}

// NewCache returns a Cache; it reads nothing yet. A ttl of 0 means DefaultCache.
func NewCache(source Fetcher, ttl time.Duration, now func() time.Time, log *slog.Logger) *Cache {
	if ttl <= 0 {
		ttl = DefaultCache
	}
	return &Cache{source: source, ttl: ttl, now: now, log: log}
}

// Source finds a source by name.
func (c *Cache) Source(ctx context.Context, name string) (Source, error) {
	state := c.read(ctx, c.ttl)
	if s, ok := state.sources[name]; ok {
		return s, nil
	}
	if state = c.read(ctx, missAge); state.sources == nil {
		return Source{}, state.err
	}
	if s, ok := state.sources[name]; ok {
		return s, nil
	}
	return Source{}, ErrUnknownSource
}

// read returns a state that is no older than age, or, while another request
// reads or after a reading that failed, the one that there is.
func (c *Cache) read(ctx context.Context, age time.Duration) *cached {
	state := c.state.Load()
	if c.fresh(state, age) {
		return state
	}
	if state == nil {
		c.reading.Lock()
	} else if !c.reading.TryLock() {
		return state
	}
	defer c.reading.Unlock()
	if state = c.state.Load(); c.fresh(state, age) {
		return state
	}
	fresh := c.fetch(ctx, state)
	c.state.Store(fresh)
	return fresh
}

func (c *Cache) fresh(state *cached, age time.Duration) bool {
	if state == nil {
		return false
	}
	if state.err != nil {
		age = retryAge
	}
	return c.now().Sub(state.read) < age
}

func (c *Cache) fetch(ctx context.Context, last *cached) *cached {
	// The reading is not tied to the request that happens to need it.
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), fetchTimeout)
	defer cancel()
	fresh := &cached{read: c.now()}
	raw, err := c.source.Fetch(ctx)
	if err == nil {
		fresh.sources, err = ParseSources(raw)
	}
	if err == nil {
		return fresh
	}
	fresh.err = fmt.Errorf("read the sources: %w", err)
	if last != nil {
		fresh.sources = last.sources
	}
	c.log.LogAttrs(ctx, slog.LevelError, "sources.unreadable",
		slog.Any("error", err), slog.Bool("old_ones_go_on", fresh.sources != nil))
	return fresh
}
