package sender

import (
	"net/http"
	"time"
)

// Reason says why an attempt failed. The names are stable: they appear in the
// API, in logs and as metric labels.
type Reason string

// The reasons. Of these only ReasonAddressNotPublic and ReasonBadURL mean that
// no connection was made at all and that trying again won't help by itself.
const (
	ReasonHTTPStatus       Reason = "http_status"        // an answer that is not 2xx
	ReasonTimeout          Reason = "timeout"            // no headers inside the total deadline
	ReasonRefused          Reason = "refused"            // connection refused
	ReasonDNS              Reason = "dns"                // the name does not resolve
	ReasonTLS              Reason = "tls"                // handshake or certificate
	ReasonConnection       Reason = "connection"         // reset, closed without an answer, unreachable
	ReasonBadResponse      Reason = "bad_response"       // not HTTP, or headers beyond the cap
	ReasonAddressNotPublic Reason = "address_not_public" // the host has no public address
	ReasonBadURL           Reason = "bad_url"            // see CheckURL
)

// Request is one POST. The bytes of Body are the bytes sent.
type Request struct {
	// URL is used as it is, query included. See [CheckURL] for what is refused.
	URL string
	// Header is sent with the request and not changed.
	Header http.Header
	// Body must not be changed afterwards, not even when Send has returned: an
	// endpoint may answer before it has read everything.
	Body []byte
}

// Answer is what came of one attempt.
type Answer struct {
	// StatusCode of the answer; 0 when there was none.
	StatusCode int
	// Reason is empty for a 2xx, which is the only success.
	Reason Reason
	// Detail is a fixed sentence for people about Reason; empty for a 2xx. It
	// quotes nothing of the URL, the request or the answer.
	Detail string
	// RetryAfter is what a 429 or 503 asked for, from when it arrived: 0 when it
	// asked for nothing, at most MaxRetryAfter.
	RetryAfter time.Duration
	// Response is the beginning of the answer's body, decompressed, as valid
	// UTF-8 of at most Config.ResponseBytes. A stranger wrote it; it may echo
	// what was sent.
	Response string
	// Duration of the whole attempt, reading the answer's body included.
	Duration time.Duration
}

// Delivered reports whether the endpoint took the POST.
func (a Answer) Delivered() bool { return a.StatusCode >= 200 && a.StatusCode <= 299 }
