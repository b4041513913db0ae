package dynamo_test

import (
	"errors"
	"strings"
	"testing"

	"github.com/jobhook/jobhook/shared/dynamo"
	"github.com/jobhook/jobhook/shared/webhook"
)

// FuzzCursor: a cursor comes from strangers. It is a position in the list or
// webhook.ErrCursor, never a panic, and no list takes another's.
func FuzzCursor(f *testing.F) {
	for _, seed := range []string{"", "x", "ZTE6ZXBfYQ", "ZDE6MjA0MC0wMi0yOVQxMjozMDoxNS4wMDAwMDAwMDBabXNnX2E"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, cursor string) {
		endpoint, log, endpointErr, logErr := dynamo.ReadCursors(cursor)
		if cursor == "" {
			return
		}
		if endpointErr == nil && logErr == nil {
			t.Error("taken by both lists")
		}
		for _, err := range []error{endpointErr, logErr} {
			if err != nil && !errors.Is(err, webhook.ErrCursor) {
				t.Errorf("got %v", err)
			}
		}
		if endpointErr == nil && !strings.HasPrefix(endpoint, "ep_") {
			t.Errorf("endpoint position %q", endpoint)
		}
		if logErr == nil && !strings.Contains(log, "Zmsg_") {
			t.Errorf("log position %q", log)
		}
	})
}
