package api_test

import (
	"net/http"
	"net/http/httptest"
	"testing"

	"github.com/jobhook/jobhook/shared/api"
)

func TestLoopbackOnly(t *testing.T) {
	inner := http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusNoContent) })
	server := httptest.NewServer(api.LoopbackOnly(inner))
	defer server.Close()
	for _, c := range []struct {
		name    string
		headers []string
		refused bool
	}{
		{"as it is", nil, false},
		{"localhost", []string{"Host", "localhost:8787"}, false},
		{"localhost without port", []string{"Host", "localhost"}, false},
		{"Localhost", []string{"Host", "LocalHost:1"}, false},
		{"127.0.0.1", []string{"Host", "127.0.0.1"}, false},
		{"::1", []string{"Host", "[::1]:8787"}, false},
		{"::1 without port", []string{"Host", "[::1]"}, false},
		{"rebound name", []string{"Host", "evil.example:8787"}, true},
		{"name that begins like it", []string{"Host", "localhost.evil.example"}, true},
		{"name that begins like the address", []string{"Host", "127.0.0.1.evil.example"}, true},
		{"name that ends like it", []string{"Host", "evil-localhost"}, true},
		{"another address", []string{"Host", "192.168.1.7:8787"}, true},
		{"any address", []string{"Host", "0.0.0.0:8787"}, true},
		{"own page", []string{"Host", "localhost:8787", "Origin", "http://localhost:8787"}, false},
		{"own page, fetch", []string{"Host", "localhost:8787", "Origin", "http://localhost:8787", "Sec-Fetch-Site", "same-origin"}, false},
		{"address bar", []string{"Sec-Fetch-Site", "none"}, false},
		{"foreign origin", []string{"Origin", "https://evil.example"}, true},
		{"another port", []string{"Host", "localhost:8787", "Origin", "http://localhost:3000"}, true},
		{"another name of this machine", []string{"Host", "localhost:8787", "Origin", "http://127.0.0.1:8787"}, true},
		{"file or sandbox", []string{"Origin", "null"}, true},
		{"empty origin", []string{"Origin", ""}, true},
		{"extension", []string{"Host", "localhost:8787", "Origin", "chrome-extension://localhost:8787"}, true},
		{"cross-site without origin", []string{"Sec-Fetch-Site", "cross-site"}, true},
		{"same-site without origin", []string{"Sec-Fetch-Site", "same-site"}, true},
	} {
		t.Run(c.name, func(t *testing.T) {
			for _, method := range []string{"GET", "POST"} {
				a := send(t, server.URL, method, "/anything", "", c.headers...)
				if c.refused {
					a.problem(403, "")
				} else {
					a.is(204)
				}
			}
		})
	}
}
