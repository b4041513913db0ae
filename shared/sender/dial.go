package sender

import (
	"cmp"
	"context"
	"crypto/tls"
	"errors"
	"net"
	"net/netip"
	"net/url"
	"sync/atomic"
	"syscall"
	"time"

	"github.com/jobhook/jobhook/shared/webhook"
)

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

func serverOf(u *url.URL) server {
	port := "443"
	if u.Scheme == "http" {
		port = "80"
	}
	return server{tls: u.Scheme == "https", host: u.Hostname(), port: cmp.Or(u.Port(), port)}
}

// connect makes a new connection, TLS included.
func (s *Sender) connect(ctx context.Context, deadline time.Time, to server) (*conn, error) {
	ctx, cancel := context.WithDeadline(ctx, deadline)
	defer cancel()
	raw, err := s.dial(ctx, "tcp", net.JoinHostPort(to.host, to.port))
	if err != nil {
		return nil, err
	}
	if !to.tls {
		return newConn(raw, raw, to), nil
	}
	cfg := s.tls.Clone()
	cfg.ServerName = to.host
	top := tls.Client(raw, cfg)
	if err := top.HandshakeContext(ctx); err != nil {
		raw.Close()
		return nil, &dialError{handshakeReason(err), err} // here, as many of crypto/tls's errors have no type
	}
	return newConn(raw, top, to), nil
}

// dialGuarded connects to a public address.
func (s *Sender) dialGuarded(ctx context.Context, network, addr string) (net.Conn, error) {
	g := guard{allow: s.allow}
	d := net.Dialer{Resolver: s.resolver, ControlContext: g.control}
	raw, err := d.DialContext(ctx, network, addr)
	if err != nil {
		return nil, &dialError{g.reason(err), err}
	}
	return raw, nil
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
