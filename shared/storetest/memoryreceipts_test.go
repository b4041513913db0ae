package storetest_test

import (
	"testing"

	"github.com/jobhook/jobhook/shared/receiving"
	"github.com/jobhook/jobhook/shared/storetest"
)

func TestMemoryReceipts(t *testing.T) {
	storetest.Receipts(t, func(testing.TB) receiving.Receipts { return &storetest.MemoryReceipts{} })
}
