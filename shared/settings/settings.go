// Package settings reads what an operator may set, from the environment that
// template.yaml gives the functions. All faults are reported together.
package settings

import (
	"errors"
	"fmt"
	"log/slog"
	"net/netip"
	"reflect"
	"time"

	"github.com/caarlos0/env/v11"

	"github.com/jobhook/jobhook/shared/deliver"
	"github.com/jobhook/jobhook/shared/intake"
	"github.com/jobhook/jobhook/shared/schedule"
	"github.com/jobhook/jobhook/shared/webhook"
)

// Delivery is what dispatch and retry have in common.
type Delivery struct {
	EndpointsTable  string `env:"ENDPOINTS_TABLE,required,notEmpty"`
	DeliveriesTable string `env:"DELIVERIES_TABLE,required,notEmpty"`
	RetryQueueURL   string `env:"RETRY_QUEUE_URL,required,notEmpty"`
	SlowQueueURL    string `env:"SLOW_QUEUE_URL,required,notEmpty"`

	SigningSecretID string        `env:"SIGNING_SECRET_ID,required,notEmpty"` // ARN or name
	SealingKeyID    string        `env:"SEALING_KEY_ID,required,notEmpty"`
	SecretCache     time.Duration `env:"SECRET_CACHE" envDefault:"5m"`

	Schedule        schedule.Schedule     `env:"SCHEDULE" envDefault:"1m,5m,15m"`
	SendTimeout     time.Duration         `env:"SEND_TIMEOUT" envDefault:"10s"`
	RetryAfterMax   time.Duration         `env:"RETRY_AFTER_MAX" envDefault:"1h"`
	Concurrency     int                   `env:"CONCURRENCY" envDefault:"32"` // POSTs at once in one invocation
	UserAgent       string                `env:"USER_AGENT"`
	AntiniumHeader  string                `env:"ANTINIUM_SIGNATURE_HEADER"`
	Retention       time.Duration         `env:"RETENTION" envDefault:"720h"`
	EndpointCache   time.Duration         `env:"ENDPOINT_CACHE" envDefault:"10s"`
	MaxResultBytes  int                   `env:"MAX_RESULT_BYTES" envDefault:"262144"`
	OversizeResult  intake.OversizeResult `env:"OVERSIZE_RESULT" envDefault:"omit"`
	CallbackProfile webhook.Profile       `env:"DEFAULT_CALLBACK_PROFILE" envDefault:"standard"`
	LogLevel        slog.Level            `env:"LOG_LEVEL" envDefault:"INFO"`

	// LocalAddresses lets sam local's containers post to receivers on the
	// developer's machine, by http too. Only SAM's emulator may set it.
	LocalAddresses []netip.Prefix `env:"LOCAL_ADDRESSES"`
	SAMLocal       bool           `env:"AWS_SAM_LOCAL"` // set by SAM's emulator, never by Lambda
}

// Dispatch is what the dispatch function reads.
type Dispatch struct {
	Delivery
	CompletionsQueueURL string `env:"COMPLETIONS_QUEUE_URL,required,notEmpty"`
	RejectedQueueURL    string `env:"REJECTED_QUEUE_URL,required,notEmpty"`
}

// Retry is what the retry function reads.
type Retry struct{ Delivery }

// checked is a settings struct that can say what is wrong with it.
type checked interface{ check() error }

// Load reads a settings struct from environment variables, given as a map.
func Load[T any](environment map[string]string) (T, error) {
	var s T
	options := env.Options{Environment: environment, FuncMap: map[reflect.Type]env.ParserFunc{
		reflect.TypeFor[schedule.Schedule]():     func(v string) (any, error) { return schedule.Parse(v) },
		reflect.TypeFor[netip.Prefix]():          func(v string) (any, error) { return netip.ParsePrefix(v) },
		reflect.TypeFor[intake.OversizeResult](): func(v string) (any, error) { return intake.ParseOversizeResult(v) },
		reflect.TypeFor[webhook.Profile]():       func(v string) (any, error) { return webhook.ParseProfile(v) },
	}}
	err := env.ParseWithOptions(&s, options)
	if c, ok := any(s).(checked); ok && err == nil {
		err = c.check()
	}
	if err != nil {
		return s, fmt.Errorf("settings: %w", err)
	}
	return s, nil
}

// Environment makes Load's map out of os.Environ's list.
func Environment(list []string) map[string]string { return env.ToMap(list) }

func (d Delivery) check() error {
	var faults []error
	between := func(name string, v, low, high time.Duration) {
		if v < low || v > high {
			faults = append(faults, fmt.Errorf("%s is %s; it must be from %s to %s", name, v, low, high))
		}
	}
	between("SEND_TIMEOUT", d.SendTimeout, time.Second, 30*time.Second)
	between("RETRY_AFTER_MAX", d.RetryAfterMax, 0, schedule.MaxDelay)
	between("ENDPOINT_CACHE", d.EndpointCache, 0, time.Minute)
	between("SECRET_CACHE", d.SecretCache, 0, time.Hour)
	longest := d.Schedule.Longest(d.RetryAfterMax, d.SendTimeout)
	if d.Retention <= longest {
		faults = append(faults, fmt.Errorf("RETENTION is %s; it must be more than the %s that SCHEDULE can take", d.Retention, longest))
	}
	if d.Concurrency < 1 || d.Concurrency > 1000 {
		faults = append(faults, fmt.Errorf("CONCURRENCY is %d; it must be from 1 to 1000", d.Concurrency))
	}
	if d.MaxResultBytes < 1024 || d.MaxResultBytes > 370_000 {
		faults = append(faults, fmt.Errorf("MAX_RESULT_BYTES is %d; it must be from 1024 to 370000 (a DynamoDB item holds 400 KB)", d.MaxResultBytes))
	}
	faults = append(faults, d.checkLocal())
	if err := d.Config().Wire.Check(); err != nil {
		faults = append(faults, fmt.Errorf("ANTINIUM_SIGNATURE_HEADER: %w", err))
	}
	return errors.Join(faults...)
}

// checkLocal keeps the exceptions from the guard few and at home: single
// addresses of this machine or its private networks, under SAM's emulator.
func (d Delivery) checkLocal() error {
	if len(d.LocalAddresses) > 0 && !d.SAMLocal {
		return errors.New("LOCAL_ADDRESSES is for sam local alone; leave it empty in AWS")
	}
	for _, p := range d.LocalAddresses {
		if !p.IsSingleIP() || !p.Addr().IsPrivate() && !p.Addr().IsLoopback() {
			return fmt.Errorf("LOCAL_ADDRESSES has %s; only single private or loopback addresses are possible, like 172.17.0.1/32", p)
		}
	}
	return nil
}

// Config is what delivering takes of the settings.
func (d Delivery) Config() deliver.Config {
	return deliver.Config{
		Schedule: d.Schedule, SendTimeout: d.SendTimeout, RetryAfterMax: d.RetryAfterMax,
		Concurrency: d.Concurrency, EndpointCache: d.EndpointCache, CallbackProfile: d.CallbackProfile,
		Intake: intake.Rules{MaxResult: d.MaxResultBytes, Oversize: d.OversizeResult, Retention: d.Retention},
		Wire:   deliver.Wire{UserAgent: d.UserAgent, AntiniumHeader: d.AntiniumHeader},
	}
}
