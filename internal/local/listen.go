package local

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"strconv"
	"syscall"
)

// address is where to listen, read from "host:port".
type address struct {
	host string
	port uint16
}

func parseAddress(text string) (address, error) {
	host, port, err := net.SplitHostPort(text)
	if err != nil {
		return address{}, fmt.Errorf("--listen %q is not an address; write it like %s", text, DefaultListen)
	}
	number, err := strconv.ParseUint(port, 10, 16)
	if err != nil {
		return address{}, fmt.Errorf("--listen %q: the port must be a number up to 65535, like %s", text, DefaultListen)
	}
	if _, err := netip.ParseAddr(host); err != nil && host != "" && host != "localhost" {
		return address{}, fmt.Errorf("--listen %q: the host must be an IP address or localhost, like %s", text, DefaultListen)
	}
	return address{host, uint16(number)}, nil
}

// loopback says whether only this machine can reach the address.
func (a address) loopback() bool {
	addr, err := netip.ParseAddr(a.host)
	return a.host == "localhost" || err == nil && addr.Unmap().IsLoopback()
}

// listen explains what the system says.
func (o Options) listen(ctx context.Context) (net.Listener, error) {
	listener, err := new(net.ListenConfig).Listen(ctx, "tcp", o.Listen)
	switch {
	case errors.Is(err, syscall.EADDRINUSE):
		return nil, fmt.Errorf("%s is taken by another program: choose another address with --listen", o.Listen)
	case errors.Is(err, syscall.EACCES):
		return nil, fmt.Errorf("this user may not listen on %s: choose a port above 1023 with --listen", o.Listen)
	case errors.Is(err, syscall.EADDRNOTAVAIL):
		return nil, fmt.Errorf("%s is no address of this machine: choose another with --listen", o.Listen)
	case err != nil:
		return nil, fmt.Errorf("listen on %s: %w", o.Listen, err)
	}
	if at, ok := listener.Addr().(*net.TCPAddr); ok && o.onLoopback() && !at.IP.IsLoopback() {
		err := fmt.Errorf("localhost is %s here, which other machines may reach: write --listen %s", at.IP, DefaultListen)
		return nil, errors.Join(err, listener.Close())
	}
	return listener, nil
}

// urlOf is where a client on this machine finds the listener.
func urlOf(listener net.Listener) string {
	if at, ok := listener.Addr().(*net.TCPAddr); ok && at.IP.IsUnspecified() {
		return "http://localhost:" + strconv.Itoa(at.Port)
	}
	return "http://" + listener.Addr().String()
}
