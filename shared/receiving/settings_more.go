package receiving

import (
	"errors"
	"fmt"
	"net/netip"
	"net/textproto"
	"regexp"
	"strings"

	"github.com/jobhook/jobhook/shared/signing"
)

var headerName = regexp.MustCompile(`^[A-Za-z0-9_-]{1,64}$`)

func parsePrefix(text string) (netip.Prefix, error) {
	if ip, err := netip.ParseAddr(text); err == nil && ip.Zone() == "" {
		return netip.PrefixFrom(ip.Unmap(), ip.Unmap().BitLen()), nil
	}
	p, err := netip.ParsePrefix(text)
	if err != nil || p.Addr().Is4In6() {
		return netip.Prefix{}, errors.New("it must be an address or a range: 192.0.2.7, 192.0.2.0/24 or 2001:db8::/32")
	}
	if p != p.Masked() {
		return netip.Prefix{}, fmt.Errorf("the range has bits set after its prefix: %s is the range, or give the address alone", p.Masked())
	}
	return p, nil
}

// paths are the fields that a body must have.
func (r reader) paths() []string {
	list := r.list("require", "fields")
	for i, path := range list {
		if path == "" || len(path) > 256 || strings.HasPrefix(path, ".") || strings.HasSuffix(path, ".") || strings.Contains(path, "..") {
			r.add(fmt.Sprintf("%s[%d]", r.at("require"), i), `it must be a field's path: "id" or "data.object.id"`)
		}
	}
	return list
}

// identity is the scheme's, or what "id" says: "header:X-Name", "field:name" or
// "body".
func (r reader) identity(scheme signing.Scheme) signing.Identity {
	text, ok := r.text("id")
	if !ok {
		return scheme.Identity()
	}
	kind, name, _ := strings.Cut(text, ":")
	switch {
	case text == "body":
		return signing.Identity{Signed: true}
	case kind == "field" && name != "" && len(name) <= 256 && !strings.Contains(name, "."):
		return signing.Identity{Field: name, Signed: true}
	case kind == "header" && headerName.MatchString(name):
		return r.headerIdentity(scheme, textproto.CanonicalMIMEHeaderKey(name))
	}
	r.add(r.at("id"), `it must be "header:X-Name", "field:name" (a member of the body's object) or "body" (the body's hash)`)
	return signing.Identity{}
}

func (r reader) headerIdentity(scheme signing.Scheme, name string) signing.Identity {
	if sensitive(name, scheme) {
		r.add(r.at("id"), "%s carries a credential or a signature: name the header that carries the id", name)
	}
	own := scheme.Identity()
	signed := own.Signed && len(own.Headers) > 0 && own.Headers[0] == name
	return signing.Identity{Headers: []string{name}, Signed: signed}
}

// keep lists further headers that the inbox message carries.
func (r reader) keep() []string {
	list := r.list("headers", "header names")
	kept := make([]string, 0, len(list))
	for i, name := range list {
		at := fmt.Sprintf("%s[%d]", r.at("headers"), i)
		canonical := textproto.CanonicalMIMEHeaderKey(name)
		switch {
		case !headerName.MatchString(name):
			r.add(at, "it must be a header's name: letters, digits, - and _")
		case sensitive(canonical, signing.Scheme{}):
			r.add(at, "it carries a credential or a signature, which the inbox never gets: remove it")
		default:
			kept = append(kept, canonical)
		}
	}
	return kept
}
