package embedded

import "testing"

// CountReceipts counts receipts and checks that each has its one expiry.
func CountReceipts(t testing.TB, s *Receipts) (n int) {
	t.Helper()
	err := s.db.view(func(t *txn) error {
		n = t.bucket(receipts).Stats().KeyN
		if e := t.bucket(expiring).Stats().KeyN; e != n {
			return recordError("expiry")
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return n
}
