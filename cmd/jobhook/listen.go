package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"time"

	"github.com/jobhook/jobhook/shared/signing"
)

const listenUsage = `jobhook listen receives webhooks on this machine, prints each one, verifies it when
it knows the secret, and answers as told.

Usage: jobhook listen [flags]

  --listen ADDRESS    where it listens (default 127.0.0.1:9000); every path is taken
  --scheme NAME       verify by this scheme: %s
  --secret-env VAR    environment variable that holds the secret (repeat for several)
  --secret-file FILE  file that holds the secret
  --secret TEXT       the secret itself: other users of this machine can see it
  --signature-header N  the antinium scheme's header, where it has another name
  --sources FILE      take scheme, secrets, tolerance and id from receive's sources
  --source NAME       configuration, and from this source in it
  --tolerance D       how far the timestamp may lie from now (default 5m)
  --status CODE       answer this (default 200)
  --fail-first N      answer 500, or --status if that is no success, to the first N
                      attempts of each delivery
  --delay D           wait before answering
  --retry-after TEXT  send this Retry-After with an answer that is no success
  --body TEXT         the answer's body

With --scheme or --source, what does not verify is answered 401, and 400 if it is not even
signed. Ctrl-C ends it.

Example: watch jobhook retry
  jobhook listen --scheme standard --secret-env SECRET --fail-first 2
  jobhook local --allow-loopback --schedule 2s,5s
`

// listenFlags are the flags of `jobhook listen`.
type listenFlags struct {
	secretFlags
	sourceFlags

	address, scheme  string
	signatureHeader  string
	tolerance, delay time.Duration
	status, fails    int
	retryAfter, body string
}

func (f *listenFlags) define(flags *flag.FlagSet) {
	f.secretFlags.define(flags)
	f.sourceFlags.define(flags)
	flags.StringVar(&f.signatureHeader, "signature-header", "", "")
	flags.StringVar(&f.address, "listen", "127.0.0.1:9000", "")
	flags.StringVar(&f.scheme, "scheme", "", "")
	flags.DurationVar(&f.tolerance, "tolerance", 0, "")
	flags.IntVar(&f.status, "status", http.StatusOK, "")
	flags.IntVar(&f.fails, "fail-first", 0, "")
	flags.DurationVar(&f.delay, "delay", 0, "")
	flags.StringVar(&f.retryAfter, "retry-after", "", "")
	flags.StringVar(&f.body, "body", "", "")
}

func listenCommand(ctx context.Context, args []string, stdout, stderr io.Writer) int {
	var f listenFlags
	flags := flag.NewFlagSet("listen", flag.ContinueOnError)
	f.define(flags)
	help := fmt.Sprintf(listenUsage, strings.Join(signing.Names(), ", "))
	return runCommand(flags, args, help, stdout, stderr, func() error {
		l, err := f.listener(stdout)
		if err != nil {
			return usageError{err}
		}
		f.warn(stderr)
		return l.serve(ctx, f.address, stderr)
	})
}

func (f *listenFlags) listener(stdout io.Writer) (l *listener, err error) {
	if f.status < 200 || f.status > 599 {
		return nil, fmt.Errorf("--status is %d: it must be from 200 to 599", f.status)
	}
	if f.delay < 0 || f.fails < 0 {
		return nil, errors.New("--delay and --fail-first cannot be negative")
	}
	wait := func(ctx context.Context, d time.Duration) {
		select {
		case <-time.After(d):
		case <-ctx.Done():
		}
	}
	l = &listener{flags: *f, out: stdout, now: time.Now, wait: wait, attempts: map[string]int{}}
	l.verify, err = f.verification()
	return l, err
}

// verification is what to verify by, nil for nothing.
func (f *listenFlags) verification() (*verification, error) {
	given := verifyFlags{secretFlags: f.secretFlags, sourceFlags: f.sourceFlags, scheme: f.scheme, signatureHeader: f.signatureHeader}
	v := &verification{tolerance: f.tolerance}
	switch {
	case f.source != "":
		return v, given.fromSources(v)
	case f.sources != "":
		return nil, errors.New("--sources needs --source NAME: which of them to verify by")
	case f.scheme != "":
		return v, given.fromFlags(v)
	case f.signatureHeader != "":
		return nil, errors.New("--signature-header needs --scheme antinium")
	case len(f.env)+len(f.files)+len(f.plain) > 0:
		return nil, errors.New("a secret without --scheme: say how it signs")
	}
	return nil, nil //nolint:nilnil // nothing to verify by is an answer
}

// shutdownTime bounds the answers that are under way when Ctrl-C comes.
const shutdownTime = time.Second

// serve listens until ctx ends.
func (l *listener) serve(ctx context.Context, address string, stderr io.Writer) error {
	socket, err := new(net.ListenConfig).Listen(ctx, "tcp", address)
	if err != nil {
		return fmt.Errorf("listen: %w (is another program there? choose another address with --listen)", err)
	}
	fmt.Fprintf(stderr, "listening on http://%s/ (Ctrl-C ends it)\n", socket.Addr())
	server := &http.Server{
		Handler: l, ReadHeaderTimeout: 10 * time.Second,
		BaseContext: func(net.Listener) context.Context { return ctx },
	}
	ended := make(chan error, 1)
	go func() { ended <- server.Serve(socket) }()
	select {
	case err := <-ended:
		return fmt.Errorf("serve: %w", err)
	case <-ctx.Done():
	}
	// A signal asks us to end, and ctx is over: what is under way gets a moment.
	last, cancel := context.WithTimeout(context.WithoutCancel(ctx), shutdownTime)
	defer cancel()
	if server.Shutdown(last) != nil {
		_ = server.Close()
	}
	return nil
}
