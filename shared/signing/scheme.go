package signing

import (
	"errors"
	"fmt"
	"net/textproto"
	"slices"
	"strings"
	"time"
)

// DefaultTolerance is how far a timestamp may lie from now, either way, in the
// schemes that have one (Standard Webhooks, Svix, Stripe and Slack all say 5 min).
const DefaultTolerance = 5 * time.Minute

// Scheme is a row of the table: how a request is signed, and where each part
// of that stands. Get one with Lookup; the zero value is no scheme.
type Scheme struct {
	name      string
	form      form
	content   content
	signature string // header of the signature, canonical
	id        string // header of the id, "" when there is none
	timestamp string // header of the timestamp, "" when there is none
	prefix    string // before a single signature
	hex       bool   // a single signature is in hex, else in base64
	sends     bool   // a profile of ours: the three standard headers go with it
	field     string // body member that identifies a delivery
	fallback  string // second header that identifies a delivery
}

// form is how the signature header is written.
type form int

const (
	formNone   form = iota
	formList        // "v1,<base64> v1a,<base64>"
	formSingle      // prefix and one value
	formStripe      // "t=<seconds>,v1=<hex>,v1=<hex>"
)

// content is what is signed.
type content int

const (
	contentBody       content = iota // {body}
	contentIDTimeBody                // {id}.{timestamp}.{body}
	contentTimeBody                  // {timestamp}.{body}
	contentSlack                     // v0:{timestamp}:{body}
)

var table = []Scheme{
	{
		name: "standard", form: formList, content: contentIDTimeBody, sends: true,
		signature: "Webhook-Signature", id: "Webhook-Id", timestamp: "Webhook-Timestamp",
	},
	{name: "sharpapi", form: formSingle, hex: true, sends: true, signature: "X-Signature"},
	{name: "unitary", form: formSingle, sends: true, signature: "X-Hub-Signature-256"},
	{name: "antinium", form: formSingle, hex: true, sends: true, signature: "X-Antinium-Signature"},
	{name: "stripe", form: formStripe, content: contentTimeBody, signature: "Stripe-Signature", field: "id"},
	{
		name: "github", form: formSingle, hex: true, prefix: "sha256=",
		signature: "X-Hub-Signature-256", id: "X-Github-Delivery",
	},
	{
		name: "slack", form: formSingle, content: contentSlack, hex: true, prefix: "v0=",
		signature: "X-Slack-Signature", timestamp: "X-Slack-Request-Timestamp", field: "event_id",
	},
	// The webhook id names one delivery and stays over its retries. The event
	// id is shared by all topics of one change: deduplicating by it loses some.
	{
		name: "shopify", form: formSingle, signature: "X-Shopify-Hmac-Sha256",
		id: "X-Shopify-Webhook-Id", fallback: "X-Shopify-Event-Id",
	},
	{
		name: "svix", form: formList, content: contentIDTimeBody,
		signature: "Svix-Signature", id: "Svix-Id", timestamp: "Svix-Timestamp",
	},
}

// Lookup returns the scheme of a name; its error lists the names there are.
func Lookup(name string) (Scheme, error) {
	for _, s := range table {
		if s.name == name {
			return s, nil
		}
	}
	return Scheme{}, fmt.Errorf("unknown scheme: one of %s is needed", strings.Join(Names(), ", "))
}

// Names lists the schemes, those that are profiles of the sender first.
func Names() []string {
	names := make([]string, len(table))
	for i, s := range table {
		names[i] = s.name
	}
	return names
}

// Name returns the scheme's name in the table.
func (s Scheme) Name() string { return s.name }

// Header returns the name of the signature header, in canonical form.
func (s Scheme) Header() string { return s.signature }

// Timestamped reports whether requests carry a signed timestamp, so that a
// tolerance means something.
func (s Scheme) Timestamped() bool { return s.content != contentBody }

// Profile reports whether the scheme is one of the sender's profiles: then its
// requests carry the headers of Standard Webhooks too.
func (s Scheme) Profile() bool { return s.sends }

// Covers reports whether the signature covers a header, named in any case:
// what it does not cover can be changed in a replayed request.
func (s Scheme) Covers(name string) bool {
	return s.content == contentIDTimeBody && strings.EqualFold(name, s.id) ||
		s.timestamp != "" && strings.EqualFold(name, s.timestamp)
}

// reserved are headers that a signature may not take the place of.
var reserved = []string{
	"Authorization", "Connection", "Content-Encoding", "Content-Length", "Content-Type", "Cookie", "Date",
	"Expect", "Host", "Te", "Trailer", "Transfer-Encoding", "Upgrade", "User-Agent",
	"Webhook-Id", "Webhook-Signature", "Webhook-Timestamp",
}

// WithHeader returns the scheme with its signature in another header. Only
// antinium's can be renamed.
func (s Scheme) WithHeader(name string) (Scheme, error) {
	if s.name != "antinium" {
		return s, fmt.Errorf("the signature header of scheme %q is fixed: only antinium's can be named", s.name)
	}
	canonical := textproto.CanonicalMIMEHeaderKey(name)
	if !isToken(name) || len(name) > 64 {
		return s, errors.New("a header name has 1 to 64 letters, digits and hyphens")
	}
	if slices.Contains(reserved, canonical) {
		return s, fmt.Errorf("the header %s has a meaning of its own: choose another, such as X-Antinium-Signature", canonical)
	}
	s.signature = canonical
	return s, nil
}

func isToken(name string) bool {
	return name != "" && !strings.ContainsFunc(name, func(r rune) bool {
		return r != '-' && r != '_' && (r < '0' || r > '9') && (r < 'A' || r > 'Z') && (r < 'a' || r > 'z')
	})
}

// appendPrefix appends what is signed before the body.
func (s Scheme) appendPrefix(dst []byte, id, timestamp string) []byte {
	switch s.content {
	case contentIDTimeBody:
		dst = append(append(dst, id...), '.')
		return append(append(dst, timestamp...), '.')
	case contentTimeBody:
		return append(append(dst, timestamp...), '.')
	case contentSlack:
		return append(append(append(dst, "v0:"...), timestamp...), ':')
	default:
		return dst
	}
}

// mac returns the secret's key for this scheme, nil when it has none.
func (s Scheme) mac(secret Secret) *macPool {
	switch {
	case secret.IsZero() || secret.asymmetric():
		return nil
	case s.form == formList:
		return &secret.hidden().std
	default:
		return &secret.hidden().raw
	}
}
