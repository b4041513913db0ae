package storetest

import (
	"errors"
	"fmt"
	"sync"
	"testing"

	"github.com/jobhook/jobhook/shared/webhook"
)

// contenders at once: as many as the same completion may come at once.
const contenders = 100

// race runs write for each of revs at once and returns the rev that won. All
// others must have lost.
func race(t *testing.T, write func(rev string) error) string {
	t.Helper()
	start := make(chan struct{})
	results := make([]error, contenders)
	var all sync.WaitGroup
	for n := range contenders {
		all.Go(func() {
			<-start
			results[n] = write(raceRev(n))
		})
	}
	close(start)
	all.Wait()
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

func raceRev(n int) string { return fmt.Sprintf("race-%d", n) }

func wantRev(t testing.TB, got, want string) {
	t.Helper()
	if got != want {
		t.Errorf("Rev %q is stored, want the winner's, %q", got, want)
	}
}

func raceInsertEvent(t *testing.T, f *fixture) {
	var mu sync.Mutex
	standing := map[string]bool{}
	winner := race(t, func(rev string) error {
		e := sampleEvent(1)
		e.Rev = rev
		found, err := f.InsertEvent(t.Context(), e)
		if errors.Is(err, webhook.ErrLost) {
			mu.Lock()
			defer mu.Unlock()
			standing[found.Rev] = true
		}
		return err
	})
	if len(standing) != 1 || !standing[winner] {
		t.Errorf("the losers were told that %v stand, want %q", standing, winner)
	}
	got, _, err := f.LoadEvent(t.Context(), sampleEvent(1).MessageID)
	must(t, err)
	wantRev(t, got.Rev, winner)
}

func raceLease(t *testing.T, f *fixture) {
	e := sampleEvent(1)
	e.Targets = nil
	_, err := f.InsertEvent(t.Context(), e)
	must(t, err)
	winner := race(t, func(rev string) error {
		_, err := f.LeaseEvent(t.Context(), e.MessageID, e.Rev, webhook.Claim{Targets: []string{rev}, Rev: rev})
		return err
	})
	got, _, err := f.LoadEvent(t.Context(), e.MessageID)
	must(t, err)
	wantRev(t, got.Rev, winner)
	same(t, "targets", got.Targets, []string{winner})
}

func raceInsertDelivery(t *testing.T, f *fixture) {
	e := f.event(t, 1)
	winner := race(t, func(rev string) error {
		d := sampleDelivery(e, endpointID(1))
		d.Rev = rev
		return f.InsertDelivery(t.Context(), d)
	})
	got, err := f.LoadDelivery(t.Context(), e.MessageID, account, endpointID(1))
	must(t, err)
	wantRev(t, got.Delivery.Rev, winner)
}

func raceReplaceDelivery(t *testing.T, f *fixture) {
	e := f.event(t, 1)
	d := sampleDelivery(e, endpointID(1))
	must(t, f.InsertDelivery(t.Context(), d))
	winner := race(t, func(rev string) error {
		next := d
		next.Rev = rev
		return f.ReplaceDelivery(t.Context(), d.Rev, next)
	})
	got, err := f.LoadDelivery(t.Context(), e.MessageID, account, endpointID(1))
	must(t, err)
	wantRev(t, got.Delivery.Rev, winner)
}

func raceInsertEndpoint(t *testing.T, f *fixture) {
	winner := race(t, func(rev string) error {
		e := sampleEndpoint(1)
		e.Rev = rev
		return f.InsertEndpoint(t.Context(), e)
	})
	got, err := f.Endpoint(t.Context(), account, endpointID(1))
	must(t, err)
	wantRev(t, got.Rev, winner)
}

func raceReplaceEndpoint(t *testing.T, f *fixture) {
	e := sampleEndpoint(1)
	must(t, f.InsertEndpoint(t.Context(), e))
	winner := race(t, func(rev string) error {
		next := e
		next.Rev = rev
		return f.ReplaceEndpoint(t.Context(), e.Rev, next)
	})
	got, err := f.Endpoint(t.Context(), account, e.ID)
	must(t, err)
	wantRev(t, got.Rev, winner)
}
