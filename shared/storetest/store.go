// Package storetest is the contract of every store and every queue: the same
// tests run on the embedded ones and on the AWS adapters over their emulators.
// What it checks is what the use-cases rely on; a store that passes can stand
// in for any other.
package storetest

import (
	"context"
	"sync"
	"testing"
	"time"

	"github.com/jobhook/jobhook/shared/deliver"
	"github.com/jobhook/jobhook/shared/webhook"
)

// Store is all that dispatch, retry and the API need of a store.
//
// Beyond what deliver's comments say, all of it holds for the methods here:
// times come back as the same instant, to the nanosecond, in UTC; a zero time
// comes back zero; JSON comes back byte for byte; strings are UTF-8. A record
// counts as gone from its ExpiresAt on (writes may take it to the second); a
// zero ExpiresAt never comes. A delivery expires with its event.
type Store interface {
	deliver.Events
	deliver.Deliveries
	deliver.Loader
	deliver.Endpoints
	deliver.EndpointReplacer

	// InsertEndpoint stores e, or answers webhook.ErrLost when its id is taken
	// in its account. The same write (by its Rev) twice is a success.
	InsertEndpoint(ctx context.Context, e webhook.Endpoint) error
	// Endpoint returns one endpoint as it is now, or webhook.ErrNotFound.
	Endpoint(ctx context.Context, account, id string) (webhook.Endpoint, error)
	// ListEndpoints returns up to limit endpoints of an account, in an order
	// that never changes, and the cursor of what follows, empty at the end. The
	// first page's cursor is empty. A cursor that no list gave out answers
	// webhook.ErrCursor. No page skips or repeats one that is there all along.
	ListEndpoints(ctx context.Context, account string, limit int, cursor string) ([]webhook.Endpoint, string, error)
	// DeleteEndpoint removes an endpoint, or answers webhook.ErrNotFound. Its
	// deliveries stay until they expire.
	DeleteEndpoint(ctx context.Context, account, id string) error
	// EndpointDeliveries returns up to limit of an endpoint's deliveries, newest
	// first (by CreatedAt, then MessageID), with the cursor of what follows,
	// empty at the end. An empty status is all of them. A page may be shorter
	// than limit though more follow; a very recent write may be missing.
	EndpointDeliveries(ctx context.Context, account, endpointID string, status webhook.Status, limit int, cursor string) ([]webhook.Delivery, string, error)
}

// Open gives a test an empty store whose time is now's. The store, and what it
// stands on, ends with the test.
type Open func(t testing.TB, now func() time.Time) Store

// Run checks everything a store promises.
func Run(t *testing.T, open Open) {
	for name, check := range map[string]func(t *testing.T, f *fixture){
		"events/insert and load":            insertAndLoad,
		"events/forms of a payload":         payloadForms,
		"events/targets before and after":   targetsForms,
		"events/the second insert loses":    insertLost,
		"events/same write twice":           insertTwice,
		"events/lease":                      leaseMoves,
		"events/lease keeps targets":        leaseKeepsTargets,
		"events/lease loses":                leaseLost,
		"events/unknown":                    eventUnknown,
		"deliveries/insert and load":        deliveryInsertAndLoad,
		"deliveries/the second loses":       deliveryInsertLost,
		"deliveries/replace":                deliveryReplace,
		"deliveries/replace loses":          deliveryReplaceLost,
		"deliveries/thirty attempts":        thirtyAttempts,
		"deliveries/many of one event":      manyDeliveries,
		"load/endpoint there, gone, none":   loadDelivery,
		"load/what is missing":              loadDeliveryMissing,
		"load/another account's":            loadDeliveryForeign,
		"endpoints/every field":             endpointFields,
		"endpoints/the second insert loses": endpointInsertLost,
		"endpoints/replace":                 endpointReplace,
		"endpoints/delete":                  endpointDelete,
		"endpoints/accounts are apart":      endpointAccounts,
		"endpoints/all of an account":       endpointAll,
		"endpoints/pages":                   endpointPages,
		"endpoints/bad cursors":             endpointBadCursor,
		"log/newest first in pages":         logPages,
		"log/pages while it grows":          logGrows,
		"log/by status":                     logStatus,
		"log/status moves":                  logMoves,
		"log/only its own":                  logOwn,
		"log/bad cursors":                   logBadCursor,
		"expiry/reads":                      expiredReads,
		"expiry/writes":                     expiredWrites,
		"expiry/insert over it":             expiredInsert,
		"expiry/log":                        expiredLog,
		"races/insert an event":             raceInsertEvent,
		"races/lease":                       raceLease,
		"races/insert a delivery":           raceInsertDelivery,
		"races/replace a delivery":          raceReplaceDelivery,
		"races/insert an endpoint":          raceInsertEndpoint,
		"races/replace an endpoint":         raceReplaceEndpoint,
	} {
		t.Run(name, func(t *testing.T) {
			clock := &Clock{now: Start}
			check(t, &fixture{Store: open(t, clock.Now), clock: clock})
		})
	}
}

type fixture struct {
	Store
	clock *Clock
}

// Start is when every test begins: far enough ahead that no store's own
// deletion of what has expired comes into play, and not on a round second.
var Start = time.Date(2040, time.February, 29, 12, 30, 15, 123_456_789, time.UTC)

// Clock is a clock that a test moves.
type Clock struct {
	mu  sync.Mutex
	now time.Time
}

// Now returns the clock's time.
func (c *Clock) Now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.now
}

// Set moves the clock.
func (c *Clock) Set(to time.Time) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.now = to
}
