package receiving

import (
	"net/http"
	"net/netip"
	"time"
)

// DefaultMaxBody bounds a body: what an SQS message can hold (1 MiB since
// 2025), before the envelope.
const DefaultMaxBody = 1 << 20

// Request is an incoming webhook as it came.
type Request struct {
	Source string // the name in the path
	Method string
	Header http.Header // names in any case
	Body   []byte      // the raw bytes
	IP     netip.Addr  // of the connection, never from a header; may be invalid (unknown)
}

// Accepted is what is known of a request that may be queued.
type Accepted struct {
	ID        string // the sender's id, or the body's hash
	ReceiptID string // the key of its receipt within the source
	Timestamp time.Time
	Secret    int // index of the secret that matched
	Digest    string
	ExpiresAt time.Time // of its receipt, in whole seconds
	Window    time.Duration
	Doubt     string // for the log: what was expected of it and is not there
}

// Refusal is why a request goes no further. Reason is short enough to be told
// to a stranger; Detail is for the log.
type Refusal struct {
	Status int
	Reason string
	Detail string
}

func (r *Refusal) Error() string { return r.Reason }
