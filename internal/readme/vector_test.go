package readme_test

import (
	"strings"
	"testing"
)

// docs/security.md's test vector of an account's secret comes out of openssl.
// shared/secrets holds the code to the same.
func TestAccountSecretVector(t *testing.T) {
	need(t, "openssl", false)
	_, section, _ := strings.Cut(page(t, "docs/security.md"), "\n### An account's secret\n")
	_, block, found := strings.Cut(section, "\n```sh\n")
	block, _, _ = strings.Cut(block, "\n```")
	if !found {
		t.Fatal("the section has no command")
	}
	got := strings.TrimSpace(command(t, top, "", []string{"sh", "-c", block}))
	if !strings.HasPrefix(got, "whsec_") || !strings.Contains(section, "`"+got+"`") {
		t.Errorf("openssl derives %q, which the section does not say", got)
	}
}
