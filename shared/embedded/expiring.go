package embedded

import (
	"bytes"
	"time"
)

// putExpiring writes a record that begins with its Rev and its ExpiresAt, and
// notes for Sweep when it expires.
func (t *txn) putExpiring(b table, key, record []byte) {
	t.forgetExpiring(b, key)
	if is := expiresOf(record); !is.IsZero() {
		t.put(expiring, expiringKey(is, b, key), nil)
	}
	t.put(b, key, record)
}

func (t *txn) deleteExpiring(b table, key []byte) {
	t.forgetExpiring(b, key)
	t.delete(b, key)
}

func (t *txn) forgetExpiring(b table, key []byte) {
	if was := expiresOf(t.get(b, key)); !was.IsZero() {
		t.delete(expiring, expiringKey(was, b, key))
	}
}

func expiresOf(record []byte) time.Time {
	d := openRecord(record)
	_ = d.text()
	return d.time()
}

func expiringKey(at time.Time, b table, key []byte) []byte {
	return append(append(appendTime(nil, at), byte(b)), key...)
}

// sweepExpiring removes up to limit records that have expired, and says whether
// there may be more.
func (t *txn) sweepExpiring(now time.Time, limit int) (more bool) {
	end := appendTime(nil, now)
	for range limit {
		k, _ := t.bucket(expiring).Cursor().First()
		if len(k) <= timeSize || bytes.Compare(k[:timeSize], end) > 0 {
			return false
		}
		key := bytes.Clone(k)
		t.delete(expiring, key)
		t.delete(table(key[timeSize]), key[timeSize+1:])
	}
	return true
}
