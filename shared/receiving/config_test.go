package receiving_test

import (
	"errors"
	"net/netip"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/jobhook/jobhook/shared/receiving"
	"github.com/jobhook/jobhook/shared/signing"
)

const whsec = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"

func TestParseSourcesReadsEverySetting(t *testing.T) {
	got, err := receiving.ParseSources([]byte(`{"sources": {
		"stripe": {"scheme": "stripe", "secrets": ["whsec_new", "whsec_old"], "tolerance": "2m",
			"allow_ips": ["192.0.2.7", "198.51.100.0/24", "2001:db8::/32"], "require": ["id", "data.object.id"],
			"dedup_window": "96h", "headers": ["x-custom"]},
		"partner_1": {"scheme": "antinium", "secrets": ["any text"], "signature_header": "X-Partner-Sign", "id": "header:x-event-id"},
		"plain": {"scheme": "standard", "secrets": ["` + whsec + `"]}
	}}`))
	if err != nil {
		t.Fatal(err)
	}
	s := got["stripe"]
	if s.Name != "stripe" || len(s.Secrets) != 2 || s.Secrets[0].Reveal() != "whsec_new" || s.Tolerance != 2*time.Minute ||
		s.Window != 96*time.Hour || !slices.Equal(s.Require, []string{"id", "data.object.id"}) || !slices.Equal(s.Keep, []string{"X-Custom"}) {
		t.Errorf("stripe: %+v", s)
	}
	want := []netip.Prefix{netip.MustParsePrefix("192.0.2.7/32"), netip.MustParsePrefix("198.51.100.0/24"), netip.MustParsePrefix("2001:db8::/32")}
	if !slices.Equal(s.Allow, want) {
		t.Errorf("allow_ips: %v, want %v", s.Allow, want)
	}
	p := got["partner_1"]
	if p.Scheme.Header() != "X-Partner-Sign" || !slices.Equal(p.Identity.Headers, []string{"X-Event-Id"}) || p.Identity.Signed {
		t.Errorf("partner_1: header %s, identity %+v", p.Scheme.Header(), p.Identity)
	}
	if i := got["plain"].Identity; !slices.Equal(i.Headers, []string{"Webhook-Id"}) || !i.Signed {
		t.Errorf("plain: identity %+v, want the scheme's", i)
	}
}

// Who takes every source out wants none to be received from.
func TestParseSourcesTakesNone(t *testing.T) {
	if got, err := receiving.ParseSources([]byte(`{"sources":{}}`)); err != nil || got == nil || len(got) != 0 {
		t.Errorf("got %v, %v; want none, and no error", got, err)
	}
}

