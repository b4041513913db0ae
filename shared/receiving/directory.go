package receiving

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"sync"
	"time"
)

// Fetcher reads the sources' configuration as it is now.
type Fetcher interface {
	Fetch(ctx context.Context) ([]byte, error)
}

// File is a Fetcher of a file, for `jobhook local`.
type File string

// Fetch reads the file as it is now.
func (f File) Fetch(context.Context) ([]byte, error) {
	raw, err := os.ReadFile(string(f))
	if err != nil {
		return nil, fmt.Errorf("read the sources' file: %w", err)
	}
	return raw, nil
}

const (
	// DefaultCache is how long the configuration is used unread.
	DefaultCache = 5 * time.Minute
	// MaxOld is how long a configuration is used after it was last read: a new
	// one that is broken, or cannot be read, may have been meant to revoke it.
	MaxOld = time.Hour
	// missAge: a name that is not there is looked for in a fresh reading, if
	// the last one is older. It bounds what strangers' names can cost.
	missAge = 10 * time.Second
	// retryAge is the pause after a reading that failed.
	retryAge = 5 * time.Second
	// fetchTimeout bounds one reading.
	fetchTimeout = 4 * time.Second
	// refreshWait is how long a request waits for a new configuration when an
	// old one is at hand.
	refreshWait = 300 * time.Millisecond
)

var errTooOld = errors.New("the sources were read too long ago")

// Cache is a Directory that reads the configuration when it is first asked and
// from then on at most once in a while. A new configuration with mistakes in it
// changes nothing until the old one is MaxOld: till then that goes on, and the
// mistakes are logged at each reading. One without sources takes effect as any
// other. It is safe for concurrent use.
type Cache struct {
	source Fetcher
	ttl    time.Duration
	now    func() time.Time
	log    *slog.Logger

	mu      sync.Mutex
	state   cached
	reading chan struct{} // closed when the reading under way ends; nil: none is
}

// cached is the last good configuration, if any, and the last reading.
type cached struct {
	sources Sources   // nil: none is known
	good    time.Time // when the sources were read
	err     error     // of the last reading
	read    time.Time // when that began; zero: never
}

// NewCache returns a Cache; it reads nothing yet. A ttl of 0 means DefaultCache.
func NewCache(source Fetcher, ttl time.Duration, now func() time.Time, log *slog.Logger) *Cache {
	if ttl <= 0 {
		ttl = DefaultCache
	}
	return &Cache{source: source, ttl: ttl, now: now, log: log}
}

// Begin starts the first reading and doesn't wait for it: mistakes are in the
// log before a request comes.
func (c *Cache) Begin(ctx context.Context) { c.look(ctx, c.ttl) }

// Source finds a source by name.
func (c *Cache) Source(ctx context.Context, name string) (Source, error) {
	for _, age := range []time.Duration{c.ttl, missAge} {
		state := c.read(ctx, age)
		if !state.usable(c.now()) {
			return Source{}, cmp.Or(state.err, errTooOld) //nolint:wrapcheck // both are ours
		}
		if s, ok := state.sources[name]; ok {
			return s, nil
		}
	}
	return Source{}, ErrUnknownSource
}

// read returns a state that is no older than age, or the one that there is:
// after a reading that failed, while another request reads, or when the new one
// takes its time.
func (c *Cache) read(ctx context.Context, age time.Duration) cached {
	state, reading, mine := c.look(ctx, age)
	switch {
	case reading == nil:
		return state
	case !state.usable(c.now()):
		<-reading // fetchTimeout bounds it
		// One that began before Lambda froze us ends by its timeout: once more.
		if _, again, _ := c.look(ctx, age); again != nil {
			<-again
		}
	case mine:
		timer := time.NewTimer(refreshWait)
		defer timer.Stop()
		select {
		case <-reading:
		case <-timer.C:
		}
	default:
		return state
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.state
}

// look returns the state and, when that is older than age, the reading that is
// under way; mine says that this call began it.
func (c *Cache) look(ctx context.Context, age time.Duration) (state cached, reading <-chan struct{}, mine bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.state.err != nil {
		age = retryAge
	}
	if !c.state.read.IsZero() && c.now().Sub(c.state.read) < age {
		return c.state, nil, false
	}
	if c.reading != nil {
		return c.state, c.reading, false
	}
	c.reading = make(chan struct{})
	last, ctx := c.state, context.WithoutCancel(ctx) // not tied to the request that happens to need it
	go func() {
		fresh := c.fetch(ctx, last)
		c.mu.Lock()
		defer c.mu.Unlock()
		c.state = fresh
		close(c.reading)
		c.reading = nil
	}()
	return c.state, c.reading, true
}

func (s cached) usable(now time.Time) bool {
	return s.sources != nil && now.Sub(s.good) < MaxOld
}

func (c *Cache) fetch(ctx context.Context, last cached) cached {
	ctx, cancel := context.WithTimeout(ctx, fetchTimeout)
	defer cancel()
	begun := c.now()
	raw, err := c.source.Fetch(ctx)
	var sources Sources
	if err == nil {
		sources, err = ParseSources(raw)
	}
	if err != nil {
		last.read, last.err = begun, fmt.Errorf("read the sources: %w", err)
		c.log.LogAttrs(ctx, slog.LevelError, "sources.unreadable",
			slog.Any("error", err), slog.Bool("old_ones_go_on", last.usable(begun)))
		return last
	}
	if len(sources) == 0 {
		c.log.LogAttrs(ctx, slog.LevelWarn, "sources.none",
			slog.String("detail", "the configuration has no sources: every request is answered 404"))
	}
	return cached{sources: sources, good: begun, read: begun}
}
