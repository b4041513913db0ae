package storetest

import (
	"errors"
	"fmt"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/jobhook/jobhook/shared/receiving"
	"github.com/jobhook/jobhook/shared/webhook"
)

var start = time.Date(2026, 11, 20, 12, 0, 0, 250_000_000, time.UTC)

// Receipts runs the contract of receipts on stores that open makes, each empty.
func Receipts(t *testing.T, open func(testing.TB) receiving.Receipts) {
	t.Helper()
	for _, c := range []struct {
		name string
		run  func(*testing.T, receiving.Receipts)
	}{
		{"a claim keeps others out until its lease ends", leaseHolds},
		{"what is done stays done until it expires", doneHolds},
		{"the same claim again is the same success", claimAgain},
		{"only the owner completes", ownerCompletes},
		{"a release lets the next begin at once", releaseFrees},
		{"only the owner releases, and only before completion", ownerReleases},
		{"ids of one source say nothing about another's", sourcesApart},
		{"what stands is told whole", toldWhole},
		{"long and odd ids are kept apart", oddIDs},
		{"of many at once one wins", receiptRace},
	} {
		t.Run(c.name, func(t *testing.T) { c.run(t, open(t)) })
	}
}

func claim(source, id, owner string, now time.Time) webhook.Receipt {
	return webhook.Receipt{
		Key: webhook.ReceiptKey{Source: source, ID: id}, State: webhook.ReceiptProcessing, Owner: owner,
		Until: now.Add(10 * time.Second), ExpiresAt: now.Add(time.Hour).Truncate(time.Second), Digest: "d-" + owner,
	}
}

func claimAs(t *testing.T, s receiving.Receipts, r webhook.Receipt, now time.Time, want error) webhook.Receipt {
	t.Helper()
	standing, err := s.Claim(t.Context(), r, now)
	wantErr(t, "claim by "+r.Owner+" at "+now.Format("15:04:05.000"), err, want)
	return standing
}

func leaseHolds(t *testing.T, s receiving.Receipts) {
	claimAs(t, s, claim("s", "1", "a", start), start, nil)
	for _, after := range []time.Duration{0, time.Second, 10*time.Second - time.Millisecond} {
		now := start.Add(after)
		if standing := claimAs(t, s, claim("s", "1", "b", now), now, webhook.ErrLost); standing.At(now) != webhook.Busy || standing.Owner != "a" {
			t.Errorf("after %s stands %+v, want a's lease", after, standing)
		}
	}
	end := start.Add(10 * time.Second)
	claimAs(t, s, claim("s", "1", "b", end), end, nil)
	wantErr(t, "complete by the one that was late", s.Complete(t.Context(), webhook.ReceiptKey{Source: "s", ID: "1"}, "a"), webhook.ErrLost)
	wantErr(t, "complete by the one that took over", s.Complete(t.Context(), webhook.ReceiptKey{Source: "s", ID: "1"}, "b"), nil)
}

func doneHolds(t *testing.T, s receiving.Receipts) {
	r := claim("s", "1", "a", start)
	claimAs(t, s, r, start, nil)
	wantErr(t, "complete", s.Complete(t.Context(), r.Key, "a"), nil)
	for _, now := range []time.Time{start, start.Add(time.Minute), r.ExpiresAt.Add(-time.Millisecond)} {
		if standing := claimAs(t, s, claim("s", "1", "b", now), now, webhook.ErrLost); standing.At(now) != webhook.Duplicate {
			t.Errorf("at %s stands %+v, want it done", now, standing)
		}
	}
	claimAs(t, s, claim("s", "1", "b", r.ExpiresAt), r.ExpiresAt, nil)
}

func claimAgain(t *testing.T, s receiving.Receipts) {
	r := claim("s", "1", "a", start)
	claimAs(t, s, r, start, nil)
	claimAs(t, s, r, start, nil)
	wantErr(t, "complete", s.Complete(t.Context(), r.Key, "a"), nil)
	wantErr(t, "complete again", s.Complete(t.Context(), r.Key, "a"), nil)
}

