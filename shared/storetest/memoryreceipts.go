package storetest

import (
	"context"
	"sync"
	"time"

	"github.com/jobhook/jobhook/shared/webhook"
)

// MemoryReceipts is a store of receipts in memory, with faults.
type MemoryReceipts struct {
	// Fault, if any, is asked before every write ("claim", "complete",
	// "release") and says whether it is made, and what is answered in place of
	// its own verdict: (true, err) is a write whose answer is lost.
	Fault func(write string) (apply bool, err error)

	mu    sync.Mutex
	items map[webhook.ReceiptKey]webhook.Receipt
	calls int
}

// Claim is receiving.Receipts'.
func (m *MemoryReceipts) Claim(_ context.Context, r webhook.Receipt, now time.Time) (standing webhook.Receipt, err error) {
	err = m.write("claim", func() error {
		old, there := m.items[r.Key]
		if there && old.Owner != r.Owner && old.At(now) != webhook.Free {
			standing = old
			return webhook.ErrLost
		}
		m.items[r.Key] = r
		return nil
	})
	return standing, err
}

// Complete is receiving.Receipts'.
func (m *MemoryReceipts) Complete(_ context.Context, k webhook.ReceiptKey, owner string) error {
	return m.write("complete", func() error {
		r, there := m.items[k]
		if !there || r.Owner != owner {
			return webhook.ErrLost
		}
		r.State, r.Until = webhook.ReceiptDone, time.Time{}
		m.items[k] = r
		return nil
	})
}

// Release is receiving.Receipts'.
func (m *MemoryReceipts) Release(_ context.Context, k webhook.ReceiptKey, owner string) error {
	return m.write("release", func() error {
		r, there := m.items[k]
		if there && (r.Owner != owner || r.State == webhook.ReceiptDone) {
			return webhook.ErrLost
		}
		delete(m.items, k)
		return nil
	})
}

// Get returns the receipt that stands, expired or not.
func (m *MemoryReceipts) Get(k webhook.ReceiptKey) (webhook.Receipt, bool) {
	m.mu.Lock()
	defer m.mu.Unlock()
	r, there := m.items[k]
	return r, there
}

// Len counts the receipts.
func (m *MemoryReceipts) Len() int {
	m.mu.Lock()
	defer m.mu.Unlock()
	return len(m.items)
}

// Calls counts the writes asked for, of all kinds.
func (m *MemoryReceipts) Calls() int {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.calls
}

func (m *MemoryReceipts) write(name string, apply func() error) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.items == nil {
		m.items = map[webhook.ReceiptKey]webhook.Receipt{}
	}
	m.calls++
	if m.Fault != nil {
		if does, err := m.Fault(name); err != nil {
			if does {
				_ = apply()
			}
			return err
		}
	}
	return apply()
}
