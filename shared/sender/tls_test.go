package sender

import (
	"crypto/tls"
	"crypto/x509"
	"io"
	"log"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/jobhook/jobhook/shared/webhook"
)

// secure serves TLS with its own certificate and returns https://127.0.0.1:port.
func secure(t testing.TB, cfg *tls.Config, h2 bool, h http.HandlerFunc) *httptest.Server {
	srv := httptest.NewUnstartedServer(h)
	srv.TLS, srv.EnableHTTP2 = cfg, h2
	srv.Config.ErrorLog = log.New(io.Discard, "", 0)
	srv.StartTLS()
	t.Cleanup(srv.Close)
	return srv
}

func proto(w http.ResponseWriter, r *http.Request) { io.WriteString(w, r.Proto) }

func TestTLS(t *testing.T) {
	t.Parallel()
	now := time.Now()
	good, goodPool := certificate(t, "127.0.0.1", now.Add(-time.Hour), now.Add(time.Hour))
	expired, expiredPool := certificate(t, "127.0.0.1", now.Add(-2*time.Hour), now.Add(-time.Hour))
	future, futurePool := certificate(t, "127.0.0.1", now.Add(time.Hour), now.Add(2*time.Hour))
	other, otherPool := certificate(t, "other.example.com", now.Add(-time.Hour), now.Add(time.Hour))
	certs := func(c ...tls.Certificate) *tls.Config { return &tls.Config{Certificates: c} }
	versions := func(from, to uint16) *tls.Config {
		return &tls.Config{Certificates: []tls.Certificate{good}, MinVersion: from, MaxVersion: to}
	}
	client := certs(good)
	client.ClientAuth = tls.RequireAnyClientCert
	client12 := client.Clone()
	client12.MaxVersion = tls.VersionTLS12

	for _, c := range []struct {
		name   string
		server *tls.Config
		roots  *x509.CertPool
		h2     bool
		status int
		reason webhook.Reason
		text   string // the body, or a part of the detail
	}{
		{"1.3", versions(tls.VersionTLS13, 0), goodPool, false, 200, "", "HTTP/1.1"},
		{"1.2", versions(0, tls.VersionTLS12), goodPool, false, 200, "", "HTTP/1.1"},
		{"1.1", versions(tls.VersionTLS10, tls.VersionTLS11), goodPool, false, 0, webhook.ReasonTLS, "TLS 1.2 or newer"},
		{"offers HTTP/2", certs(good), goodPool, true, 200, "", "HTTP/1.1"},
		{"expired", certs(expired), expiredPool, false, 0, webhook.ReasonTLS, "expired"},
		{"not yet valid", certs(future), futurePool, false, 0, webhook.ReasonTLS, "not yet valid"},
		{"other host", certs(other), otherPool, false, 0, webhook.ReasonTLS, "another host"},
		{"unknown issuer", certs(good), otherPool, false, 0, webhook.ReasonTLS, "issuer"},
		{"system roots", certs(good), nil, false, 0, webhook.ReasonTLS, "issuer"},
		{"wants a client certificate, 1.3", client, goodPool, false, 0, webhook.ReasonTLS, ""},
		{"wants a client certificate, 1.2", client12, goodPool, false, 0, webhook.ReasonTLS, ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			srv := secure(t, c.server, c.h2, proto)
			a := post(t, local(t, Config{RootCAs: c.roots}), srv.URL)
			want(t, a, c.status, c.reason)
			if !strings.Contains(a.Response+a.Detail, c.text) {
				t.Errorf("got %q %q, want %q", a.Response, a.Detail, c.text)
			}
		})
	}
}

func TestTLSConnectionFaults(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name     string
		timeout  time.Duration
		endpoint func(net.Conn)
		reason   webhook.Reason
	}{
		{"silent", short, hang, webhook.ReasonTimeout},
		{"speaks HTTP", 0, func(c net.Conn) { io.WriteString(c, "HTTP/1.1 400 Bad Request\r\n\r\n"); hang(c) }, webhook.ReasonTLS},
		{"closes", 0, func(c net.Conn) { c.Read(make([]byte, 4096)) }, webhook.ReasonConnection},
		{"resets", 0, func(c net.Conn) { c.(*net.TCPConn).SetLinger(0) }, webhook.ReasonConnection},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			url := strings.Replace(tcp(t, c.endpoint), "http", "https", 1)
			want(t, post(t, local(t, Config{Timeout: c.timeout}), url), 0, c.reason)
		})
	}
}

func TestNameIsVerifiedAndSent(t *testing.T) {
	t.Parallel()
	now := time.Now()
	cert, pool := certificate(t, "hooks.example.com", now.Add(-time.Hour), now.Add(time.Hour))
	srv := secure(t, &tls.Config{Certificates: []tls.Certificate{cert}}, false, func(w http.ResponseWriter, r *http.Request) {
		io.WriteString(w, r.TLS.ServerName+" "+r.Host)
	})
	_, port, _ := net.SplitHostPort(srv.Listener.Addr().String())
	s := local(t, Config{RootCAs: pool, Resolver: names{"hooks.example.com": {"127.0.0.1"}}.resolver()})
	a := post(t, s, "https://hooks.example.com:"+port)
	if a.Response != "hooks.example.com hooks.example.com:"+port {
		t.Errorf("got %+v", a)
	}
}
