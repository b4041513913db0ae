package receiptstest_test

import (
	"testing"

	"github.com/jobhook/jobhook/shared/receiving"
	"github.com/jobhook/jobhook/shared/receiving/receiptstest"
)

func TestMemory(t *testing.T) {
	receiptstest.Run(t, func(testing.TB) receiving.Receipts { return &receiptstest.Memory{} })
}
