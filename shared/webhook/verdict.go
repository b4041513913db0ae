package webhook

import "net/http"

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
	case a.Reason == "address_not_public" || a.Reason == "bad_url":
		return Refused
	case a.StatusCode >= 200 && a.StatusCode <= 299:
		return Success
	case a.StatusCode == http.StatusGone:
		return Dead
	}
	return Retry
}
