// Package local runs all of jobhook in one process over the embedded store:
// the API, EventBridge's PutEvents, the queues, and the functions' own
// handlers, fed the JSON that Lambda would feed them.
package local

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/netip"
	"strconv"
	"strings"
	"syscall"
	"time"

	"github.com/jobhook/jobhook/shared/api"
	"github.com/jobhook/jobhook/shared/deliver"
	"github.com/jobhook/jobhook/shared/schedule"
	"github.com/jobhook/jobhook/shared/webhook"
)

// Defaults of Options.
const (
	DefaultListen = "127.0.0.1:8787"
	DefaultDir    = ".jobhook"
)

// endpointCache bounds what is remembered of endpoints that do not change.
const endpointCache = time.Minute

// Options are what `jobhook local` may be told.
type Options struct {
	Listen        string // host:port
	Dir           string // holds the database and the secrets
	Schedule      schedule.Schedule
	AllowLoopback bool // endpoints on this machine, also by http
	Key           string
	SendTimeout   time.Duration
	Retention     time.Duration
	Profile       webhook.Profile // of job-level URLs that name none
	Wire          deliver.Wire
	Log           *slog.Logger
}

// Check says what is wrong with the options, all of it.
func (o Options) Check() error {
	at, err := parseAddress(o.Listen)
	if err == nil && !at.loopback() && o.Key == "" {
		err = fmt.Errorf("--listen %s can be reached from other machines: set JOBHOOK_API_KEY to a secret of your choice, or listen on 127.0.0.1", o.Listen)
	}
	faults := []error{err, api.CheckKey(o.Key)}
	if o.Dir == "" {
		faults = append(faults, errors.New("--data is empty: name a directory"))
	}
	if o.SendTimeout < 10*time.Millisecond || o.SendTimeout > 30*time.Second {
		faults = append(faults, fmt.Errorf("--send-timeout is %s; it must be from 10ms to 30s", o.SendTimeout))
	}
	if longest := max(o.Schedule.Longest(deliver.DefaultRetryAfterMax, o.SendTimeout), time.Hour); o.Retention < longest {
		faults = append(faults, fmt.Errorf("--retention is %s; it must be at least the %s that the schedule can take", o.Retention, longest))
	}
	if strings.ContainsFunc(o.Wire.UserAgent, func(r rune) bool { return r < ' ' || r >= 0x7f }) {
		faults = append(faults, errors.New("--user-agent must be printable ASCII"))
	}
	if err := o.Wire.Check(); err != nil {
		faults = append(faults, fmt.Errorf("--antinium-header: %w", err))
	}
	return errors.Join(faults...)
}

// onLoopback says whether only this machine can reach the listener.
func (o Options) onLoopback() bool {
	at, err := parseAddress(o.Listen)
	return err == nil && at.loopback()
}

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
