package deliver

import (
	"context"
	"fmt"
	"sync"
	"time"

	"golang.org/x/sync/singleflight"

	"github.com/jobhook/jobhook/shared/webhook"
)

// maxCached bounds the accounts whose endpoints are kept in memory.
const maxCached = 1000

// directory answers who wants an event, from memory for a bounded time. See
// docs/decisions/0003-endpoint-cache.md for what that may and may not miss.
type directory struct {
	source Endpoints
	ttl    time.Duration
	now    func() time.Time

	group singleflight.Group
	mu    sync.Mutex
	known map[string]listing
}

type listing struct {
	endpoints []webhook.Endpoint
	read      time.Time
}

func newDirectory(source Endpoints, ttl time.Duration, now func() time.Time) *directory {
	return &directory{source: source, ttl: ttl, now: now, known: map[string]listing{}}
}

// wanting returns the account's endpoints that chose the type, enabled or
// not. That nobody wants an event is never believed from memory: the first
// endpoint of an account gets the first event after it was made.
func (d *directory) wanting(ctx context.Context, account, eventType string) ([]webhook.Endpoint, error) {
	if all, ok := d.remembered(account); ok {
		if found := filter(all, eventType); len(found) > 0 {
			return found, nil
		}
	}
	all, err := d.all(ctx, account)
	return filter(all, eventType), err
}

func filter(all []webhook.Endpoint, eventType string) []webhook.Endpoint {
	var found []webhook.Endpoint
	for _, e := range all {
		if e.Wants(eventType) {
			found = append(found, e)
		}
	}
	return found
}

// all reads the account's endpoints afresh.
func (d *directory) all(ctx context.Context, account string) ([]webhook.Endpoint, error) {
	if d.ttl <= 0 {
		return d.read(ctx, account)
	}
	found, err, _ := d.group.Do(account, func() (any, error) {
		started := d.now()
		endpoints, err := d.read(ctx, account)
		if err == nil {
			d.remember(account, listing{endpoints, started})
		}
		return endpoints, err
	})
	endpoints, _ := found.([]webhook.Endpoint)
	return endpoints, err
}

func (d *directory) read(ctx context.Context, account string) ([]webhook.Endpoint, error) {
	endpoints, err := d.source.AccountEndpoints(ctx, account)
	if err != nil {
		return nil, fmt.Errorf("endpoints of account %s: %w", account, err)
	}
	return endpoints, nil
}

func (d *directory) remembered(account string) ([]webhook.Endpoint, bool) {
	d.mu.Lock()
	defer d.mu.Unlock()
	l, ok := d.known[account]
	return l.endpoints, ok && d.now().Sub(l.read) < d.ttl
}

func (d *directory) remember(account string, l listing) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if len(d.known) >= maxCached {
		clear(d.known)
	}
	d.known[account] = l
}
