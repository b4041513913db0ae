package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"log/slog"
	"maps"
	"net"
	"net/http"
	"os"
	"time"

	"github.com/jobhook/jobhook/internal/cloudapi"
	"github.com/jobhook/jobhook/shared/api"
	"github.com/jobhook/jobhook/shared/settings"
)

const apiUsage = `jobhook api serves the API of a deployed stack on this machine, for those who
manage it: endpoints, events with their deliveries, delivery logs. It works on
the stack's own tables with your AWS credentials, and stops with Ctrl-C.

Usage: jobhook api [--stack NAME] [--listen 127.0.0.1:8788]

  --stack NAME  the CloudFormation stack; its outputs name its parts

Without --stack the environment names them: ENDPOINTS_TABLE, DELIVERIES_TABLE,
COMPLETIONS_QUEUE_URL, SIGNING_SECRET_ID and SEALING_KEY_ID. JOBHOOK_API_KEY, when set, is the key that requests must bring.
It listens on this machine alone.
`

func apiCommand(ctx context.Context, args []string, stdout, stderr io.Writer) int {
	flags := flag.NewFlagSet("api", flag.ContinueOnError)
	flags.SetOutput(io.Discard)
	address := flags.String("listen", "127.0.0.1:8788", "")
	stack := flags.String("stack", "", "")
	err := flags.Parse(args)
	if errors.Is(err, flag.ErrHelp) {
		fmt.Fprint(stdout, apiUsage)
		return 0
	}
	if err == nil && flags.NArg() > 0 {
		err = fmt.Errorf("unexpected argument %q", flags.Arg(0))
	}
	environment := settings.Environment(os.Environ())
	if err == nil && *stack != "" {
		if err := ofStack(ctx, *stack, environment); err != nil {
			complain(stderr, "api", err)
			return exitFailed
		}
	}
	var s cloudapi.Settings
	if err == nil {
		s, err = settings.Load[cloudapi.Settings](environment)
	}
	if err != nil {
		fmt.Fprintf(stderr, "jobhook api: %v\n(jobhook api --help says what it needs)\n", err)
		return exitUsage
	}
	if err := serveAPI(ctx, s, *address, stderr); err != nil {
		complain(stderr, "api", err)
		return exitFailed
	}
	return 0
}

// ofStack adds a stack's parts to the environment.
func ofStack(ctx context.Context, stack string, environment map[string]string) error {
	parts, err := cloudapi.StackEnvironment(ctx, stack)
	maps.Copy(environment, parts)
	return err
}

func serveAPI(ctx context.Context, s cloudapi.Settings, address string, stderr io.Writer) error {
	host, _, err := net.SplitHostPort(address)
	if ip := net.ParseIP(host); err != nil || host != "localhost" && (ip == nil || !ip.IsLoopback()) {
		return fmt.Errorf("--listen %q: it serves this machine alone; write it like 127.0.0.1:8788", address)
	}
	handler, err := cloudapi.Open(ctx, s, os.Getenv("JOBHOOK_API_KEY"), slog.New(slog.NewTextHandler(stderr, nil)))
	if err != nil {
		return err
	}
	listener, err := (&net.ListenConfig{}).Listen(ctx, "tcp", address)
	if err != nil {
		return fmt.Errorf("listen: %w (choose another address with --listen)", err)
	}
	server := &http.Server{Handler: api.LoopbackOnly(handler), ReadHeaderTimeout: 10 * time.Second}
	stop := context.AfterFunc(ctx, func() { _ = server.Close() })
	defer stop()
	fmt.Fprintf(stderr, "jobhook serves the stack's API on http://%s (Ctrl-C stops it)\n", listener.Addr())
	if err := server.Serve(listener); !errors.Is(err, http.ErrServerClosed) {
		return fmt.Errorf("serve: %w", err)
	}
	return nil
}
