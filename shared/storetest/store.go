// Package storetest is the contract of every store and every queue: the same
// tests run on the embedded ones and on the AWS adapters over their emulators.
// What it checks is what the use-cases rely on; a store that passes can replace
// any other.
package storetest

import (
	"sync"
	"testing"
	"time"

	"github.com/jobhook/jobhook/shared/webhook"
)

// Open gives a test an empty store whose time is now's. The store, and what it
// stands on, ends with the test.
type Open func(t testing.TB, now func() time.Time) webhook.Store

// checks are one table of tests by name. Each begins with an empty store.
type checks map[string]func(t *testing.T, f *fixture)

// Run checks everything that webhook.Store promises.
func Run(t *testing.T, open Open) {
	for _, table := range []checks{
		eventChecks, jobChecks, writeChecks, deliveryChecks, loadChecks, logChecks, recoverableChecks,
		endpointChecks, tombstoneChecks, generationChecks, failingChecks,
		noteChecks, cursorChecks, expiryChecks, raceChecks, nameChecks,
	} {
		for name, check := range table {
			t.Run(name, func(t *testing.T) {
				clock := &Clock{now: Start}
				check(t, &fixture{Store: open(t, clock.Now), clock: clock})
			})
		}
	}
}

// Start is when every test begins: far enough ahead that no store's own
// deletion of what has expired comes into play, and not on a round second.
var Start = time.Date(2040, time.February, 29, 12, 30, 15, 123_000_000, time.UTC)

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
