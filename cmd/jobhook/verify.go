package main

import (
	"errors"
	"flag"
	"fmt"
	"io"
	"net/http"
	"net/netip"
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

// texts is a flag that may be given several times.
type texts []string

func (t *texts) String() string     { return strings.Join(*t, ", ") }
func (t *texts) Set(s string) error { *t = append(*t, s); return nil }

// secretFlags are how secrets are given, to verify and to listen.
type secretFlags struct{ env, files, plain texts }

func (f *secretFlags) define(flags *flag.FlagSet) {
	flags.Var(&f.env, "secret-env", "")
	flags.Var(&f.files, "secret-file", "")
	flags.Var(&f.plain, "secret", "")
}

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
	flags.SetOutput(io.Discard)
	err := flags.Parse(args)
	if errors.Is(err, flag.ErrHelp) {
		fmt.Fprintf(stdout, verifyUsage, strings.Join(signing.Names(), ", "))
		return 0
	}
	if err == nil && flags.NArg() > 0 {
		err = fmt.Errorf("unexpected argument %q", flags.Arg(0))
	}
	if err == nil && f.sources != "" && f.source == "" {
		return checkSources(f.sources, stdout, stderr)
	}
	var v verification
	if err == nil {
		v, err = f.verification(stdin)
	}
	if err != nil {
		fmt.Fprintf(stderr, "jobhook verify: %v\n(jobhook verify --help lists the flags)\n", err)
		return exitUsage
	}
	f.warn(stderr)
	if !v.report(stdout) {
		return exitFailed
	}
	return 0
}

func (f *secretFlags) warn(stderr io.Writer) {
	if len(f.plain) > 0 {
		fmt.Fprintln(stderr, "warning: a secret on the command line is seen by every user of this machine and kept in the shell's history: use --secret-env or --secret-file")
	}
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
	v.body, err = readBody(f.body, stdin)
	return v, err
}

func (f *verifyFlags) fromFlags(v *verification) (err error) {
	if f.scheme == "" {
		return fmt.Errorf("--scheme is missing: one of %s", strings.Join(signing.Names(), ", "))
	}
	if v.scheme, err = signing.Lookup(f.scheme); err != nil {
		return fmt.Errorf("--scheme: %w", err)
	}
	if f.signatureHeader != "" {
		if v.scheme, err = v.scheme.WithHeader(f.signatureHeader); err != nil {
			return fmt.Errorf("--signature-header: %w", err)
		}
	}
	v.texts, v.secrets, err = f.secretFlags.parse(v.scheme)
	return err
}
