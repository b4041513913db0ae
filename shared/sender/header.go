package sender

import (
	"maps"
	"net/http"
	"strings"
)

// net/http takes a POST with one of these headers for one that may be repeated
// at will, after the endpoint has seen it.
var repeatKeys = [...]string{"Idempotency-Key", "X-Idempotency-Key"}

// sendable returns h for net/http: never nil, and with the repeatKeys in
// lower case, which is the same header on the wire and unknown to net/http.
func sendable(h http.Header) http.Header {
	if h == nil {
		return http.Header{}
	}
	copied := false
	for _, key := range repeatKeys {
		v, ok := h[key]
		if !ok {
			continue
		}
		if !copied {
			h, copied = maps.Clone(h), true
		}
		delete(h, key)
		h[strings.ToLower(key)] = v
	}
	return h
}

// unsendable names the first header that net/http refuses to send (RFC 9110,
// section 5): it says so only in text, so this looks again after a failure.
func unsendable(h http.Header) (string, bool) {
	for name, values := range h {
		if name == "" || strings.ContainsFunc(name, notToken) {
			return name, true
		}
		for _, v := range values {
			if strings.ContainsFunc(v, control) {
				return name, true
			}
		}
	}
	return "", false
}

func notToken(r rune) bool {
	letter := r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r >= '0' && r <= '9'
	return !letter && !strings.ContainsRune("!#$%&'*+-.^_`|~", r)
}

func control(r rune) bool { return r < ' ' && r != '\t' || r == 0x7f }
