// Package local runs all of jobhook in one process over the embedded store:
// the API, EventBridge's PutEvents, the queues, and the functions' own
// handlers, fed the JSON that Lambda would feed them.
package local

import (
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/netip"
	"time"

	"github.com/jobhook/jobhook/shared/deliver"
	"github.com/jobhook/jobhook/shared/intake"
	"github.com/jobhook/jobhook/shared/payload"
	"github.com/jobhook/jobhook/shared/schedule"
)

// Defaults of Options.
const (
	DefaultListen = "127.0.0.1:8787"
	DefaultDir    = ".jobhook"
)

// Options are what `jobhook local` may be told.
type Options struct {
	Listen        string // host:port
	Dir           string // holds the database and the secrets
	Schedule      schedule.Schedule
	AllowLoopback bool // endpoints on this machine, also by http
	Key           string
	SendTimeout   time.Duration
	Retention     time.Duration
	Profile       payload.Profile // of job-level URLs that name none
	Wire          deliver.Wire
	Log           *slog.Logger
}

// Check says what is wrong with the options, all of it.
func (o Options) Check() error {
	var faults []error
	loopback, err := o.onLoopback()
	if err != nil {
		faults = append(faults, err)
	}
	if err == nil && !loopback && o.Key == "" {
		faults = append(faults, fmt.Errorf("--listen %s can be reached from other machines: set JOBHOOK_API_KEY to a secret of your choice, or listen on 127.0.0.1", o.Listen))
	}
	if o.SendTimeout < 10*time.Millisecond || o.SendTimeout > 30*time.Second {
		faults = append(faults, fmt.Errorf("--send-timeout is %s; it must be from 10ms to 30s", o.SendTimeout))
	}
	if o.Retention < time.Hour {
		faults = append(faults, fmt.Errorf("--retention is %s; it must be at least 1h", o.Retention))
	}
	if err := o.Wire.Check(); err != nil {
		faults = append(faults, fmt.Errorf("--antinium-header: %w", err))
	}
	return errors.Join(faults...)
}

// onLoopback says whether only this machine can reach the listener.
func (o Options) onLoopback() (bool, error) {
	host, port, err := net.SplitHostPort(o.Listen)
	if err != nil || port == "" {
		return false, fmt.Errorf("--listen %q is not an address; write it like %s", o.Listen, DefaultListen)
	}
	if host == "localhost" {
		return true, nil
	}
	if host == "" {
		return false, nil
	}
	addr, err := netip.ParseAddr(host)
	if err != nil {
		return false, fmt.Errorf("--listen %q: the host must be an IP address or localhost, like %s", o.Listen, DefaultListen)
	}
	return addr.IsLoopback(), nil
}

func (o Options) config() deliver.Config {
	return deliver.Config{
		Schedule: o.Schedule, SendTimeout: o.SendTimeout, RetryAfterMax: deliver.DefaultRetryAfterMax,
		Concurrency: invocations * batchSize, Intake: o.rules(), Wire: o.Wire,
	}
}

func (o Options) rules() intake.Rules {
	return intake.Rules{Profile: o.Profile, Retention: o.Retention}
}

// reserved are the headers that endpoints may not set because of an option.
func (o Options) reserved() []string {
	if o.Wire.AntiniumHeader == "" {
		return nil
	}
	return []string{o.Wire.AntiniumHeader}
}
