package sender

import (
	"net/http"
	"time"

	"github.com/jobhook/jobhook/shared/webhook"
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
	Reason webhook.Reason
	// Detail is a fixed sentence for people about Reason; empty for a 2xx. It
	// quotes nothing of the URL, the request or the answer.
	Detail string
	// RetryAfter is what a 429 or 503 asked for, from when it arrived: 0 when it
	// asked for nothing, at most MaxRetryAfter.
	RetryAfter time.Duration
	// Response is the beginning of the answer's body, decompressed, as valid
	// UTF-8 of at most Config.ResponseBytes. It is not trusted, and may echo
	// what was sent.
	Response string
	// Duration of the whole attempt, reading the answer's body included.
	Duration time.Duration
}

// Delivered reports whether the endpoint took the POST.
func (a Answer) Delivered() bool { return a.StatusCode >= 200 && a.StatusCode <= 299 }
