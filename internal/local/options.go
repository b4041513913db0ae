// Package local runs all of jobhook in one process over the embedded store:
// the API, EventBridge's PutEvents, the queues, and the functions' own
// handlers, fed the JSON that Lambda would feed them.
package local

import (
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"time"

	"github.com/jobhook/jobhook/shared/api"
	"github.com/jobhook/jobhook/shared/deliver"
	"github.com/jobhook/jobhook/shared/intake"
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
	return errors.Join(o.checkListen(), api.CheckKey(o.Key), o.checkLimits())
}

func (o Options) checkListen() error {
	at, err := parseAddress(o.Listen)
	if err == nil && !at.loopback() && o.Key == "" {
		err = fmt.Errorf("--listen %s can be reached from other machines: set JOBHOOK_API_KEY to a secret of your choice, or listen on 127.0.0.1", o.Listen)
	}
	return err
}

func (o Options) checkLimits() error {
	var faults []error
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

func (o Options) config() deliver.Config {
	return deliver.Config{
		Schedule: o.Schedule, SendTimeout: o.SendTimeout, RetryAfterMax: deliver.DefaultRetryAfterMax,
		Concurrency: invocations * batchSize, CallbackProfile: o.Profile, EndpointCache: endpointCache, Intake: o.rules(), Wire: o.Wire,
	}
}

func (o Options) rules() intake.Rules {
	return intake.Rules{Retention: o.Retention}
}

// reserved are the headers that endpoints may not set because of an option.
func (o Options) reserved() []string {
	if o.Wire.AntiniumHeader == "" {
		return nil
	}
	return []string{o.Wire.AntiniumHeader}
}
