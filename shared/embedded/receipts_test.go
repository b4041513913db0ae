package embedded_test

import (
	"errors"
	"strconv"
	"testing"
	"time"

	"github.com/jobhook/jobhook/shared/embedded"
	"github.com/jobhook/jobhook/shared/receiving"
	"github.com/jobhook/jobhook/shared/storetest"
	"github.com/jobhook/jobhook/shared/webhook"
)

var receiptsStart = time.Date(2026, 11, 20, 12, 0, 0, 0, time.UTC)

func claimed(id, owner string, now time.Time) webhook.Receipt {
	return webhook.Receipt{
		Key: webhook.ReceiptKey{Source: "s", ID: id}, State: webhook.ReceiptProcessing, Owner: owner,
		Until: now.Add(time.Minute), ExpiresAt: now.Add(time.Hour), Digest: "d",
	}
}

func TestReceiptsContract(t *testing.T) {
	storetest.Receipts(t, func(t testing.TB) receiving.Receipts { return open(t, time.Now).Receipts() })
}

func TestReceiptsOutliveTheProcessAndLeasesDoNot(t *testing.T) {
	dir := t.TempDir()
	db := openIn(t, dir, time.Now)
	for _, id := range []string{"done", "under way"} {
		if _, err := db.Receipts().Claim(t.Context(), claimed(id, "a", receiptsStart), receiptsStart); err != nil {
			t.Fatal(err)
		}
	}
	if err := db.Receipts().Complete(t.Context(), webhook.ReceiptKey{Source: "s", ID: "done"}, "a"); err != nil {
		t.Fatal(err)
	}
	if err := db.Close(); err != nil {
		t.Fatal(err)
	}
	again := openIn(t, dir, time.Now).Receipts()
	if _, err := again.Claim(t.Context(), claimed("done", "b", receiptsStart), receiptsStart); !errors.Is(err, webhook.ErrLost) {
		t.Errorf("what was done: %v, want %v", err, webhook.ErrLost)
	}
	if _, err := again.Claim(t.Context(), claimed("under way", "b", receiptsStart), receiptsStart); err != nil {
		t.Errorf("the lease of a process that is gone: %v, want it free", err)
	}
}

func TestReceiptsThatExpiredAreSweptAsOthersCome(t *testing.T) {
	store := open(t, time.Now).Receipts()
	now := receiptsStart
	for i := range 100 {
		if _, err := store.Claim(t.Context(), claimed(strconv.Itoa(i), "a", now), now); err != nil {
			t.Fatal(err)
		}
	}
	now = now.Add(2 * time.Hour)
	for i := range 25 {
		if _, err := store.Claim(t.Context(), claimed("new"+strconv.Itoa(i), "a", now), now); err != nil {
			t.Fatal(err)
		}
	}
	if n := embedded.CountReceipts(t, store); n != 25 {
		t.Errorf("%d receipts are left, want the 25 that have not expired", n)
	}
}
