package webhook

import "net/http"

// Reason says why an attempt failed, or why a delivery ended, waits or is held
// without one. The names are stable: they appear in the API, in logs and as
// metric labels.
type Reason string

// Reasons of a failed attempt. ReasonAddressNotPublic and ReasonBadURL mean
// that no connection was made and that another attempt cannot help by itself.
const (
	ReasonHTTPStatus       Reason = "http_status"        // an answer that is not 2xx
	ReasonTimeout          Reason = "timeout"            // no headers inside the total deadline
	ReasonRefused          Reason = "refused"            // connection refused
	ReasonDNS              Reason = "dns"                // the name does not resolve
	ReasonTLS              Reason = "tls"                // handshake or certificate
	ReasonConnection       Reason = "connection"         // reset, closed without an answer, unreachable
	ReasonBadResponse      Reason = "bad_response"       // not HTTP, or headers beyond the cap
	ReasonAddressNotPublic Reason = "address_not_public" // the host has no public address
	ReasonBadURL           Reason = "bad_url"            // not a URL that a POST can go to
)

// Reasons of a delivery that no attempt of its own explains.
const (
	ReasonSecretUnreadable Reason = "secret_unreadable" // its signing secret could not be read: internal, no attempt made
	ReasonInternal         Reason = "internal_error"    // another internal error kept it from being sent
	ReasonEndpointRemoved  Reason = "endpoint_removed"  // canceled
	ReasonEndpointDisabled Reason = "endpoint_disabled" // held
	ReasonEndpointSlow     Reason = "endpoint_slow"     // its next attempt is made with those of other slow endpoints
	ReasonEndpointPaused   Reason = "endpoint_paused"   // the endpoint asked for no attempts until then
)

// Verdict is what an answer means for its delivery.
type Verdict string

// The verdicts.
const (
	Success Verdict = "delivered" // 2xx
	Retry   Verdict = "retry"     // the schedule decides whether and when
	Dead    Verdict = "dead"      // 410: failed at once, the endpoint is disabled
	Refused Verdict = "refused"   // never sent, and never will be: failed at once
)

// Judge says what an attempt means. Its reason is empty for a 2xx whose
// headers came in time, whatever became of the body.
func Judge(a Attempt) Verdict {
	switch {
	case a.Reason == ReasonAddressNotPublic || a.Reason == ReasonBadURL:
		return Refused
	case a.StatusCode >= 200 && a.StatusCode <= 299:
		return Success
	case a.StatusCode == http.StatusGone:
		return Dead
	}
	return Retry
}
