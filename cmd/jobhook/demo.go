package main

import (
	"context"
	"flag"
	"fmt"
	"io"
	"os"

	"github.com/jobhook/jobhook/internal/demo"
	"github.com/jobhook/jobhook/internal/local"
)

const demoUsage = `jobhook demo starts jobhook local with a receiver of its own, registers an
endpoint for each profile and publishes sample completions. One endpoint fails
twice and recovers. It stays up until Ctrl-C, for you to try your own.

Usage: jobhook demo [flags]

It takes the flags of jobhook local, with other defaults: --schedule 2s,4s,8s,
--allow-loopback, and --data in a new directory that is removed at the end.
`

func demoCommand(ctx context.Context, args []string, stdout, stderr io.Writer) int {
	var f localFlags
	flags := flag.NewFlagSet("demo", flag.ContinueOnError)
	f.define(flags)
	for name, value := range map[string]string{"schedule": "2s,4s,8s", "allow-loopback": "true", "data": ""} {
		if err := flags.Set(name, value); err != nil {
			panic(err) // a default of ours that its own flag refuses
		}
	}
	return runCommand(flags, args, demoUsage, stdout, stderr, func() error {
		if err := f.parse(stdout); err != nil {
			return err
		}
		if f.options.Dir == "" {
			dir, err := os.MkdirTemp("", "jobhook-demo-")
			if err != nil {
				return fmt.Errorf("make a data directory: %w", err)
			}
			defer func() { _ = os.RemoveAll(dir) }()
			f.options.Dir = dir
		} else if found, _ := os.ReadDir(f.options.Dir); len(found) > 0 {
			// The samples' ids are always the same: they would be duplicates there.
			return usageError{fmt.Errorf("--data %s is not empty: name a new directory, or leave --data out", f.options.Dir)}
		}
		return playDemo(ctx, f.options, stdout, stderr)
	})
}

func playDemo(ctx context.Context, o local.Options, stdout, stderr io.Writer) error {
	r, err := begin(ctx, o)
	if err != nil {
		return err
	}
	fmt.Fprintf(stdout, "jobhook serves %s, schedule %s. Deliveries, as they happen:\n\n", r.URL, shown(o.Schedule))
	secret, err := r.JobSecret(ctx, demo.Account)
	if err != nil {
		return finish(ctx, r, err, stderr)
	}
	stop, err := demo.Demo{API: r.URL, Key: o.Key, JobSecret: secret, Out: stdout}.Run(ctx)
	if err != nil {
		if ctx.Err() != nil { // Ctrl-C while it began
			err = nil
		}
		return finish(ctx, r, err, stderr)
	}
	defer stop()
	fmt.Fprintf(stdout, demoNext, r.URL)
	if o.Key != "" {
		fmt.Fprint(stdout, demoKey)
	}
	return finish(ctx, r, r.Wait(ctx), stderr)
}

const demoNext = `
  The flaky endpoint is still being retried. Meanwhile, in another terminal:

  see the endpoints      curl %[1]s/v1/accounts/acme/endpoints
  see one event          curl %[1]s/v1/accounts/acme/events/fine_tune.failed%%2Fft_88%%2Ffailed
  send your own          curl -H 'Content-Type: application/json' %[1]s/v1/accounts/acme/events \
                           -d '{"id":"mine-1","status":"success","type":"content_translate","result":{"content":"Hola"}}'
  the AWS CLI, unchanged aws events put-events --endpoint-url %[1]s --entries \
                           '[{"Source":"me","DetailType":"Job Completed","Detail":"{\"id\":\"mine-2\",\"status\":\"success\",\"type\":\"content_translate\",\"account\":\"acme\"}"}]'
                         (any region and credentials will do)
  stop                   Ctrl-C

`

const demoKey = `  JOBHOOK_API_KEY is set: give curl -H "Authorization: Bearer $JOBHOOK_API_KEY" too,
  and the AWS CLI AWS_ACCESS_KEY_ID="$JOBHOOK_API_KEY".

`
