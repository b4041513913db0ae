package receiving

import (
	"maps"
	"net/http"
	"net/netip"
	"net/textproto"
	"slices"
	"strings"
	"time"

	"github.com/jobhook/jobhook/shared/signing"
)

// How long a receipt is kept when the source does not say: longer than any
// sender retries by itself (the longest, Stripe and OpenAI, 3 days),
// and, where an id tells deliveries apart or jobhook's own profiles send, as
// long as jobhook can replay one.
const (
	DefaultWindow     = 30 * 24 * time.Hour
	DefaultHashWindow = 7 * 24 * time.Hour // the body's hash identifies
)

// Source is one sender as configured.
type Source struct {
	Name      string
	Scheme    signing.Scheme
	Secrets   []signing.Secret // newest first; at least one
	Tolerance time.Duration    // 0: signing.DefaultTolerance
	Allow     []netip.Prefix   // senders' addresses; empty: any
	Require   []string         // dotted paths that the JSON body must have
	Identity  signing.Identity // what tells deliveries apart
	OwnID     bool             // "id" was set: Identity is not the scheme's
	Window    time.Duration    // how long a receipt is kept; 0: by what identifies
	Keep      []string         // canonical names of further headers for the inbox
}

// Sources are all that are configured, by name.
type Sources map[string]Source

// window is how long a receipt of an id found in this place is kept.
func (s Source) window(from signing.IDSource) time.Duration {
	switch {
	case s.Window > 0:
		return s.Window
	case from == signing.FromBodyHash && !s.Scheme.Profile():
		return DefaultHashWindow
	default:
		return DefaultWindow
	}
}

// allows reports whether a request may come from ip.
func (s Source) allows(ip netip.Addr) bool {
	return len(s.Allow) == 0 || slices.ContainsFunc(s.Allow, func(p netip.Prefix) bool { return p.Contains(ip.Unmap()) })
}

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
	return name == scheme.Header() || slices.ContainsFunc(secretive, func(part string) bool { return strings.Contains(lower, part) })
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
	names := slices.AppendSeq(make([]string, 0, len(headers)), maps.Keys(headers))
	slices.Sort(names)
	return slices.DeleteFunc(names, s.Scheme.Covers)
}

func (s Source) keeps(name string) bool {
	return slices.Contains(kept, name) || slices.Contains(s.Keep, name) || slices.Contains(s.Identity.Headers, name) ||
		slices.ContainsFunc(keptPrefixes, func(prefix string) bool { return strings.HasPrefix(name, prefix) })
}
