package main

import (
	"cmp"
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
	address := flags.String("listen", "127.0.0.1:8788", "")
	stack := flags.String("stack", "", "")
	return runCommand(flags, args, apiUsage, stdout, stderr, func() error {
		s, err := settingsOf[cloudapi.Settings](ctx, *stack)
		if err != nil {
			return err
		}
		return serveAPI(ctx, s, *address, stderr)
	})
}

// settingsOf reads the parts of the stack of that name, or, when it is empty, of
// the one whose parts the environment names.
func settingsOf[T any](ctx context.Context, stack string) (s T, err error) {
	environment := settings.Environment(os.Environ())
	if stack != "" {
		parts, err := cloudapi.StackEnvironment(ctx, stack)
		if err != nil {
			return s, err
		}
		maps.Copy(environment, parts)
	}
	if s, err = settings.Load[T](environment); err != nil {
		return s, usageError{fmt.Errorf("stack %s: %w", cmp.Or(stack, "not named (--stack NAME)"), err)}
	}
	return s, nil
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
