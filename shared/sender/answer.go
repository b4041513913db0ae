package sender

import (
	"crypto/x509"
	"errors"
	"io"
	"net"
	"net/http"
	"strconv"
	"strings"
	"syscall"
	"time"

	"github.com/jobhook/jobhook/shared/webhook"
)

// Request is one POST. The bytes of Body are the bytes sent.
type Request struct {
	// URL is used as it is, query included. See [CheckURL] for what is refused.
	URL string
	// Header is sent with the request and not changed.
	Header http.Header
	// Body must not be changed before Send returns.
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

// details are the sentences of Answer.Detail.
var details = map[webhook.Reason]string{
	webhook.ReasonHTTPStatus:       "the endpoint did not answer with a 2xx status",
	webhook.ReasonTimeout:          "the endpoint did not answer in time",
	webhook.ReasonRefused:          "the endpoint's host refused the connection",
	webhook.ReasonDNS:              "the endpoint's host name does not resolve",
	webhook.ReasonTLS:              "no TLS connection: the endpoint must speak TLS 1.2 or newer",
	webhook.ReasonConnection:       "the connection failed or closed before an answer",
	webhook.ReasonBadResponse:      "the answer was not valid HTTP, or its headers were too large",
	webhook.ReasonAddressNotPublic: "the endpoint's host has no public address",
	webhook.ReasonBadURL:           "the endpoint's URL cannot be used",
}

// reasonOf judges what the transport returned, by type. After connecting, most
// of net/http's errors have none ("malformed HTTP response", "server closed idle
// connection"): then it goes by whether any byte of an answer had come.
func reasonOf(err error, answered bool) webhook.Reason {
	var dial *dialError
	switch {
	case errors.As(err, &dial):
		return dial.reason
	case isTimeout(err):
		return webhook.ReasonTimeout
	case isTLSAlert(err):
		return webhook.ReasonTLS
	case !answered || isNetwork(err):
		return webhook.ReasonConnection
	}
	return webhook.ReasonBadResponse
}

// networkReason judges a failed lookup or connect.
func networkReason(err error) webhook.Reason {
	var dns *net.DNSError
	switch {
	case errors.As(err, &dns):
		return webhook.ReasonDNS
	case isTimeout(err):
		return webhook.ReasonTimeout
	case errors.Is(err, syscall.ECONNREFUSED):
		return webhook.ReasonRefused
	}
	return webhook.ReasonConnection
}

// handshakeReason judges a failed TLS handshake: the connection's own faults are
// the connection's, everything else is TLS.
func handshakeReason(err error) webhook.Reason {
	switch {
	case isTimeout(err):
		return webhook.ReasonTimeout
	case isTLSAlert(err) || !isNetwork(err):
		return webhook.ReasonTLS
	}
	return webhook.ReasonConnection
}

func isTimeout(err error) bool {
	var t interface{ Timeout() bool }
	return errors.As(err, &t) && t.Timeout()
}

// isTLSAlert: crypto/tls reports an alert as a net.OpError with one of these
// two operations, around a type that it does not export.
func isTLSAlert(err error) bool {
	var op *net.OpError
	return errors.As(err, &op) && (op.Op == "remote error" || op.Op == "local error")
}

func isNetwork(err error) bool {
	var op *net.OpError
	var no syscall.Errno
	return errors.As(err, &op) || errors.As(err, &no) ||
		errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF)
}

// detailOf says what was wrong with a certificate, which its owner must know,
// and the fixed sentence for everything else.
func detailOf(reason webhook.Reason, err error) string {
	var (
		name    x509.HostnameError
		unknown x509.UnknownAuthorityError
		invalid x509.CertificateInvalidError
	)
	switch {
	case reason != webhook.ReasonTLS:
	case errors.As(err, &name):
		return "the certificate is for another host name"
	case errors.As(err, &unknown):
		return "the certificate's issuer is not known: self-signed, or an intermediate is missing"
	case errors.As(err, &invalid) && invalid.Reason == x509.Expired:
		return "the certificate has expired or is not yet valid"
	case errors.As(err, &invalid):
		return "the certificate is not valid for a server"
	}
	return details[reason]
}

// MaxRetryAfter is the longest Answer.RetryAfter; what asks for more is taken
// as asking for this. Who schedules has a tighter bound of its own.
const MaxRetryAfter = 365 * 24 * time.Hour

// parseRetryAfter reads RFC 9110, section 10.2.3: whole seconds, or an HTTP
// date, taken relative to now. What is neither, or is past, is 0.
func parseRetryAfter(v string, now time.Time) time.Duration {
	v = strings.TrimSpace(v)
	if v == "" {
		return 0
	}
	if strings.Trim(v, "0123456789") == "" { // of any length
		n, err := strconv.ParseUint(v, 10, 32)
		if d := time.Duration(n) * time.Second; err == nil && d < MaxRetryAfter {
			return d
		}
		return MaxRetryAfter
	}
	at, err := http.ParseTime(v)
	if err != nil {
		return 0
	}
	return min(max(at.Sub(now), 0), MaxRetryAfter) // Sub saturates
}
