package receiving

import (
	"net/http"
	"net/textproto"
	"slices"
	"strings"

	"github.com/jobhook/jobhook/shared/signing"
)

// kept are the headers that an inbox message carries: what the body is, what
// happened, and which delivery of it this was.
var kept = []string{
	"Content-Type", "Content-Encoding", "User-Agent", "Traceparent", "X-Request-Id",
	"Webhook-Id", "Webhook-Timestamp", "Svix-Id", "Svix-Timestamp",
	"X-Slack-Request-Timestamp", "X-Slack-Retry-Num", "X-Slack-Retry-Reason",
}

// Of these senders all headers are kept but the signatures.
var keptPrefixes = []string{"X-Github-", "X-Shopify-"}

// secretive are parts of names of headers that never go further.
var secretive = []string{"authorization", "cookie", "signature", "hmac", "token", "secret", "password", "api-key", "apikey"}

// sensitive reports whether a header, named in canonical form, carries a
// credential or a signature.
func sensitive(name string, scheme signing.Scheme) bool {
	lower := strings.ToLower(name)
	for _, part := range secretive {
		if strings.Contains(lower, part) {
			return true
		}
	}
	return name == scheme.Header()
}

// matter returns the headers that the inbox gets, by their lower-case names.
func (s Source) matter(h http.Header) map[string]string {
	found := map[string]string{}
	for name, values := range h {
		canonical := textproto.CanonicalMIMEHeaderKey(name)
		if s.keeps(canonical) && !sensitive(canonical, s.Scheme) && len(values) > 0 {
			found[strings.ToLower(name)] = strings.ToValidUTF8(strings.Join(values, ", "), "\uFFFD")
		}
	}
	return found
}

// unsigned are the names of those that the signature does not cover.
func (s Source) unsigned(headers map[string]string) []string {
	names := make([]string, 0, len(headers))
	for name := range headers {
		if !s.Scheme.Covers(name) {
			names = append(names, name)
		}
	}
	slices.Sort(names)
	return names
}

func (s Source) keeps(name string) bool {
	for _, list := range [][]string{kept, s.Keep, s.Identity.Headers} {
		if slices.Contains(list, name) {
			return true
		}
	}
	for _, prefix := range keptPrefixes {
		if strings.HasPrefix(name, prefix) {
			return true
		}
	}
	return false
}
