// Package stale is a cache for what takes time to load: a value is used until
// its time is over, and for a while longer when it cannot be loaded again.
// Callers that ask at once share one load. It is bounded by count; the least
// recently used entry is dropped.
package stale

import (
	"container/list"
	"context"
	"sync"
	"time"
)

// Options are a cache's bounds.
type Options struct {
	TTL     time.Duration // how long a value is used before it is loaded again; 0: for ever
	Stale   time.Duration // how long, from when it was loaded, it stands in for one that fails to load
	Pause   time.Duration // how long after a failure until it is loaded again; 0: at the next Get
	Timeout time.Duration // of one load; 0: none
	Max     int           // of entries, at least 1
}

// Cache holds values by key. It is safe for concurrent use.
type Cache[K comparable, V any] struct {
	options Options
	load    func(context.Context, K) (V, error)

	mu     sync.Mutex
	byKey  map[K]*list.Element // of *entry[K, V]
	byUsed list.List           // the same, most recently used first
}

type entry[K comparable, V any] struct {
	key     K
	value   V
	err     error         // why there is no value
	at      time.Time     // when value was loaded; zero: there is none
	until   time.Time     // not loaded again before
	loading chan struct{} // closed at the end of the load in flight; nil: none is
}

// New returns an empty cache over load.
func New[K comparable, V any](o Options, load func(context.Context, K) (V, error)) *Cache[K, V] {
	return &Cache[K, V]{options: o, load: load, byKey: map[K]*list.Element{}}
}

// Get returns the value of a key at now. Its error is load's, or the context's
// when that ends first: the load goes on for the others.
func (c *Cache[K, V]) Get(ctx context.Context, k K, now time.Time) (value V, err error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	e := c.use(k)
	if now.Before(e.until) || c.options.TTL == 0 && !e.at.IsZero() {
		return e.value, e.err
	}
	if e.loading == nil {
		e.loading = make(chan struct{})
		go c.run(context.WithoutCancel(ctx), e, now)
	}
	loading := e.loading
	c.mu.Unlock()
	select {
	case <-loading:
		c.mu.Lock()
		return e.value, e.err
	case <-ctx.Done():
		c.mu.Lock()
		return value, ctx.Err()
	}
}

// use finds or makes the entry of a key. One that is dropped while it loads
// still serves those who wait for it.
func (c *Cache[K, V]) use(k K) *entry[K, V] {
	if there := c.byKey[k]; there != nil {
		c.byUsed.MoveToFront(there)
		return there.Value.(*entry[K, V]) //nolint:forcetypeassert // nothing else is in the list
	}
	e := &entry[K, V]{key: k}
	c.byKey[k] = c.byUsed.PushFront(e)
	if c.byUsed.Len() > c.options.Max {
		c.drop(c.byUsed.Back())
	}
	return e
}

func (c *Cache[K, V]) drop(there *list.Element) {
	if there != nil {
		delete(c.byKey, c.byUsed.Remove(there).(*entry[K, V]).key) //nolint:forcetypeassert // nothing else is in the list
	}
}

func (c *Cache[K, V]) run(ctx context.Context, e *entry[K, V], now time.Time) {
	if c.options.Timeout > 0 {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeout(ctx, c.options.Timeout)
		defer cancel()
	}
	value, err := c.load(ctx, e.key)
	c.mu.Lock()
	defer c.mu.Unlock()
	close(e.loading)
	e.loading = nil
	switch end := e.at.Add(c.options.Stale); {
	case err == nil:
		e.value, e.err, e.at, e.until = value, nil, now, now.Add(c.options.TTL)
	case !e.at.IsZero() && now.Before(end):
		e.until = now.Add(min(c.options.Pause, end.Sub(now)))
	default:
		*e = entry[K, V]{key: e.key, err: err, until: now.Add(c.options.Pause)}
	}
}
