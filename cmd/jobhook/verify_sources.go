package main

import (
	"errors"
	"flag"
	"fmt"
	"io"
	"net/http"
	"net/netip"
	"os"
	"slices"
	"strings"

	"github.com/jobhook/jobhook/shared/receiving"
)

// sourceFlags name one source of receive's configuration, to verify and to listen.
type sourceFlags struct{ sources, source string }

func (f *sourceFlags) define(flags *flag.FlagSet) {
	flags.StringVar(&f.sources, "sources", "", "")
	flags.StringVar(&f.source, "source", "", "")
}

// read returns that source.
func (f sourceFlags) read() (receiving.Source, error) {
	if f.sources == "" {
		return receiving.Source{}, errors.New("--source needs --sources FILE")
	}
	raw, err := os.ReadFile(f.sources)
	if err != nil {
		return receiving.Source{}, fmt.Errorf("--sources: %w", err)
	}
	sources, err := receiving.ParseSources(raw)
	if err != nil {
		return receiving.Source{}, err
	}
	s, ok := sources[f.source]
	if !ok {
		return s, fmt.Errorf("--source: the file has no source of that name, only %s", strings.Join(sortedNames(sources), ", "))
	}
	return s, nil
}

// take takes all that a source says of a signature.
func (v *verification) take(s receiving.Source) {
	v.source, v.scheme, v.secrets = &s, s.Scheme, s.Secrets
	for _, secret := range s.Secrets {
		v.texts = append(v.texts, secret.Reveal())
	}
	if v.tolerance == 0 {
		v.tolerance = s.Tolerance
	}
}

func (f *verifyFlags) fromSources(v *verification) error {
	if f.scheme != "" || f.signatureHeader != "" || len(f.env)+len(f.files)+len(f.plain) > 0 {
		return errors.New("--source names scheme and secrets: leave --scheme, --signature-header and the secrets out")
	}
	s, err := f.read()
	if err != nil {
		return err
	}
	v.take(s)
	if f.ip == "" {
		return nil
	}
	if v.ip, err = netip.ParseAddr(f.ip); err != nil {
		return errors.New("--ip must be an address: 192.0.2.7 or 2001:db8::7")
	}
	return nil
}

// reportReceive says what receive would answer to the request, as a first one,
// and whether that is a 200.
func (v verification) reportReceive(w io.Writer) bool {
	if v.source == nil {
		return true
	}
	s := *v.source
	s.Tolerance = v.tolerance
	if len(s.Allow) > 0 && !v.ip.IsValid() {
		marked(w, "--", "address", "allow_ips is set: pass --ip with the sender's address to have it checked")
		s.Allow = nil
	}
	a, err := receiving.Judge(s, receiving.Request{
		Source: s.Name, Method: http.MethodPost, Header: v.header, Body: v.body, IP: v.ip,
	}, 0, v.now)
	var refusal *receiving.Refusal
	switch {
	case errors.As(err, &refusal):
		line(w, false, "receive", fmt.Sprintf("/%s would answer %d (%s): %s", s.Name, refusal.Status, refusal.Reason, refusal.Detail))
	case err != nil:
		line(w, false, "receive", fmt.Sprintf("/%s would answer 503: %v", s.Name, err))
	default:
		line(w, true, "receive", fmt.Sprintf("/%s would answer 200, and know it for %s as %s", s.Name, a.Window, a.ReceiptID))
		if a.Doubt != "" {
			marked(w, "--", "id", a.Doubt)
		}
	}
	return err == nil
}

// checkSources prints every mistake in a sources file, or what it sets up.
func checkSources(path string, stdout, stderr io.Writer) int {
	raw, err := os.ReadFile(path)
	if err != nil {
		fmt.Fprintf(stderr, "jobhook verify: --sources: %v\n", err)
		return exitUsage
	}
	sources, err := receiving.ParseSources(raw)
	var mistakes *receiving.ConfigError
	if errors.As(err, &mistakes) {
		for _, p := range mistakes.Problems {
			fmt.Fprintf(stdout, "FAIL  %s\n", p)
		}
		return exitFailed
	}
	if len(sources) == 0 {
		fmt.Fprintln(stdout, "ok    no sources: receive answers 404 to everything")
	}
	for _, name := range sortedNames(sources) {
		s := sources[name]
		fmt.Fprintf(stdout, "ok    /%s  scheme %s (%s), %d secret(s)\n", name, s.Scheme.Name(), s.Scheme.Header(), len(s.Secrets))
	}
	return 0
}

func sortedNames(sources receiving.Sources) []string {
	names := make([]string, 0, len(sources))
	for name := range sources {
		names = append(names, name)
	}
	slices.Sort(names)
	return names
}
