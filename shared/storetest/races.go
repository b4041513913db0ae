package storetest

import (
	"errors"
	"fmt"
	"sync"
	"testing"

	"github.com/jobhook/jobhook/shared/webhook"
)

var raceChecks = checks{
	"races/insert an event":         raceInsertEvent,
	"races/claim an event":          raceClaim,
	"races/insert a delivery":       raceInsertDelivery,
	"races/replace a delivery":      raceReplaceDelivery,
	"races/calls that share one":    raceShared,
	"races/insert an endpoint":      raceInsertEndpoint,
	"races/replace an endpoint":     raceReplaceEndpoint,
	"races/endpoints of an account": raceEndpoints,
}

// contenders at once: as many as one completion may have.
const contenders = 100

// race runs write for each of revs at once and returns the rev that won. All
// others must have lost.
func race(t *testing.T, write func(rev string) error) string {
	t.Helper()
	results := atOnce(contenders, func(n int) error { return write(raceRev(n)) })
	winner := ""
	for n, err := range results {
		switch {
		case err == nil && winner == "":
			winner = raceRev(n)
		case err == nil:
			t.Errorf("%s and %s both won", winner, raceRev(n))
		case !errors.Is(err, webhook.ErrLost):
			t.Errorf("%s: %v, want webhook.ErrLost", raceRev(n), err)
		}
	}
	if winner == "" {
		t.Fatal("nobody won")
	}
	return winner
}

// atOnce runs do count times at once.
func atOnce(count int, do func(n int) error) []error {
	start := make(chan struct{})
	results := make([]error, count)
	var all sync.WaitGroup
	for n := range count {
		all.Go(func() {
			<-start
			results[n] = do(n)
		})
	}
	close(start)
	all.Wait()
	return results
}

func raceRev(n int) string { return fmt.Sprintf("race-%d", n) }

func wantRev(t testing.TB, got, want string) {
	t.Helper()
	if got != want {
		t.Errorf("Rev %q is stored, want the winner's, %q", got, want)
	}
}

func raceInsertEvent(t *testing.T, f *fixture) {
	e := sampleEvent(1)
	e.Rev = race(t, func(rev string) error {
		e := e
		e.Rev = rev
		return f.one(t, insertEvent(e))
	})
	f.hasEvent(t, "the winner's", e)
}

func raceClaim(t *testing.T, f *fixture) {
	e := accepted(1)
	f.write(t, insertEvent(e))
	claim := func(rev string) (webhook.Event, webhook.Change) {
		return e.Claim([]string{rev}, webhook.Lease{Message: rev, Until: tick(1)}, rev)
	}
	winner := race(t, func(rev string) error {
		_, change := claim(rev)
		return f.one(t, change)
	})
	want, _ := claim(winner)
	f.hasEvent(t, "the winner's", want)
}

func raceInsertDelivery(t *testing.T, f *fixture) {
	d := sampleDelivery(sampleEvent(1), endpointID(1))
	d.Rev = race(t, func(rev string) error {
		d := d
		d.Rev = rev
		return f.one(t, insertDelivery(d))
	})
	f.hasDelivery(t, "the winner's", d)
	f.logs(t, "log", ofEndpoint(1), 10, []webhook.Delivery{d})
}

func raceReplaceDelivery(t *testing.T, f *fixture) {
	d := sampleDelivery(sampleEvent(1), endpointID(1))
	f.write(t, insertDelivery(d))
	winner := race(t, func(rev string) error {
		return f.one(t, replaceDelivery(d.Rev, in(d, webhook.Held, tick(5), rev)))
	})
	want := in(d, webhook.Held, tick(5), winner)
	f.hasDelivery(t, "the winner's", want)
	f.recovers(t, "recoverable", ofAccount(), 10, []webhook.Delivery{want})
}

// raceShared: one record that many calls contend for takes no other change of
// those calls with it.
func raceShared(t *testing.T, f *fixture) {
	shared := sampleEvent(0)
	var mu sync.Mutex
	var keys []webhook.DeliveryKey
	winner := race(t, func(rev string) error {
		mu.Lock()
		own := plainDelivery(sampleEvent(len(keys)), endpointID(1))
		keys = append(keys, own.DeliveryKey)
		mu.Unlock()
		e := shared
		e.Rev = rev
		got := f.Write(t.Context(), insertDelivery(own), insertEvent(e))
		if len(got) != 2 {
			return errAnswers
		}
		if got[0] != nil {
			return fmt.Errorf("its own delivery: %w", errors.Join(errAnswers, got[0]))
		}
		return got[1]
	})
	wantRev(t, f.events(t, shared.MessageID)[0].Rev, winner)
	for i, d := range f.deliveries(t, keys...) {
		if d == nil {
			t.Errorf("contender %d's own delivery is not there", i)
		}
	}
}

func raceInsertEndpoint(t *testing.T, f *fixture) {
	e := sampleEndpoint(1)
	e.Rev = race(t, func(rev string) error {
		e := e
		e.Rev = rev
		return f.InsertEndpoint(t.Context(), e)
	})
	f.hasEndpoint(t, "the winner's", e)
}

func raceReplaceEndpoint(t *testing.T, f *fixture) {
	e := sampleEndpoint(1)
	f.endpoints(t, e)
	before := e.Rev
	e.Rev = race(t, func(rev string) error {
		next := e
		next.Rev = rev
		return f.ReplaceEndpoint(t.Context(), before, next)
	})
	f.hasEndpoint(t, "the winner's", e)
}

// raceEndpoints: endpoints of one account contend for its generation alone,
// which is no reason for any of them to lose.
func raceEndpoints(t *testing.T, f *fixture) {
	const count = 20
	for n, err := range atOnce(count, func(n int) error { return f.InsertEndpoint(t.Context(), sampleEndpoint(n)) }) {
		if err != nil {
			t.Errorf("endpoint %d: %v", n, err)
		}
	}
	all, err := f.AccountEndpoints(t.Context(), account)
	must(t, err)
	if got := f.generations(t, account)[0]; len(all) != count || got < count {
		t.Errorf("%d endpoints, generation %d: want %d, raised by each", len(all), got, count)
	}
}
