package api

import (
	"fmt"
	"maps"
	"net/textproto"
	"slices"
	"strings"

	"github.com/jobhook/jobhook/shared/signing"
	"github.com/jobhook/jobhook/shared/webhook"
)

// Limits of an endpoint's own headers.
const (
	maxHeaders     = 20
	maxHeaderName  = 128  // bytes
	maxHeaderValue = 1024 // bytes
)

// jobhooks are headers that jobhook or HTTP itself sets.
var jobhooks = []string{
	"Accept-Encoding", "Connection", "Content-Encoding", "Content-Length", "Content-Type", "Date", "Expect", "Host",
	"Http2-Settings", "Keep-Alive", "Te", "Trailer", "Transfer-Encoding", "Upgrade", "User-Agent", "Via",
}

// jobhookPrefixes begin the names that jobhook, its scheme or a proxy sets.
var jobhookPrefixes = []string{"Webhook-", "Svix-", "Proxy-", "Sec-"}

// credentials are headers that hold one. An endpoint's headers are in clear in
// the database and in every answer; a receiver verifies the signature instead.
var credentials = []string{
	"Authorization", "Proxy-Authorization", "Cookie", "Cookie2", "Set-Cookie", "Www-Authenticate", "Authentication",
	"Api-Key", "Apikey", "X-Api-Key", "X-Apikey", "X-Auth", "X-Auth-Token", "X-Access-Token", "X-Authorization",
	"X-Amz-Security-Token", "X-Goog-Api-Key", "X-Functions-Key", "Ocp-Apim-Subscription-Key", "Private-Token", "X-Vault-Token",
}

// reservedHeaders adds to jobhooks the profiles' signature headers and more.
func reservedHeaders(more []string) map[string]bool {
	reserved := map[string]bool{}
	for _, p := range webhook.Profiles() {
		if scheme, err := signing.Lookup(string(p)); err == nil {
			reserved[scheme.Header()] = true
		}
	}
	for _, name := range append(slices.Clone(jobhooks), more...) {
		reserved[textproto.CanonicalMIMEHeaderKey(name)] = true
	}
	return reserved
}

// setHeaders merges (RFC 7396): a name with null goes, null alone clears all.
// Names are the same in any case, and stay as they were written last.
func (s *server) setHeaders(e *webhook.Endpoint, given map[string]*string) error {
	if given == nil {
		e.Headers = nil
		return nil
	}
	merged, seen := map[string]string{}, map[string]bool{}
	maps.Copy(merged, e.Headers)
	for _, name := range slices.Sorted(maps.Keys(given)) {
		canonical := textproto.CanonicalMIMEHeaderKey(name)
		if seen[canonical] {
			return badField("headers", quoted(name)+" is given twice")
		}
		seen[canonical] = true
		if given[name] != nil {
			if fault := s.headerFault(name, canonical, *given[name]); fault != "" {
				return badField("headers", quoted(name)+" "+fault)
			}
		}
		maps.DeleteFunc(merged, func(old, _ string) bool { return strings.EqualFold(old, name) })
		if given[name] != nil {
			merged[name] = *given[name]
		}
	}
	if len(merged) > maxHeaders {
		return badField("headers", fmt.Sprintf("would be %d; the maximum is %d", len(merged), maxHeaders))
	}
	e.Headers = merged
	return nil
}

func quoted(name string) string { return `"` + clip(name) + `"` }

func (s *server) headerFault(name, canonical, value string) string {
	switch {
	case name == "" || len(name) > maxHeaderName || strings.ContainsFunc(name, notToken):
		return fmt.Sprintf("is not a header name; use 1 to %d letters, digits and hyphens", maxHeaderName)
	case s.reserved[canonical] || slices.ContainsFunc(jobhookPrefixes, func(p string) bool { return strings.HasPrefix(canonical, p) }):
		return "is set by jobhook itself or by HTTP; choose another name"
	case slices.Contains(credentials, canonical):
		return "holds a credential, and an endpoint's headers are shown to whoever can read it; let the receiver verify the signature instead"
	case len(value) > maxHeaderValue:
		return fmt.Sprintf("has a value of %d bytes; the maximum is %d", len(value), maxHeaderValue)
	case strings.ContainsFunc(value, notPrintable):
		return "has a value with control characters or beyond ASCII; use printable ASCII"
	case strings.TrimSpace(value) != value:
		return "has a value with space around it, which HTTP would drop"
	}
	return ""
}

// notToken: RFC 9110, section 5.6.2.
func notToken(r rune) bool {
	letter := r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r >= '0' && r <= '9'
	return !letter && !strings.ContainsRune("!#$%&'*+-.^_`|~", r)
}

func notPrintable(r rune) bool { return r < ' ' || r > '~' }
