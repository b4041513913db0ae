package receiving

import (
	"cmp"
	"errors"
	"fmt"
	"net/netip"
	"net/textproto"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/jobhook/jobhook/shared/signing"
)

const (
	minTolerance, maxTolerance = time.Second, 24 * time.Hour

	// A day at least: senders try again for longer than hours.
	minWindow, maxWindow = 24 * time.Hour, 365 * 24 * time.Hour
	// windowMargin is for clocks that differ and for the whole seconds of a
	// receipt's end.
	windowMargin = time.Minute
)

var headerName = regexp.MustCompile(`^[A-Za-z0-9_-]{1,64}$`)

func (r reader) source(name string) Source {
	s := Source{Name: name}
	if scheme, known := r.scheme(); known {
		s.Scheme = scheme
		s.Secrets = r.secrets(scheme)
		s.Identity = r.identity(scheme)
		if _, there := r.raw["tolerance"]; there && !scheme.Timestamped() {
			r.add(r.at("tolerance"), "scheme %s has no timestamp that a tolerance could apply to: remove it", scheme.Name())
		} else {
			s.Tolerance = r.duration("tolerance", minTolerance, maxTolerance)
		}
		_, s.OwnID = r.raw["id"]
	}
	for i, text := range r.list("allow_ips", "IP ranges") {
		p, err := parsePrefix(text)
		if err != nil {
			r.add(fmt.Sprintf("%s[%d]", r.at("allow_ips"), i), "%v", err)
		}
		s.Allow = append(s.Allow, p)
	}
	s.Require = r.list("require", "fields")
	for i, path := range s.Require {
		if len(path) > 256 || slices.Contains(strings.Split(path, "."), "") {
			r.add(fmt.Sprintf("%s[%d]", r.at("require"), i), `it must be a field's path: "id" or "data.object.id"`)
		}
	}
	s.Window = r.window(s)
	s.Keep = r.keep()
	return s
}

func (r reader) scheme() (scheme signing.Scheme, known bool) {
	if _, there := r.raw["scheme"]; !there {
		r.add(r.path, "scheme is missing: one of %s", strings.Join(signing.Names(), ", "))
		return scheme, false
	}
	name, ok := r.text("scheme")
	if !ok {
		return scheme, false
	}
	scheme, err := signing.Lookup(name)
	if err != nil {
		r.add(r.at("scheme"), "%v", err)
		return scheme, false
	}
	if header, ok := r.text("signature_header"); ok {
		if scheme, err = scheme.WithHeader(header); err != nil {
			r.add(r.at("signature_header"), "%v", err)
		}
	}
	return scheme, true
}

func (r reader) secrets(scheme signing.Scheme) []signing.Secret {
	if _, there := r.raw["secrets"]; !there {
		r.add(r.path, `secrets is missing: ["the secret that the sender shows"], the newest first`)
		return nil
	}
	texts := r.list("secrets", "secrets")
	if len(texts) > signing.MaxValid {
		r.add(r.at("secrets"), "it has %d: at most %d can be valid at once", len(texts), signing.MaxValid)
	}
	secrets := make([]signing.Secret, len(texts))
	for i, text := range texts {
		var err error
		if secrets[i], err = parseSecret(scheme, text); err == nil && slices.Index(texts, text) < i {
			err = errors.New("it is the same as an earlier one: remove it")
		}
		if err != nil {
			r.add(fmt.Sprintf("%s[%d]", r.at("secrets"), i), "%v", err)
		}
	}
	return secrets
}

// parseSecret takes what can verify and nothing else. An HMAC would take a key
// of ed25519 for mere text: whoever knows the public one could sign.
func parseSecret(scheme signing.Scheme, text string) (signing.Secret, error) {
	switch {
	case strings.Contains(text, "…"):
		return signing.Secret{}, errors.New(`it has a "…", so it is an example's: put the sender's own secret here`)
	case strings.HasPrefix(text, "whsk_"):
		return signing.Secret{}, errors.New("it is a private key (whsk_), which belongs to the sender alone: give the whpk_ key that goes with it")
	case strings.HasPrefix(text, "whpk_") && scheme.Name() != "standard" && scheme.Name() != "svix":
		return signing.Secret{}, fmt.Errorf("it is an ed25519 public key (whpk_), and scheme %s signs with a shared secret: give that", scheme.Name())
	}
	return scheme.ParseSecret(text)
}

// identity is the scheme's, or what "id" says: "header:X-Name", "field:name" or
// "body".
func (r reader) identity(scheme signing.Scheme) signing.Identity {
	own := scheme.Identity()
	text, ok := r.text("id")
	if !ok {
		return own
	}
	kind, name, _ := strings.Cut(text, ":")
	switch {
	case text == "body":
		return signing.Identity{Signed: true}
	case kind == "field" && name != "" && len(name) <= 256 && !strings.Contains(name, "."):
		return signing.Identity{Field: name, Signed: true}
	case kind == "header" && headerName.MatchString(name):
		name = textproto.CanonicalMIMEHeaderKey(name)
		if sensitive(name, scheme) {
			r.add(r.at("id"), "%s carries a credential or a signature: name the header that carries the id", name)
		}
		return signing.Identity{Headers: []string{name}, Signed: own.Signed && len(own.Headers) > 0 && own.Headers[0] == name}
	}
	r.add(r.at("id"), `it must be "header:X-Name", "field:name" (a member of the body's object) or "body" (the body's hash)`)
	return signing.Identity{}
}

// window outlives the signature: a request is fresh from a tolerance before its
// timestamp until one after, and within that a replay must meet its receipt.
func (r reader) window(s Source) time.Duration {
	window := r.duration("dedup_window", minWindow, maxWindow)
	if window == 0 || !s.Scheme.Timestamped() {
		return window
	}
	tolerance := cmp.Or(s.Tolerance, signing.DefaultTolerance)
	if least := 2*tolerance + windowMargin; window < least {
		r.add(r.at("dedup_window"), "it must be at least %s: a request is taken for twice the tolerance of %s, and one that is sent again within it must still be known",
			least, tolerance)
	}
	return window
}

func parsePrefix(text string) (netip.Prefix, error) {
	if ip, err := netip.ParseAddr(text); err == nil && ip.Zone() == "" {
		return netip.PrefixFrom(ip.Unmap(), ip.Unmap().BitLen()), nil
	}
	p, err := netip.ParsePrefix(text)
	if err != nil || p.Addr().Is4In6() {
		return p, errors.New("it must be an address or a range: 192.0.2.7, 192.0.2.0/24 or 2001:db8::/32")
	}
	if p != p.Masked() {
		return p, fmt.Errorf("the range has bits set after its prefix: %s is the range, or give the address alone", p.Masked())
	}
	return p, nil
}

// keep lists further headers that the inbox message carries.
func (r reader) keep() []string {
	list := r.list("headers", "header names")
	for i, name := range list {
		at := fmt.Sprintf("%s[%d]", r.at("headers"), i)
		list[i] = textproto.CanonicalMIMEHeaderKey(name)
		if !headerName.MatchString(name) {
			r.add(at, "it must be a header's name: letters, digits, - and _")
		} else if sensitive(list[i], signing.Scheme{}) {
			r.add(at, "it carries a credential or a signature, which the inbox never gets: remove it")
		}
	}
	return list
}
