package payload

import (
	"slices"
	"strings"
)

var failures = []string{
	"failed", "failure", "error", "errored", "canceled", "cancelled",
	"timed_out", "timeout", "expired", "stopped",
}

// Failed reports whether a job counts as failed, which is what Unitary's
// is_error says: it has an error that is not null, or its status is, in any
// case, one of failed, failure, error, errored, canceled, cancelled, timed_out,
// timeout, expired, stopped. err is canonical JSON, or nil for none.
func Failed(status string, err []byte) bool {
	return present(err) || slices.Contains(failures, strings.ToLower(status))
}

func present(value []byte) bool { return len(value) > 0 && string(value) != "null" }
