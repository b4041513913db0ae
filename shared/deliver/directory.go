package deliver

import (
	"cmp"
	"context"
	"fmt"
	"maps"
	"slices"
	"sync"
	"time"

	"github.com/jobhook/jobhook/shared/webhook"
)

// maxEndpoints bounds the endpoints that are kept in memory, of all accounts
// together: about 1 KB each. An account counts as one more.
const maxEndpoints = 10_000

// directory knows the accounts' endpoints. What it remembers it uses only when
// the account's generation, read afresh for every batch, says that nothing has
// changed since. See docs/decisions/0012-generations.md.
type directory struct {
	store Store
	ttl   time.Duration
	now   func() time.Time

	mu    sync.Mutex
	known map[string]account
	size  int
}

// account is an account's endpoints, removed ones included, by id, at a
// generation.
type account struct {
	endpoints  map[string]webhook.Endpoint
	generation int64
	read       time.Time
}

// wanting lists the endpoints that chose the type, enabled or not, by id.
func (a account) wanting(eventType string) []string {
	ids := []string{}
	for id, e := range a.endpoints {
		if id != webhook.JobTarget && e.Wants(eventType) {
			ids = append(ids, id)
		}
	}
	slices.Sort(ids)
	return ids
}

// current returns an account whose generation has just been read.
func (d *directory) current(ctx context.Context, name string, generation int64) (account, error) {
	d.mu.Lock()
	known, ok := d.known[name]
	d.mu.Unlock()
	if ok && known.generation == generation && d.now().Sub(known.read) < d.ttl {
		return known, nil
	}
	fresh := account{generation: generation, read: d.now(), endpoints: map[string]webhook.Endpoint{}}
	all, err := d.store.AccountEndpoints(ctx, name)
	if err != nil {
		return fresh, fmt.Errorf("endpoints of account %s: %w", name, err)
	}
	for _, e := range all {
		fresh.endpoints[e.ID] = e
	}
	if d.ttl > 0 {
		d.remember(name, fresh)
	}
	return fresh, nil
}

// remember drops what was read longest ago when there is too much.
func (d *directory) remember(name string, a account) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.forget(name)
	d.known[name] = a
	d.size += 1 + len(a.endpoints)
	if d.size <= maxEndpoints {
		return
	}
	oldest := slices.SortedFunc(maps.Keys(d.known), func(a, b string) int {
		return cmp.Or(d.known[a].read.Compare(d.known[b].read), cmp.Compare(a, b))
	})
	for _, old := range oldest {
		if d.size <= maxEndpoints*9/10 || old == name {
			return
		}
		d.forget(old)
	}
}

func (d *directory) forget(name string) {
	if old, ok := d.known[name]; ok {
		d.size -= 1 + len(old.endpoints)
		delete(d.known, name)
	}
}