func ownerCompletes(t *testing.T, s receiving.Receipts) {
	r := claim("s", "1", "a", start)
	wantErr(t, "complete without a claim", s.Complete(t.Context(), r.Key, "a"), webhook.ErrLost)
	claimAs(t, s, r, start, nil)
	wantErr(t, "complete by another", s.Complete(t.Context(), r.Key, "b"), webhook.ErrLost)
	if standing := claimAs(t, s, claim("s", "1", "c", start), start, webhook.ErrLost); standing.State != webhook.ReceiptProcessing {
		t.Errorf("after another's completion it is %s", standing.State)
	}
}

func releaseFrees(t *testing.T, s receiving.Receipts) {
	r := claim("s", "1", "a", start)
	wantErr(t, "release of nothing", s.Release(t.Context(), r.Key, "a"), nil)
	claimAs(t, s, r, start, nil)
	wantErr(t, "release", s.Release(t.Context(), r.Key, "a"), nil)
	wantErr(t, "release again", s.Release(t.Context(), r.Key, "a"), nil)
	claimAs(t, s, claim("s", "1", "b", start), start, nil)
}

func ownerReleases(t *testing.T, s receiving.Receipts) {
	r := claim("s", "1", "a", start)
	claimAs(t, s, r, start, nil)
	wantErr(t, "release by another", s.Release(t.Context(), r.Key, "b"), webhook.ErrLost)
	wantErr(t, "complete", s.Complete(t.Context(), r.Key, "a"), nil)
	wantErr(t, "release of what is done", s.Release(t.Context(), r.Key, "a"), webhook.ErrLost)
	if standing := claimAs(t, s, claim("s", "1", "c", start), start, webhook.ErrLost); standing.State != webhook.ReceiptDone {
		t.Errorf("after the refused releases it is %s", standing.State)
	}
}

func sourcesApart(t *testing.T, s receiving.Receipts) {
	claimAs(t, s, claim("s", "1", "a", start), start, nil)
	claimAs(t, s, claim("s2", "1", "b", start), start, nil)
	claimAs(t, s, claim("s", "21", "c", start), start, nil)
}

func toldWhole(t *testing.T, s receiving.Receipts) {
	want := claim("s", "1", "a", start)
	claimAs(t, s, want, start, nil)
	if got := claimAs(t, s, claim("s", "1", "b", start), start, webhook.ErrLost); got != want {
		t.Errorf("stands %+v, want %+v", got, want)
	}
	wantErr(t, "complete", s.Complete(t.Context(), want.Key, "a"), nil)
	want.State, want.Until = webhook.ReceiptDone, time.Time{}
	if got := claimAs(t, s, claim("s", "1", "b", start), start, webhook.ErrLost); got != want {
		t.Errorf("stands %+v, want %+v", got, want)
	}
}

func oddIDs(t *testing.T, s receiving.Receipts) {
	long := strings.Repeat("x", 400)
	for i, id := range []string{long, long + "y", `"'\{}#:/%`, "a#sha256:b", "~"} {
		claimAs(t, s, claim("s", id, strconv.Itoa(i), start), start, nil)
	}
}

func receiptRace(t *testing.T, s receiving.Receipts) {
	var wg sync.WaitGroup
	wins := make(chan string, 20)
	for i := range 20 {
		owner := fmt.Sprint("owner", i)
		wg.Go(func() {
			_, err := s.Claim(t.Context(), claim("s", "1", owner, start), start)
			if err == nil {
				wins <- owner
			} else if !errors.Is(err, webhook.ErrLost) {
				t.Error(err)
			}
		})
	}
	wg.Wait()
	if len(wins) != 1 {
		t.Errorf("%d have claimed it, want one", len(wins))
	}
}
