// Package sender makes the outgoing POST: one request, one deadline, one
// answer, to public addresses only.
//
// What it holds to, whatever the endpoint does:
//
//   - one total deadline over DNS, connecting, TLS, headers and body; a second at
//     most for the body of a 2xx;
//   - no connection to an address that is not public (see [Public]), judged at
//     the moment of dialing, for every address that is tried;
//   - no redirect followed, no proxy taken from the environment, TLS 1.2 or newer;
//   - bounded memory: headers and body are capped, the body after decompression;
//   - one call is one attempt: the request goes out a second time only when not
//     one byte of the first did (see errUnsent).
//
// It speaks HTTP/1.1 only. Over HTTP/2, Go repeats a POST whose stream the
// endpoint reset with PROTOCOL_ERROR (golang/go#47635), which would be an attempt
// that nobody counts; and to forbid every repeat would cost an attempt whenever a
// server says GOAWAY, as nginx does after each 1,000 requests. HTTP/1.1 ends a
// connection between two answers, needs no 4 MiB window per request, and keeps
// one slow answer from holding up another.
//
// Nothing it returns holds the URL's query, credentials, header values or the body.
package sender

import (
	"cmp"
	"context"
	"crypto/tls"
	"crypto/x509"
	"net"
	"net/netip"
	"sync"
	"time"
)

// Defaults of [Config] and fixed limits.
const (
	DefaultTimeout       = 10 * time.Second
	DefaultResponseBytes = 1024

	// bodyTime bounds reading a 2xx's body, within the total deadline.
	bodyTime = time.Second
	// drainBytes is read beyond what is kept, so that the connection of a
	// slightly longer answer can be used again; a longer one is closed.
	drainBytes = 4 << 10
	// maxHeaderBytes bounds the answer's status line and headers. It is generous:
	// an answer beyond it is a failed attempt although the endpoint took the POST.
	maxHeaderBytes = 64 << 10
	// idleLimit: servers commonly keep connections for longer. See pool.
	idleLimit = 20 * time.Second
	// maxIdle bounds kept connections over all endpoints: about 10 MB with TLS.
	maxIdle = 256
)

// Config sets a [Sender] up; the zero value is what production uses.
type Config struct {
	// Timeout is the total deadline of one Send; DefaultTimeout when 0.
	Timeout time.Duration
	// AllowLoopback permits loopback addresses (127.0.0.0/8 and ::1, nothing
	// else beside public ones) and http:// to them. Only the local runner sets it.
	AllowLoopback bool
	// Allow permits these addresses too, and http:// to them: sam local's
	// containers reach the developer's machine at an address that is not public.
	Allow []netip.Prefix
	// ResponseBytes caps what is kept of the answer's body, in bytes of text;
	// DefaultResponseBytes when 0, nothing when negative.
	ResponseBytes int
	// MaxIdleConnsPerHost bounds the kept connections to one host; 64 when 0.
	// Set it to the number of concurrent sends to one endpoint, if that is larger.
	MaxIdleConnsPerHost int
	// RootCAs replaces the system's roots (for tests and private test servers).
	RootCAs *x509.CertPool
	// Resolver replaces net.DefaultResolver (for tests). The guard stands behind
	// it: what a resolver answers is judged like anything else.
	Resolver *net.Resolver

	now func() time.Time // for tests; time.Now when nil
}

// Sender posts to endpoints and keeps their connections. Make one per process
// with [New] and share it: it is safe for concurrent use.
type Sender struct {
	timeout  time.Duration
	allow    allowed
	keep     int
	resolver *net.Resolver
	tls      *tls.Config
	dial     func(ctx context.Context, network, addr string) (net.Conn, error) // dialGuarded; tests replace it
	pool     pool
	buffers  sync.Pool // of *[]byte, keep and drainBytes long
	now      func() time.Time
}

// New returns a Sender with its own pool of connections.
func New(c Config) *Sender {
	s := &Sender{
		timeout:  cmp.Or(c.Timeout, DefaultTimeout),
		allow:    exceptions(c.AllowLoopback, c.Allow),
		keep:     max(cmp.Or(c.ResponseBytes, DefaultResponseBytes), 0),
		resolver: c.Resolver,
		tls: &tls.Config{
			MinVersion: tls.VersionTLS12, RootCAs: c.RootCAs, NextProtos: []string{"http/1.1"}, ClientSessionCache: tls.NewLRUClientSessionCache(128),
		},
		now: c.now,
	}
	if s.now == nil {
		s.now = time.Now
	}
	s.buffers.New = func() any { return new(make([]byte, s.keep+drainBytes)) }
	s.dial = s.dialGuarded
	perHost := cmp.Or(c.MaxIdleConnsPerHost, 64)
	s.pool = pool{now: s.now, max: max(maxIdle, perHost), perHost: perHost, idle: map[server][]*conn{}}
	return s
}

// CloseIdle closes the connections that are kept but not in use.
func (s *Sender) CloseIdle() { s.pool.closeIf(func(*conn) bool { return true }) }
