package api

import (
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"strings"
)

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
		if !ownOrigin(origin, r.Host) {
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

// ownOrigin: another port of this machine is another origin.
func ownOrigin(origin, host string) bool {
	u, err := url.Parse(origin)
	return err == nil && (u.Scheme == "http" || u.Scheme == "https") && strings.EqualFold(u.Host, host)
}
