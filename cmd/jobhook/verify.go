package main

import (
	"errors"
	"flag"
	"fmt"
	"io"
	"net/http"
	"net/netip"
	"os"
	"strconv"
	"strings"
	"time"

	"github.com/jobhook/jobhook/shared/receiving"
	"github.com/jobhook/jobhook/shared/signing"
)

const verifyUsage = `jobhook verify checks a received request's signature part by part, and says which
part is wrong and why. The body is read from standard input, byte for byte.

Usage: jobhook verify --scheme NAME --secret-env VAR -H 'Name: value' … <body

  --scheme NAME       %s
  --secret-env VAR    environment variable that holds the secret (repeat for several)
  --secret-file FILE  file that holds the secret; one line end at its end is dropped
  --secret TEXT       the secret itself: other users of this machine can see it
  -H 'NAME: VALUE'    one header of the request (repeat)
  --headers FILE      all headers: lines of "Name: value", or a JSON object
  --body FILE         the body, instead of standard input
  --signature-header N  the antinium scheme's header, where it has another name
  --tolerance D       how far the timestamp may lie from now (default 5m)
  --now TIME          take this as now: RFC 3339, or Unix seconds
  --sources FILE      check receive's sources configuration; with --source NAME,
  --source NAME       verify by it, and say what receive would answer: its id, require
                      and allow_ips count too
  --ip ADDRESS        the sender's address, for allow_ips

Exit code: 0 verified, 1 not verified (or mistakes in --sources), 2 called wrongly.

Example:
  jobhook verify --scheme github --secret-env GITHUB_SECRET --headers headers.txt <body.bin
`

// verifyFlags are the flags of `jobhook verify`.
type verifyFlags struct {
	secretFlags
	sourceFlags

	scheme, signatureHeader string
	header                  texts
	headers, body           string
	tolerance               time.Duration
	now, ip                 string
}

func (f *verifyFlags) define(flags *flag.FlagSet) {
	f.secretFlags.define(flags)
	flags.StringVar(&f.scheme, "scheme", "", "")
	flags.StringVar(&f.signatureHeader, "signature-header", "", "")
	flags.Var(&f.header, "H", "")
	flags.Var(&f.header, "header", "")
	flags.StringVar(&f.headers, "headers", "", "")
	flags.StringVar(&f.body, "body", "", "")
	flags.DurationVar(&f.tolerance, "tolerance", 0, "")
	flags.StringVar(&f.now, "now", "", "")
	flags.StringVar(&f.ip, "ip", "", "")
	f.sourceFlags.define(flags)
}

// verification is what verify works on.
type verification struct {
	scheme    signing.Scheme
	texts     []string // the secrets as given
	secrets   []signing.Secret
	header    http.Header
	body      []byte
	tolerance time.Duration
	now       time.Time
	source    *receiving.Source // nil: none is named
	ip        netip.Addr        // may be invalid: not given
}

func verifyCommand(args []string, stdin io.Reader, stdout, stderr io.Writer) int {
	var f verifyFlags
	flags := flag.NewFlagSet("verify", flag.ContinueOnError)
	f.define(flags)
	help := fmt.Sprintf(verifyUsage, strings.Join(signing.Names(), ", "))
	return runCommand(flags, args, help, stdout, stderr, func() error {
		if f.sources != "" && f.source == "" {
			return checkSources(f.sources, stdout)
		}
		v, err := f.verification(stdin)
		if err != nil {
			return usageError{err}
		}
		f.warn(stderr)
		if !v.report(stdout) {
			return errReported
		}
		return nil
	})
}

// verification gathers what the flags name.
func (f *verifyFlags) verification(stdin io.Reader) (v verification, err error) {
	v.tolerance = f.tolerance
	if f.source != "" {
		err = f.fromSources(&v)
	} else {
		err = f.fromFlags(&v)
	}
	if err != nil {
		return v, err
	}
	if v.now, err = parseNow(f.now); err != nil {
		return v, err
	}
	if v.header, err = readHeaders(f.header, f.headers); err != nil {
		return v, err
	}
	if f.body == "" {
		v.body, err = io.ReadAll(stdin)
	} else {
		v.body, err = os.ReadFile(f.body)
	}
	if err != nil {
		return v, fmt.Errorf("read the body: %w", err)
	}
	return v, nil
}

// parseNow takes RFC 3339 or Unix seconds; empty is the clock's.
func parseNow(text string) (time.Time, error) {
	if text == "" {
		return time.Now(), nil
	}
	if seconds, err := strconv.ParseInt(text, 10, 64); err == nil {
		return time.Unix(seconds, 0).UTC(), nil
	}
	t, err := time.Parse(time.RFC3339, text)
	if err != nil {
		return t, errors.New("--now must be RFC 3339 (2026-11-20T12:00:00Z) or Unix seconds")
	}
	return t, nil
}