func TestParseSourcesNamesEveryMistake(t *testing.T) {
	for _, c := range []struct {
		name, config string
		want         []string // path and a part of the text, in order
	}{
		{"empty", ``, []string{"$: it is not valid JSON"}},
		{"broken", "{\n \"sources\": {]}", []string{"$: it is not valid JSON at line 2, column "}},
		{"a list", `[]`, []string{`$: the configuration must be an object`}},
		{"nothing in it", `{}`, []string{`$: "sources" is missing`}},
		{"sources a list", `{"sources":[]}`, []string{"sources: it must be an object"}},
		{"sources twice", `{"sources":{"a":{"scheme":"github","secrets":["s"]}},"sources":{}}`, []string{"sources: it is there twice"}},
		{"another setting", `{"source":{}}`, []string{`$: "source" is no setting`}},
		{"a bad name", `{"sources":{"Stripe!":{"scheme":"stripe","secrets":["s"]}}}`, []string{"sources[0]: a source's name is part of its URL"}},
		{"a name twice", `{"sources":{"a":{"scheme":"github","secrets":["s"]},"a":{"scheme":"github","secrets":["s"]}}}`, []string{"sources.a: it is there twice"}},
		{"a source that is text", `{"sources":{"a":"s"}}`, []string{"sources.a: it must be an object"}},
		{"nothing set", `{"sources":{"a":{}}}`, []string{"sources.a: scheme is missing: one of standard, sharpapi"}},
		{"an unknown scheme", `{"sources":{"a":{"scheme":"strype","secrets":["s"]}}}`, []string{"sources.a.scheme: unknown scheme: one of standard"}},
		{"no secrets", `{"sources":{"a":{"scheme":"github"}}}`, []string{"sources.a: secrets is missing"}},
		{"no secret in the list", `{"sources":{"a":{"scheme":"github","secrets":[]}}}`, []string{"sources.a.secrets: it must be a list of secrets, with at least one"}},
		{"a secret alone", `{"sources":{"a":{"scheme":"github","secrets":"hush"}}}`, []string{"sources.a.secrets: it must be a list"}},
		{"a null", `{"sources":{"a":{"scheme":"github","secrets":[null]}}}`, []string{"sources.a.secrets: it must be a list"}},
		{"an empty secret", `{"sources":{"a":{"scheme":"github","secrets":["ok",""]}}}`, []string{"sources.a.secrets[1]: the secret is empty"}},
		{"the same twice", `{"sources":{"a":{"scheme":"github","secrets":["hush","hush"]}}}`, []string{"sources.a.secrets[1]: it is the same as an earlier one"}},
		{"too many", `{"sources":{"a":{"scheme":"github","secrets":["1","2","3","4","5","6","7","8","9"]}}}`, []string{"sources.a.secrets: it has 9: at most 8"}},
		{"a short key", `{"sources":{"a":{"scheme":"standard","secrets":["whsec_aHVzaA=="]}}}`, []string{"sources.a.secrets[0]: a whsec_ secret must decode to 24 to 64 bytes"}},
		{"not Svix's form", `{"sources":{"a":{"scheme":"svix","secrets":["hush"]}}}`, []string{"sources.a.secrets[0]: a Svix secret begins with whsec_"}},
		{"a misspelt setting", `{"sources":{"a":{"scheme":"github","secrets":["s"],"secret":"x"}}}`, []string{`sources.a: "secret" is no setting: there are scheme, secrets, tolerance`}},
		{"a setting twice", `{"sources":{"a":{"scheme":"github","scheme":"github","secrets":["s"]}}}`, []string{"sources.a.scheme: it is there twice"}},
		{"no duration", `{"sources":{"a":{"scheme":"stripe","secrets":["s"],"tolerance":"5"}}}`, []string{"sources.a.tolerance: it must be a duration from 1s to 24h0m0s"}},
		{"a number", `{"sources":{"a":{"scheme":"stripe","secrets":["s"],"tolerance":300}}}`, []string{"sources.a.tolerance: it must be text in quotes"}},
		{"too tolerant", `{"sources":{"a":{"scheme":"stripe","secrets":["s"],"tolerance":"48h"}}}`, []string{"sources.a.tolerance: it must be a duration from"}},
		{"nothing to tolerate", `{"sources":{"a":{"scheme":"github","secrets":["s"],"tolerance":"5m"}}}`, []string{"sources.a.tolerance: scheme github has no timestamp"}},
		{"no window", `{"sources":{"a":{"scheme":"github","secrets":["s"],"dedup_window":"1s"}}}`, []string{"sources.a.dedup_window: it must be a duration from 1m0s"}},
		{"no address", `{"sources":{"a":{"scheme":"github","secrets":["s"],"allow_ips":["10.0.0.0/8","example.com"]}}}`, []string{"sources.a.allow_ips[1]: it must be an address or a range"}},
		{"bits after the prefix", `{"sources":{"a":{"scheme":"github","secrets":["s"],"allow_ips":["192.0.2.7/24"]}}}`, []string{"sources.a.allow_ips[0]: the range has bits set after its prefix: 192.0.2.0/24"}},
		{"no path", `{"sources":{"a":{"scheme":"github","secrets":["s"],"require":["a..b"]}}}`, []string{"sources.a.require[0]: it must be a field's path"}},
		{"no identity", `{"sources":{"a":{"scheme":"github","secrets":["s"],"id":"X-Id"}}}`, []string{`sources.a.id: it must be "header:X-Name"`}},
		{"the signature as id", `{"sources":{"a":{"scheme":"github","secrets":["s"],"id":"header:x-hub-signature-256"}}}`, []string{"sources.a.id: X-Hub-Signature-256 carries a credential or a signature"}},
		{"a signature kept", `{"sources":{"a":{"scheme":"github","secrets":["s"],"headers":["Authorization"]}}}`, []string{"sources.a.headers[0]: it carries a credential"}},
		{"a fixed header", `{"sources":{"a":{"scheme":"github","secrets":["s"],"signature_header":"X-Other"}}}`, []string{"sources.a.signature_header: the signature header of scheme \"github\" is fixed"}},
		{
			"all at once", `{"sources":{"a":{"scheme":"github","secrets":[""],"require":[""]},"B":{},"c":{"scheme":"x"}}}`,
			[]string{"sources.a.secrets[0]:", "sources.a.require[0]:", "sources[1]:", "sources.c.scheme:"},
		},
	} {
		t.Run(c.name, func(t *testing.T) {
			_, err := receiving.ParseSources([]byte(c.config))
			var mistakes *receiving.ConfigError
			if !errors.As(err, &mistakes) {
				t.Fatalf("got %v, want a ConfigError", err)
			}
			if len(mistakes.Problems) != len(c.want) {
				t.Fatalf("got %d problems, want %d: %v", len(mistakes.Problems), len(c.want), err)
			}
			for i, want := range c.want {
				if got := mistakes.Problems[i].String(); !strings.HasPrefix(got, want) {
					t.Errorf("problem %d is %q, want %q", i, got, want)
				}
			}
		})
	}
}

