package main

import (
	"cmp"
	"errors"
	"flag"
	"fmt"
	"io"
	"maps"
	"net/netip"
	"os"
	"slices"
	"strings"

	"github.com/jobhook/jobhook/shared/receiving"
	"github.com/jobhook/jobhook/shared/signing"
)

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

func (f *secretFlags) warn(stderr io.Writer) {
	if len(f.plain) > 0 {
		fmt.Fprintln(stderr, "warning: a secret on the command line is seen by every user of this machine and kept in the shell's history: use --secret-env or --secret-file")
	}
}

// parse reads the secrets for a scheme, in the order env, files, plain.
func (f *secretFlags) parse(scheme signing.Scheme) (given []string, secrets []signing.Secret, err error) {
	for _, name := range f.env {
		value := os.Getenv(name)
		if value == "" {
			return nil, nil, fmt.Errorf("--secret-env: the variable %s is empty or not exported", name)
		}
		given = append(given, value)
	}
	for _, path := range f.files {
		raw, err := os.ReadFile(path)
		if err != nil {
			return nil, nil, fmt.Errorf("--secret-file: %w", err)
		}
		given = append(given, strings.TrimSuffix(strings.TrimSuffix(string(raw), "\n"), "\r"))
	}
	given = append(given, f.plain...)
	if len(given) == 0 {
		return nil, nil, errors.New("no secret: give --secret-env VAR or --secret-file FILE")
	}
	for i, text := range given {
		secret, err := scheme.ParseSecret(text)
		if err != nil {
			return nil, nil, fmt.Errorf("secret %d: %w", i+1, err)
		}
		secrets = append(secrets, secret)
	}
	return given, secrets, nil
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

// sourceFlags name one source of receive's configuration, to verify and to listen.
type sourceFlags struct{ sources, source string }

func (f *sourceFlags) define(flags *flag.FlagSet) {
	flags.StringVar(&f.sources, "sources", "", "")
	flags.StringVar(&f.source, "source", "", "")
}

func (f *verifyFlags) fromSources(v *verification) error {
	if f.scheme != "" || f.signatureHeader != "" || len(f.env)+len(f.files)+len(f.plain) > 0 {
		return errors.New("--source names scheme and secrets: leave --scheme, --signature-header and the secrets out")
	}
	if f.sources == "" {
		return errors.New("--source needs --sources FILE")
	}
	sources, err := readSources(f.sources)
	if err != nil {
		return err
	}
	s, ok := sources[f.source]
	if !ok {
		return fmt.Errorf("--source: the file has no source of that name, only %s", strings.Join(slices.Sorted(maps.Keys(sources)), ", "))
	}
	v.source, v.scheme, v.secrets, v.tolerance = &s, s.Scheme, s.Secrets, cmp.Or(v.tolerance, s.Tolerance)
	for _, secret := range s.Secrets {
		v.texts = append(v.texts, secret.Reveal())
	}
	if f.ip != "" {
		if v.ip, err = netip.ParseAddr(f.ip); err != nil {
			return errors.New("--ip must be an address: 192.0.2.7 or 2001:db8::7")
		}
	}
	return nil
}

func readSources(path string) (receiving.Sources, error) {
	raw, err := os.ReadFile(path)
	if err != nil {
		return nil, fmt.Errorf("--sources: %w", err)
	}
	return receiving.ParseSources(raw)
}

// checkSources prints every mistake in a sources file, or what it sets up.
func checkSources(path string, stdout io.Writer) error {
	sources, err := readSources(path)
	if mistakes, ok := errors.AsType[*receiving.ConfigError](err); ok {
		for _, p := range mistakes.Problems {
			fmt.Fprintf(stdout, "FAIL  %s\n", p)
		}
		return errReported
	}
	if err != nil {
		return usageError{err}
	}
	if len(sources) == 0 {
		fmt.Fprintln(stdout, "ok    no sources: receive answers 404 to everything")
	}
	for _, name := range slices.Sorted(maps.Keys(sources)) {
		s := sources[name]
		fmt.Fprintf(stdout, "ok    /%s  scheme %s (%s), %d secret(s)\n", name, s.Scheme.Name(), s.Scheme.Header(), len(s.Secrets))
	}
	return nil
}
