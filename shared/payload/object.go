package payload

import (
	"bytes"
	"slices"
	"strings"

	"github.com/jobhook/jobhook/shared/canonjson"
)

// object is the text of an object that is being written, without its end.
type object []byte

func (o object) comma() object {
	if o[len(o)-1] == '{' {
		return o
	}
	return append(o, ',')
}

func (o object) key(name string) object {
	return append(canonjson.AppendString(o.comma(), name), ':')
}

func (o object) text(name, value string) object {
	return canonjson.AppendString(o.key(name), value)
}

// value writes a member of canonical JSON, and nothing where there is none.
func (o object) value(name string, json []byte) object {
	if len(json) == 0 {
		return o
	}
	return append(o.key(name), json...)
}

// members writes the members in text, which may be none.
func (o object) members(text []byte) object {
	text = bytes.TrimSuffix(text, []byte(","))
	if len(text) == 0 {
		return o
	}
	return append(o.comma(), text...)
}

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