// Wherever a hand may put a secret by mistake, no error repeats it.
func TestParseSourcesEchoesNoSecret(t *testing.T) {
	const secret = "whsec_hush"
	for _, config := range []string{
		`{"sources":{"a":{"scheme":"standard","secrets":["` + secret + `"]}}}`,
		`{"sources":{"a":{"scheme":"` + secret + `","secrets":["x"]}}}`,
		`{"sources":{"a":{"scheme":"github","secrets":{"` + secret + `":1}}}}`,
		`{"sources":{"a":{"scheme":"github","` + secret + `":["x"],"secrets":["y"]}}}`,
		`{"sources":{"` + secret + `":{"scheme":"github","secrets":["y"]}}}`,
		`{"` + secret + `":{}}`,
		`{"sources":{"a":{"scheme":"stripe","secrets":["x"],"tolerance":"` + secret + `","dedup_window":"` + secret + `","id":"` + secret + `","allow_ips":["` + secret + `"],"require":"` + secret + `"}}}`,
		`{"sources":{"a":{"scheme":"github","secrets":["` + secret + `"]}}} ` + secret,
		`{"sources":` + secret + `}`,
		`"` + secret + `"`, secret,
	} {
		_, err := receiving.ParseSources([]byte(config))
		if err == nil {
			t.Errorf("no error for %s", config)
		} else if strings.Contains(err.Error(), "hush") || strings.Contains(err.Error(), "whsec_h") {
			t.Errorf("the error repeats the secret: %v", err)
		}
	}
}

func FuzzParseSources(f *testing.F) {
	f.Add([]byte(`{"sources":{"a":{"scheme":"github","secrets":["s"]}}}`))
	f.Add([]byte(`{"sources":{"a":{"scheme":"stripe","secrets":["s"],"tolerance":"5m","allow_ips":["::/0"],"id":"field:x"}}}`))
	f.Fuzz(func(t *testing.T, raw []byte) {
		sources, err := receiving.ParseSources(raw)
		if (err == nil) != (sources != nil) {
			t.Errorf("%d sources and %v", len(sources), err)
		}
		for name, s := range sources {
			if s.Name != name || len(s.Secrets) == 0 || s.Scheme == (signing.Scheme{}) {
				t.Errorf("a source that cannot work: %+v", s)
			}
		}
	})
}
