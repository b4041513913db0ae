package embedded

import "testing"

// CountReceipts counts receipts and checks that each has its one expiry.
func CountReceipts(t testing.TB, s *Receipts) (n int) {
	t.Helper()
	err := s.db.view(func(t *txn) error {
		n = t.tx.Bucket(receiptsBucket).Stats().KeyN
		if e := t.tx.Bucket(receiptExpiryBucket).Stats().KeyN; e != n {
			return recordError("expiry")
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return n
}
