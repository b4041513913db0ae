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
	if exit, ok := f.parse(flags, args, demoUsage, stdout, stderr); !ok {
		return exit
	}
	if f.options.Dir == "" {
		dir, err := os.MkdirTemp("", "jobhook-demo-")
		if err != nil {
			fmt.Fprintf(stderr, "jobhook demo: %v\n", err)
			return exitFailed
		}
		defer func() { _ = os.RemoveAll(dir) }()
		f.options.Dir = dir
	}
	return playDemo(ctx, f.options, stdout, stderr)
}

func playDemo(ctx context.Context, o local.Options, stdout, stderr io.Writer) int {
	r, err := local.Start(o)
	if err != nil {
		fmt.Fprintf(stderr, "jobhook demo: %v\n", err)
		return exitFailed
	}
	fmt.Fprintf(stdout, "jobhook serves %s, schedule %s. Deliveries, as they happen:\n\n", r.URL, shown(o.Schedule))
	stop, err := demo.Demo{API: r.URL, Key: o.Key, Signing: r.SigningSecret, Out: stdout}.Run(ctx)
	if err != nil {
		return finish(r, fmt.Errorf("demo: %w", err), stderr)
	}
	defer stop()
	fmt.Fprintf(stdout, demoNext, r.URL)
	return finish(r, r.Wait(ctx), stderr)
}

const demoNext = `
  The flaky endpoint is still being retried. Meanwhile, in another terminal:

  see the endpoints      curl %[1]s/v1/accounts/acme/endpoints
  see one event          curl %[1]s/v1/accounts/acme/events/fine_tune.failed%%2Fft_88%%2Ffailed
  send your own          curl -H 'Content-Type: application/json' %[1]s/v1/accounts/acme/events \
                           -d '{"id":"mine-1","status":"success","type":"content_translate","result":{"content":"Hola"}}'
  the AWS CLI, unchanged aws events put-events --endpoint-url %[1]s --entries \
                           '[{"Source":"me","DetailType":"Job Completed","Detail":"{\"id\":\"mine-2\",\"status\":\"success\",\"type\":\"content_translate\",\"account\":\"acme\"}"}]'
  stop                   Ctrl-C

`
