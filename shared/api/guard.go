package api

import (
	"crypto/sha256"
	"crypto/subtle"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"strings"
)

// minKey is the least length of an API key, in bytes.
const minKey = 24

// CheckKey refuses a key that no client could send in a header, or that is too
// short to be secret; the empty one is none.
func CheckKey(key string) error {
	switch {
	case strings.ContainsFunc(key, func(r rune) bool { return r <= ' ' || r == ',' || r >= 0x7f }):
		return errors.New("JOBHOOK_API_KEY has a space, a comma or a character that is not ASCII: clients cannot send it; choose another")
	case key != "" && len(key) < minKey:
		return fmt.Errorf("JOBHOOK_API_KEY has %d bytes; the minimum is %d: choose a longer one, like the output of openssl rand -hex 16", len(key), minKey)
	}
	return nil
}

// checkKey refuses a request without the key, as RFC 6750, section 3, says. Keys
// are compared in constant time, whatever their length: both are hashed first.
func (s *server) checkKey(w http.ResponseWriter, r *http.Request) error {
	scheme, key, _ := strings.Cut(r.Header.Get("Authorization"), " ")
	given, want := sha256.Sum256([]byte(strings.TrimSpace(key))), sha256.Sum256([]byte(s.Key))
	same := subtle.ConstantTimeCompare(given[:], want[:]) == 1
	switch {
	case s.Key == "":
		return nil
	case !strings.EqualFold(scheme, "Bearer"):
		w.Header().Set("WWW-Authenticate", `Bearer realm="jobhook"`)
		return &problem{Status: http.StatusUnauthorized, Detail: "send the API key as Authorization: Bearer …"}
	case !same:
		w.Header().Set("WWW-Authenticate", `Bearer realm="jobhook", error="invalid_token"`)
		return &problem{Status: http.StatusUnauthorized, Detail: "this is not the API key"}
	}
	return nil
}

// LoopbackOnly refuses, with 403, what a web page could send to a server on
// this machine: a Host that is not this machine's (DNS rebinding), another
// Origin, another site. A loopback listener without a key needs it before
// everything that it serves.
func LoopbackOnly(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if detail := foreign(r); detail != "" {
			writeProblem(w, problem{Status: http.StatusForbidden, Detail: detail})
			return
		}
		next.ServeHTTP(w, r)
	})
}

func foreign(r *http.Request) string {
	if !loopbackHost(r.Host) {
		return "Host: only localhost, 127.0.0.1 and [::1] are served here"
	}
	for _, origin := range r.Header.Values("Origin") {
		u, err := url.Parse(origin)
		if err != nil || u.Scheme != "http" && u.Scheme != "https" || !strings.EqualFold(u.Host, r.Host) { // another port is another origin
			return "Origin: pages of other origins are not served here"
		}
	}
	switch r.Header.Get("Sec-Fetch-Site") {
	case "", "none", "same-origin": // no browser; the address bar; our own page
		return ""
	}
	return "Sec-Fetch-Site: pages of other sites are not served here"
}

// loopbackHost takes a Host header with or without a port. No page but one
// from this machine has an address of it for its host.
func loopbackHost(host string) bool {
	name := host
	if h, _, err := net.SplitHostPort(host); err == nil {
		name = h
	} else if inner, ok := strings.CutPrefix(host, "["); ok {
		name = strings.TrimSuffix(inner, "]")
	}
	if strings.EqualFold(name, "localhost") {
		return true
	}
	addr, err := netip.ParseAddr(name)
	return err == nil && addr.Unmap().IsLoopback()
}
