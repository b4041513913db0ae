package receiving_test

import (
	"errors"
	"net/netip"
	"os"
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
		"stripe": {"scheme": "stripe", "secrets": ["whsec_the_new_one", "whsec_the_old_one"], "tolerance": "2m",
			"allow_ips": ["192.0.2.7", "198.51.100.0/24", "2001:db8::/32"], "require": ["id", "data.object.id"],
			"dedup_window": "96h", "headers": ["x-custom"]},
		"partner_1": {"scheme": "antinium", "secrets": ["sixteen bytes ok"], "signature_header": "X-Partner-Sign", "id": "header:x-event-id"},
		"plain": {"scheme": "standard", "secrets": ["` + whsec + `"]}
	}}`))
	if err != nil {
		t.Fatal(err)
	}
	s := got["stripe"]
	if s.Name != "stripe" || len(s.Secrets) != 2 || s.Secrets[0].Reveal() != "whsec_the_new_one" || s.Tolerance != 2*time.Minute ||
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
		{"broken", "{\n \"sources\": {]}", []string{"$: it is not valid JSON at line 2, column 14"}},
		{"not UTF-8", "{\n\"sources\":\n{\"\xff\":{}}}", []string{"$: it is not valid UTF-8 at line 3, column 3"}},
		{"a list", `[]`, []string{`$: the configuration must be an object`}},
		{"nothing in it", `{}`, []string{`$: "sources" is missing`}},
		{"sources a list", `{"sources":[]}`, []string{"sources: it must be an object"}},
		{"sources twice", `{"sources":{"a":{"scheme":"github","secrets":["hush-hush-hush-hush"]}},"sources":{}}`, []string{"sources: it is there twice"}},
		{"another setting", `{"source":{}}`, []string{`$: "source" is no setting`}},
		{"a bad name", `{"sources":{"Stripe!":{"scheme":"stripe","secrets":["hush-hush-hush-hush"]}}}`, []string{`sources[0]: "Stripe!" cannot be its name: a source's name is part of its URL`}},
		{"a name twice", `{"sources":{"a":{"scheme":"github","secrets":["hush-hush-hush-hush"]},"a":{"scheme":"github","secrets":["hush-hush-hush-hush"]}}}`, []string{"sources.a: it is there twice"}},
		{"a source that is text", `{"sources":{"a":"s"}}`, []string{"sources.a: it must be an object"}},
		{"nothing set", `{"sources":{"a":{}}}`, []string{"sources.a: scheme is missing: one of standard, sharpapi"}},
		{"an unknown scheme", `{"sources":{"a":{"scheme":"strype","secrets":["hush-hush-hush-hush"]}}}`, []string{"sources.a.scheme: unknown scheme: one of standard"}},
		{"no secrets", `{"sources":{"a":{"scheme":"github"}}}`, []string{"sources.a: secrets is missing"}},
		{"no secret in the list", `{"sources":{"a":{"scheme":"github","secrets":[]}}}`, []string{"sources.a.secrets: it must be a list of secrets, with at least one"}},
		{"a secret alone", `{"sources":{"a":{"scheme":"github","secrets":"hush-hush-hush-hush"}}}`, []string{"sources.a.secrets: it must be a list"}},
		{"a null", `{"sources":{"a":{"scheme":"github","secrets":[null]}}}`, []string{"sources.a.secrets: it must be a list"}},
		{"an empty secret", `{"sources":{"a":{"scheme":"github","secrets":["hush-hush-hush-hush",""]}}}`, []string{"sources.a.secrets[1]: the secret is empty"}},
		{"the same twice", `{"sources":{"a":{"scheme":"github","secrets":["hush-hush-hush-hush","hush-hush-hush-hush"]}}}`, []string{"sources.a.secrets[1]: it is the same as an earlier one"}},
		{"too many", `{"sources":{"a":{"scheme":"github","secrets":["the-secret-no-001","the-secret-no-002","the-secret-no-003","the-secret-no-004","the-secret-no-005","the-secret-no-006","the-secret-no-007","the-secret-no-008","the-secret-no-009"]}}}`, []string{"sources.a.secrets: it has 9: at most 8"}},
		{"a short key", `{"sources":{"a":{"scheme":"standard","secrets":["whsec_aHVzaA=="]}}}`, []string{"sources.a.secrets[0]: a whsec_ secret must decode to 24 to 64 bytes"}},
		{"not Svix's form", `{"sources":{"a":{"scheme":"svix","secrets":["hush-hush-hush-hush"]}}}`, []string{"sources.a.secrets[0]: a Svix secret begins with whsec_"}},
		{"a misspelt setting", `{"sources":{"a":{"scheme":"github","secrets":["hush-hush-hush-hush"],"secret":"x"}}}`, []string{`sources.a: "secret" is no setting: there are scheme, secrets, tolerance`}},
		{"a setting twice", `{"sources":{"a":{"scheme":"github","scheme":"github","secrets":["hush-hush-hush-hush"]}}}`, []string{"sources.a.scheme: it is there twice"}},
		{"no duration", `{"sources":{"a":{"scheme":"stripe","secrets":["hush-hush-hush-hush"],"tolerance":"5"}}}`, []string{"sources.a.tolerance: it must be a duration from 1s to 24h0m0s"}},
		{"a number", `{"sources":{"a":{"scheme":"stripe","secrets":["hush-hush-hush-hush"],"tolerance":300}}}`, []string{"sources.a.tolerance: it must be text in quotes"}},
		{"too tolerant", `{"sources":{"a":{"scheme":"stripe","secrets":["hush-hush-hush-hush"],"tolerance":"48h"}}}`, []string{"sources.a.tolerance: it must be a duration from"}},
		{"nothing to tolerate", `{"sources":{"a":{"scheme":"github","secrets":["hush-hush-hush-hush"],"tolerance":"5m"}}}`, []string{"sources.a.tolerance: scheme github has no timestamp"}},
		{"no window", `{"sources":{"a":{"scheme":"github","secrets":["hush-hush-hush-hush"],"dedup_window":"23h"}}}`, []string{"sources.a.dedup_window: it must be a duration from 24h0m0s"}},
		{"a window shorter than what is fresh", `{"sources":{"a":{"scheme":"stripe","secrets":["hush-hush-hush-hush"],"tolerance":"24h","dedup_window":"48h"}}}`, []string{"sources.a.dedup_window: it must be at least 48h1m0s: a request is taken for twice the tolerance of 24h0m0s"}},
		{"a short secret", `{"sources":{"a":{"scheme":"github","secrets":["hush-hush-hush-"]}}}`, []string{"sources.a.secrets[0]: the secret has 15 bytes: give at least 16"}},
		{"a placeholder", `{"sources":{"a":{"scheme":"stripe","secrets":["whsec_…"]}}}`, []string{`sources.a.secrets[0]: it has a "…"`}},
		{"a public key for an HMAC", `{"sources":{"a":{"scheme":"github","secrets":["whpk_AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA="]}}}`, []string{"sources.a.secrets[0]: it is an ed25519 public key (whpk_), and scheme github"}},
		{"a private key", `{"sources":{"a":{"scheme":"standard","secrets":["whsk_AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA="]}}}`, []string{"sources.a.secrets[0]: it is a private key (whsk_)"}},
		{"a private key for an HMAC", `{"sources":{"a":{"scheme":"sharpapi","secrets":["whsk_AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA="]}}}`, []string{"sources.a.secrets[0]: it is a private key (whsk_)"}},
		{"a mark of UTF-8", "\xEF\xBB\xBF{}", []string{"$: it begins with a byte order mark (BOM), that of UTF-8"}},
		{"a mark of UTF-16", "\xFF\xFE{\x00}\x00", []string{"$: it begins with a byte order mark (BOM), that of UTF-16"}},
		{"a name as secrets begin", `{"sources":{"whsec_x":{}}}`, []string{"sources[0]: its name begins with whs or whp, as secrets do"}},
		{"a setting in capitals", `{"sources":{"a":{"scheme":"github","secrets":["hush-hush-hush-hush"],"AllowIPs":[]}}}`, []string{`sources.a: "AllowIPs" is no setting`}},
		{"a setting that looks like a secret", `{"sources":{"a":{"scheme":"github","whsec_abc":1,"secrets":["hush-hush-hush-hush"]}}}`, []string{"sources.a: the name at place 2 (not shown: it may be a secret) is no setting"}},
		{"no address", `{"sources":{"a":{"scheme":"github","secrets":["hush-hush-hush-hush"],"allow_ips":["10.0.0.0/8","example.com"]}}}`, []string{"sources.a.allow_ips[1]: it must be an address or a range"}},
		{"bits after the prefix", `{"sources":{"a":{"scheme":"github","secrets":["hush-hush-hush-hush"],"allow_ips":["192.0.2.7/24"]}}}`, []string{"sources.a.allow_ips[0]: the range has bits set after its prefix: 192.0.2.0/24"}},
		{"no path", `{"sources":{"a":{"scheme":"github","secrets":["hush-hush-hush-hush"],"require":["a..b"]}}}`, []string{"sources.a.require[0]: it must be a field's path"}},
		{"no identity", `{"sources":{"a":{"scheme":"github","secrets":["hush-hush-hush-hush"],"id":"X-Id"}}}`, []string{`sources.a.id: it must be "header:X-Name"`}},
		{"the signature as id", `{"sources":{"a":{"scheme":"github","secrets":["hush-hush-hush-hush"],"id":"header:x-hub-signature-256"}}}`, []string{"sources.a.id: X-Hub-Signature-256 carries a credential or a signature"}},
		{"a signature kept", `{"sources":{"a":{"scheme":"github","secrets":["hush-hush-hush-hush"],"headers":["Authorization"]}}}`, []string{"sources.a.headers[0]: it carries a credential"}},
		{"a fixed header", `{"sources":{"a":{"scheme":"github","secrets":["hush-hush-hush-hush"],"signature_header":"X-Other"}}}`, []string{"sources.a.signature_header: the signature header of scheme \"github\" is fixed"}},
		{
			"all at once", `{"sources":{"a":{"scheme":"github","secrets":[""],"require":[""]},"B":{},"c":{"scheme":"x"}}}`,
			[]string{"sources.a.secrets[0]:", "sources.a.require[0]:", `sources[1]: "B"`, "sources.c.scheme:"},
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

// What the docs show is right as it stands.
func TestTheDocsExampleIsRight(t *testing.T) {
	docs, err := os.ReadFile("../../docs/receiving.md")
	if err != nil {
		t.Fatal(err)
	}
	_, block, _ := strings.Cut(string(docs), "```json\n")
	block, _, _ = strings.Cut(block, "```")
	if got, err := receiving.ParseSources([]byte(block)); err != nil || len(got) == 0 {
		t.Errorf("%d sources, %v:\n%s", len(got), err, block)
	}
}

// Wherever a hand may put a secret by mistake, no error repeats it.
func TestParseSourcesEchoesNoSecret(t *testing.T) {
	const secret = "whsec_hush"
	for _, config := range []string{
		`{"sources":{"a":{"scheme":"standard","secrets":["` + secret + `"]}}}`,
		`{"sources":{"a":{"scheme":"` + secret + `","secrets":["zzzzzzzzzzzzzzzz"]}}}`,
		`{"sources":{"a":{"scheme":"github","secrets":{"` + secret + `":1}}}}`,
		`{"sources":{"a":{"scheme":"github","` + secret + `":["x"],"secrets":["zzzzzzzzzzzzzzzz"]}}}`,
		`{"sources":{"` + secret + `":{"scheme":"github","secrets":["zzzzzzzzzzzzzzzz"]}}}`,
		`{"` + secret + `":{}}`,
		`{"sources":{"a":{"scheme":"stripe","secrets":["zzzzzzzzzzzzzzzz"],"tolerance":"` + secret + `","dedup_window":"` + secret + `","id":"` + secret + `","allow_ips":["` + secret + `"],"require":"` + secret + `"}}}`,
		`{"sources":{"a":{"scheme":"github","secrets":["` + secret + `"]}}} ` + secret,
		`{"sources":` + secret + `}`,
		`"` + secret + `"`, secret,
	} {
		_, err := receiving.ParseSources([]byte(config))
		if err == nil {
			t.Errorf("no error for %s", config)
		} else if strings.Contains(err.Error(), "hush-hush") || strings.Contains(err.Error(), "whsec_h") {
			t.Errorf("the error repeats the secret: %v", err)
		}
	}
}

func FuzzParseSources(f *testing.F) {
	f.Add([]byte(`{"sources":{"a":{"scheme":"github","secrets":["hush-hush-hush-hush"]}}}`))
	f.Add([]byte(`{"sources":{"a":{"scheme":"stripe","secrets":["hush-hush-hush-hush"],"tolerance":"5m","allow_ips":["::/0"],"id":"field:x"}}}`))
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
