package receiving

import (
	"net/netip"
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
	if len(s.Allow) == 0 {
		return true
	}
	for _, p := range s.Allow {
		if p.Contains(ip.Unmap()) {
			return true
		}
	}
	return false
}
