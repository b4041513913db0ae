package sender

import (
	"cmp"
	"fmt"
	"net/netip"
	"net/url"
	"strconv"
	"strings"

	"github.com/jobhook/jobhook/shared/webhook"
)

// URLError says why a URL is refused. It quotes nothing of the URL but an IP
// address: the rest may hold credentials.
type URLError struct {
	// Reason is webhook.ReasonBadURL or webhook.ReasonAddressNotPublic.
	Reason webhook.Reason
	// Problem says what is wrong and what would be right.
	Problem string
}

func (e *URLError) Error() string { return "URL: " + e.Problem }

// CheckURL refuses what Send would never connect to; the error is a *URLError.
// It looks up no name: what a name resolves to is judged when dialing.
//
// Refused are: what is not an absolute https URL (http only with allowLoopback,
// to localhost or a loopback address), a missing host, user info, port 0,
// spaces and control characters, IP addresses that are not public, numbers that
// some resolvers take for addresses (decimal, hexadecimal, octal, too few
// parts), localhost, and host names that are not ASCII (xn-- form is accepted).
// A fragment is ignored and not sent.
func CheckURL(raw string, allowLoopback bool) error {
	if _, err := parseURL(raw, exceptions(allowLoopback, nil)); err != nil {
		return err
	}
	return nil
}

// CheckURL is the package's CheckURL with the sender's own exceptions.
func (s *Sender) CheckURL(raw string) error {
	if _, err := parseURL(raw, s.allow); err != nil {
		return err
	}
	return nil
}

func badURL(problem string) *URLError    { return &URLError{webhook.ReasonBadURL, problem} }
func notPublic(problem string) *URLError { return &URLError{webhook.ReasonAddressNotPublic, problem} }

// parseURL passes on nothing of url.Parse's error, which quotes the URL.
func parseURL(raw string, allow allowed) (*url.URL, *URLError) {
	if raw == "" {
		return nil, badURL("is empty: write it as https://host/path")
	}
	if strings.ContainsFunc(raw, func(r rune) bool { return r <= ' ' || r == 0x7f }) {
		return nil, badURL("contains a space or a control character: write it percent-encoded (%20)")
	}
	u, err := url.Parse(escapePath(raw))
	if err != nil || u.Opaque != "" {
		return nil, badURL("is not valid: write it as https://host/path")
	}
	if err := checkParts(u, allow); err != nil {
		return nil, err
	}
	return u, nil
}

// escapePath percent-encodes what a path may not hold. url.Parse would accept it,
// and then encode the whole path again, so that %2F became a slash. The query is
// sent as it stands.
func escapePath(raw string) string {
	path, rest := raw, ""
	if i := strings.IndexAny(raw, "?#"); i >= 0 {
		path, rest = raw[:i], raw[i:]
	}
	if !strings.ContainsFunc(path, notPath) {
		return raw
	}
	var b strings.Builder
	for _, c := range []byte(path) {
		if notPath(rune(c)) {
			fmt.Fprintf(&b, "%%%02X", c)
		} else {
			b.WriteByte(c)
		}
	}
	return b.String() + rest
}

func notPath(r rune) bool { return r >= 0x80 || strings.ContainsRune("\"<>\\^`{|}", r) }

func checkParts(u *url.URL, allow allowed) *URLError {
	port, noPort := strconv.ParseUint(cmp.Or(u.Port(), "443"), 10, 16)
	switch {
	case u.Scheme == "":
		return badURL("is not absolute: begin it with https://")
	case u.Scheme != "https" && u.Scheme != "http":
		return badURL("has a scheme that cannot be posted to: use https://")
	case u.Hostname() == "":
		return badURL("has no host: write it as https://host/path")
	case u.User != nil:
		return badURL("holds a user name or password: leave them out, requests are signed instead")
	case u.Scheme == "http" && !plainHost(u.Hostname(), allow):
		return badURL("is not encrypted: use https:// instead of http://")
	case noPort != nil || port == 0:
		return badURL("has a port that does not exist: use one from 1 to 65535, or none")
	}
	return checkHost(u, allow)
}

func checkHost(u *url.URL, allow allowed) *URLError {
	host := u.Hostname()
	addr, err := netip.ParseAddr(host)
	bracketed := strings.HasPrefix(u.Host, "[")
	switch {
	case bracketed && (err != nil || !addr.Is6()), !bracketed && err == nil && !addr.Is4():
		return badURL("has an IPv6 address in a form that is not valid: write it in brackets")
	case err == nil && !allow.permits(addr):
		return notPublic("names the address " + addr.WithZone("").String() + ", which is not public: use a host that the internet can reach")
	case err == nil:
		return nil
	case strings.ContainsFunc(host, notHostname):
		return badURL("has a host name with characters that are not allowed: use letters, digits, - and . (the xn-- form for others)")
	case endsInNumber(host):
		return badURL("has a number for a host: write an IPv4 address as four decimal numbers without leading zeros")
	case strings.HasSuffix("."+strings.ToLower(strings.TrimSuffix(host, ".")), ".localhost") && !allow.loopback(): // RFC 6761, section 6.3: those below it too
		return notPublic("names localhost, which is not public: use a host that the internet can reach")
	}
	return nil
}

// plainHost: the hosts to which http:// may go, on a developer's machine.
func plainHost(host string, allow allowed) bool {
	if addr, err := netip.ParseAddr(host); err == nil {
		return allow.has(addr)
	}
	return strings.EqualFold(host, "localhost") && allow.loopback()
}

func notHostname(r rune) bool {
	return !(r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r >= '0' && r <= '9' || r == '-' || r == '_' || r == '.')
}

// endsInNumber is the rule of the WHATWG URL standard ("ends in a number
// checker") by which browsers and inet_aton take a host for an IPv4 address.
func endsInNumber(host string) bool {
	host = strings.TrimSuffix(host, ".")
	last := host[strings.LastIndexByte(host, '.')+1:]
	if hex, ok := strings.CutPrefix(strings.ToLower(last), "0x"); ok {
		return strings.Trim(hex, "0123456789abcdef") == ""
	}
	return last != "" && strings.Trim(last, "0123456789") == ""
}
