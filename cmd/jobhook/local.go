package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"log/slog"
	"os"
	"time"

	"github.com/jobhook/jobhook/internal/local"
	"github.com/jobhook/jobhook/shared/deliver"
	"github.com/jobhook/jobhook/shared/schedule"
	"github.com/jobhook/jobhook/shared/webhook"
)

const localUsage = `jobhook local runs all of jobhook on this machine: the API, the queues and the
functions in one process, the data in one file.

Usage: jobhook local [flags]

  --listen ADDRESS      where the API is served (default 127.0.0.1:8787)
  --data DIR            keeps the database and the secrets (default .jobhook)
  --schedule LIST       delays after failed attempts (default 1m,5m,15m; "" for no retries)
  --allow-loopback      let endpoints be on this machine, by http too (for trying things out)
  --send-timeout D      an attempt's total time (default 10s)
  --retention D         how long events and their deliveries are kept (default 720h)
  --callback-profile P  of job-level URLs that name none: standard, sharpapi, unitary
                        or antinium (default standard)
  --user-agent TEXT     the User-Agent of every POST
  --antinium-header N   the antinium profile's signature header (default X-Antinium-Signature)
  --json                log JSON lines, as the functions do, not lines for people
  --quiet               only warnings and errors

JOBHOOK_API_KEY, when set, is the key that every request must bring
("Authorization: Bearer KEY"). On an address that other machines can reach it
must be set.

It serves the API under /v1 (docs/api.md), EventBridge's PutEvents for the AWS
CLI (--endpoint-url), and /receive/{source} for the sources in DIR/sources.json
(docs/receiving.md).
`

// drainTime bounds the stop after a signal: an attempt's timeout and its record.
const drainTime = 35 * time.Second

// localFlags are the flags of `jobhook local`.
type localFlags struct {
	options     local.Options
	schedule    string
	profile     string
	json, quiet bool
}

func (f *localFlags) define(flags *flag.FlagSet) {
	o := &f.options
	flags.StringVar(&o.Listen, "listen", local.DefaultListen, "")
	flags.StringVar(&o.Dir, "data", local.DefaultDir, "")
	flags.StringVar(&f.schedule, "schedule", schedule.Default, "")
	flags.BoolVar(&o.AllowLoopback, "allow-loopback", false, "")
	durationVar(flags, &o.SendTimeout, "send-timeout", 10*time.Second)
	durationVar(flags, &o.Retention, "retention", deliver.DefaultRetention)
	flags.StringVar(&f.profile, "callback-profile", string(webhook.Standard), "")
	flags.StringVar(&o.Wire.UserAgent, "user-agent", "", "")
	flags.StringVar(&o.Wire.AntiniumHeader, "antinium-header", "", "")
	flags.BoolVar(&f.json, "json", false, "")
	flags.BoolVar(&f.quiet, "quiet", false, "")
}

// durationVar is flag's own with a message that helps.
func durationVar(flags *flag.FlagSet, into *time.Duration, name string, value time.Duration) {
	*into = value
	flags.Func(name, "", func(text string) (err error) {
		if *into, err = time.ParseDuration(text); err != nil {
			return errors.New(`write a duration like "10s" (units ms, s, m, h)`)
		}
		return nil
	})
}

// parse checks the flags that flag itself does not, and completes the options.
func (f *localFlags) parse(stdout io.Writer) (err error) {
	o := &f.options
	if o.Schedule, err = schedule.Parse(f.schedule); err != nil {
		return usageError{fmt.Errorf("--%w", err)} // it begins with "schedule"
	}
	if o.Profile, err = webhook.ParseProfile(f.profile); err != nil {
		return usageError{fmt.Errorf("--callback-profile: %w", err)}
	}
	level := slog.LevelInfo
	if f.quiet {
		level = slog.LevelWarn
	}
	o.Key, o.Log = os.Getenv("JOBHOOK_API_KEY"), slog.New(local.NewLines(stdout, level, time.Now))
	if f.json {
		o.Log = slog.New(slog.NewJSONHandler(stdout, &slog.HandlerOptions{Level: level}))
	}
	return nil
}

func localCommand(ctx context.Context, args []string, stdout, stderr io.Writer) int {
	var f localFlags
	flags := flag.NewFlagSet("local", flag.ContinueOnError)
	f.define(flags)
	return runCommand(flags, args, localUsage, stdout, stderr, func() error {
		if err := f.parse(stdout); err != nil {
			return err
		}
		r, err := begin(ctx, f.options)
		if err != nil {
			return err
		}
		fmt.Fprintf(stderr, "jobhook serves %s, data in %s, schedule %s (Ctrl-C stops it)\n", r.URL, f.options.Dir, shown(f.options.Schedule))
		return finish(ctx, r, r.Wait(ctx), stderr)
	})
}

// begin starts a runner for a command.
func begin(ctx context.Context, o local.Options) (*local.Runner, error) {
	if err := o.Check(); err != nil {
		return nil, usageError{err}
	}
	return local.Start(ctx, o)
}

func shown(s schedule.Schedule) string {
	if len(s) == 0 {
		return "without retries"
	}
	return s.String()
}

// finish stops the runner in order; err is why it ends.
func finish(ctx context.Context, r *local.Runner, err error, stderr io.Writer) error {
	fmt.Fprintln(stderr, "jobhook stops: waiting for the attempts under way (Ctrl-C again ends it at once)")
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), drainTime)
	defer cancel()
	return errors.Join(err, r.Stop(ctx))
}
