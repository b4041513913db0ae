package sender

import (
	"crypto/x509"
	"errors"
	"io"
	"net"
	"syscall"

	"github.com/jobhook/jobhook/shared/webhook"
)

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
