package sender

import (
	"context"
	"crypto/tls"
	"errors"
	"net"
	"net/netip"
	"sync/atomic"
	"syscall"
	"time"

	"github.com/jobhook/jobhook/shared/webhook"
)

// dialGrace lets the request's own deadline always come first: net/http takes
// the dial out of it, so that a later request may use the connection.
const dialGrace = time.Second

// errNotPublic is what the guard answers; it names no address, so that nobody
// learns what an internal name resolves to.
var errNotPublic = errors.New("the address is not public")

// dialError is a connection that could not be made, already judged.
type dialError struct {
	reason webhook.Reason
	err    error
}

func (e *dialError) Error() string { return "connect: " + string(e.reason) }
func (e *dialError) Unwrap() error { return e.err }

// dial connects for http://, and below dialTLS.
func (s *Sender) dial(ctx context.Context, network, addr string) (net.Conn, error) {
	ctx, cancel := context.WithTimeout(ctx, s.timeout+dialGrace)
	defer cancel()
	g := guard{allow: s.allow}
	d := net.Dialer{Resolver: s.resolver, ControlContext: g.control}
	conn, err := d.DialContext(ctx, network, addr)
	if err != nil {
		return nil, &dialError{g.reason(err), err}
	}
	return conn, nil
}

// dialTLS connects and shakes hands. It does so itself because many of
// crypto/tls's errors have no type: that they come from here tells what they are.
func (s *Sender) dialTLS(ctx context.Context, network, addr string) (net.Conn, error) {
	ctx, cancel := context.WithTimeout(ctx, s.timeout+dialGrace)
	defer cancel()
	host, _, err := net.SplitHostPort(addr)
	if err != nil {
		return nil, &dialError{webhook.ReasonBadURL, err}
	}
	raw, err := s.dial(ctx, network, addr)
	if err != nil {
		return nil, err
	}
	cfg := s.tls.Clone()
	cfg.ServerName = host
	conn := tls.Client(raw, cfg)
	if err := conn.HandshakeContext(ctx); err != nil {
		raw.Close()
		return nil, &dialError{handshakeReason(err), err}
	}
	return conn, nil
}

// guard judges each address that one dial tries. Several are tried at once when
// a name has IPv4 and IPv6.
type guard struct {
	allow           allowed
	passed, refused atomic.Int32
}

// control is called with the socket made and not yet connected, so it sees the
// address that the kernel will: no name, no second lookup in between.
func (g *guard) control(_ context.Context, _, address string, _ syscall.RawConn) error {
	ap, err := netip.ParseAddrPort(address)
	if err != nil || ap.Port() == 0 || !g.allow.permits(ap.Addr()) {
		g.refused.Add(1)
		return errNotPublic
	}
	g.passed.Add(1)
	return nil
}

// reason judges a dial that failed. net.Dialer returns the first address's
// error; if that one was refused here and another was tried, the other's is
// lost, and all that is known is that no connection was made.
func (g *guard) reason(err error) webhook.Reason {
	switch {
	case !errors.Is(err, errNotPublic):
		return networkReason(err)
	case g.passed.Load() > 0:
		return webhook.ReasonConnection
	}
	return webhook.ReasonAddressNotPublic
}
