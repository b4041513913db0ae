package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"log/slog"
	"os"
	"runtime/debug"
	"strings"
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

// parse reads the flags; exit is the code to end with when ok is false.
func (f *localFlags) parse(flags *flag.FlagSet, args []string, help string, stdout, stderr io.Writer) (exit int, ok bool) {
	flags.SetOutput(io.Discard)
	flags.Usage = func() {}
	err := flags.Parse(args)
	switch {
	case errors.Is(err, flag.ErrHelp):
		fmt.Fprint(stdout, help)
		return 0, false
	case err == nil && flags.NArg() > 0:
		err = fmt.Errorf("unexpected argument %q", flags.Arg(0))
	}
	if err == nil {
		if f.options.Schedule, err = schedule.Parse(f.schedule); err != nil {
			err = fmt.Errorf("--%w", err) // it begins with "schedule"
		}
	}
	if err == nil {
		if f.options.Profile, err = webhook.ParseProfile(f.profile); err != nil {
			err = fmt.Errorf("--callback-profile: %w", err)
		}
	}
	if err != nil {
		complain(stderr, flags.Name(), err)
		fmt.Fprintf(stderr, "(jobhook %s --help lists the flags)\n", flags.Name())
		return exitUsage, false
	}
	f.options.Key = os.Getenv("JOBHOOK_API_KEY")
	f.options.Log = f.logger(stdout)
	return 0, true
}

func (f *localFlags) logger(w io.Writer) *slog.Logger {
	level := slog.LevelInfo
	if f.quiet {
		level = slog.LevelWarn
	}
	if f.json {
		return slog.New(slog.NewJSONHandler(w, &slog.HandlerOptions{Level: level}))
	}
	return slog.New(local.NewLines(w, level, time.Now))
}

func localCommand(ctx context.Context, args []string, stdout, stderr io.Writer) int {
	var f localFlags
	flags := flag.NewFlagSet("local", flag.ContinueOnError)
	f.define(flags)
	if exit, ok := f.parse(flags, args, localUsage, stdout, stderr); !ok {
		return exit
	}
	r, exit := begin(ctx, "local", f.options, stderr)
	if r == nil {
		return exit
	}
	fmt.Fprintf(stderr, "jobhook serves %s, data in %s, schedule %s (Ctrl-C stops it)\n", r.URL, f.options.Dir, shown(f.options.Schedule))
	return finish(ctx, "local", r, r.Wait(ctx), stderr)
}

// begin starts a runner for a command, or says why not and with which code to
// end.
func begin(ctx context.Context, command string, o local.Options, stderr io.Writer) (r *local.Runner, exit int) {
	if err := o.Check(); err != nil {
		complain(stderr, command, err)
		return nil, exitUsage
	}
	tuneMemory()
	r, err := local.Start(ctx, o)
	if err != nil {
		complain(stderr, command, err)
		return nil, exitFailed
	}
	return r, 0
}

// complain writes a line for each error.
func complain(stderr io.Writer, command string, err error) {
	for line := range strings.SplitSeq(err.Error(), "\n") {
		fmt.Fprintf(stderr, "jobhook %s: %s\n", command, line)
	}
}

// tuneMemory lets the heap grow to four times what lives before it is
// collected, and no further than memoryLimit: the heap is small, and collecting
// it at twice its size took a sixth of the runner's CPU time.
func tuneMemory() {
	if os.Getenv("GOGC") == "" {
		debug.SetGCPercent(400)
	}
	if os.Getenv("GOMEMLIMIT") == "" {
		debug.SetMemoryLimit(memoryLimit)
	}
}

const memoryLimit = 80 << 20

func shown(s schedule.Schedule) string {
	if len(s) == 0 {
		return "without retries"
	}
	return s.String()
}

// finish stops the runner in order.
func finish(ctx context.Context, command string, r *local.Runner, err error, stderr io.Writer) int {
	fmt.Fprintln(stderr, "jobhook stops: waiting for the attempts under way (Ctrl-C again ends it at once)")
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), drainTime)
	defer cancel()
	if err = errors.Join(err, r.Stop(ctx)); err != nil {
		complain(stderr, command, err)
		return exitFailed
	}
	return 0
}
