package sender

import (
	"fmt"
	"net"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/jobhook/jobhook/shared/webhook"
)

// What a name resolves to is judged, however often it is asked and whatever
// form the answer has. The resolver is the test's, the guard is the real one:
// a listener on every loopback address counts what gets past it.
func TestNamesOfInternalAddresses(t *testing.T) {
	t.Parallel()
	port, count := listening(t)
	for _, addrs := range [][]string{
		{"127.0.0.1"},
		{"127.9.9.9"},
		{"10.0.0.1"},
		{"169.254.169.254"},
		{"192.168.1.1"},
		{"0.0.0.0"},
		{"100.64.0.1"},
		{"::1"},
		{"::"},
		{"::ffff:127.0.0.1"},
		{"::127.0.0.1"},
		{"64:ff9b::7f00:1"},
		{"2002:7f00:1::1"},
		{"fd00:ec2::254"},
		{"fe80::1"},
		{"ff02::1"},
		{"127.0.0.1", "10.0.0.1"},
		{"127.0.0.1", "::1"},
	} {
		s := sender(t, Config{Resolver: names{"evil.example.com": addrs}.resolver()})
		a := post(t, s, "https://evil.example.com:"+port)
		want(t, a, 0, webhook.ReasonAddressNotPublic)
		for _, addr := range addrs {
			if strings.Contains(a.Detail, addr) {
				t.Errorf("the answer tells what the name resolves to: %s", a.Detail)
			}
		}
	}
	if n := count.Load(); n != 0 {
		t.Errorf("%d connections got past the guard", n)
	}
}

func TestLoopbackSwitchAllowsNothingElse(t *testing.T) {
	t.Parallel()
	for _, addr := range []string{"10.0.0.1", "169.254.169.254", "0.0.0.0", "172.16.0.1", "::", "::127.0.0.1", "64:ff9b::7f00:1", "fd00::1", "fe80::1"} {
		s := local(t, Config{Resolver: names{"evil.example.com": {addr}}.resolver()})
		want(t, post(t, s, "https://evil.example.com"), 0, webhook.ReasonAddressNotPublic)
	}
}

// Of several addresses, only those that are permitted are tried.
func TestMixedAddresses(t *testing.T) {
	t.Parallel()
	srv := serve(t, func(http.ResponseWriter, *http.Request) {})
	_, port, _ := net.SplitHostPort(srv.Listener.Addr().String())
	mixed := names{"localhost": {"10.0.0.1", "127.0.0.1", "fd00::1"}, "a.example.com": {"10.0.0.1", "127.0.0.1", "fd00::1"}}
	s := local(t, Config{Resolver: mixed.resolver()})
	want(t, post(t, s, "http://localhost:"+port), 200, "")

	_, port, _ = net.SplitHostPort(closedPort(t))
	a := post(t, s, "https://a.example.com:"+port)
	if a.Reason != webhook.ReasonRefused && a.Reason != webhook.ReasonConnection { // by which address came first
		t.Errorf("reason %q: one of the addresses was tried", a.Reason)
	}
}

func TestGuardControl(t *testing.T) {
	t.Parallel()
	for address, ok := range map[string]bool{
		"93.184.215.14:443": true, "[2606:4700::1]:443": true,
		"127.0.0.1:443": false, "[::1]:443": false, "[::ffff:93.184.215.14]:443": false, "[fe80::1%eth0]:443": false,
		"[2606:4700::1%eth0]:443": false, "93.184.215.14:0": false, ":443": false, "": false, "example.com:443": false,
	} {
		g := guard{}
		if err := g.control(t.Context(), "tcp", address, nil); (err == nil) != ok {
			t.Errorf("%q: %v", address, err)
		}
	}
}

// The proxy would be asked for a name that is not loopback: those are never
// sent through a proxy, so an address would prove nothing.
func TestProxyFromEnvironmentIsIgnored(t *testing.T) {
	var asked atomic.Int32
	proxy := serve(t, func(w http.ResponseWriter, r *http.Request) { asked.Add(1); w.WriteHeader(502) })
	for _, k := range []string{"HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "http_proxy", "https_proxy", "all_proxy"} {
		t.Setenv(k, proxy.URL)
	}
	t.Setenv("NO_PROXY", "")
	if u, err := http.ProxyFromEnvironment(mustRequest(t, "https://hooks.example.com/")); err != nil || u == nil {
		t.Fatalf("the environment is not read, the test proves nothing: %v %v", u, err)
	}
	_, port, _ := net.SplitHostPort(closedPort(t))
	s := local(t, Config{Resolver: names{"hooks.example.com": {"127.0.0.1"}}.resolver()})
	want(t, post(t, s, "https://hooks.example.com:"+port), 0, webhook.ReasonRefused)
	if asked.Load() != 0 {
		t.Error("the proxy was asked")
	}
}

func mustRequest(t *testing.T, url string) *http.Request {
	r, err := http.NewRequest("POST", url, nil)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

// IPv6 loopback works where the machine has it.
func TestIPv6Loopback(t *testing.T) {
	t.Parallel()
	l, err := net.Listen("tcp", "[::1]:0")
	if err != nil {
		t.Skip("this machine has no IPv6: ", err)
	}
	srv := &http.Server{Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { fmt.Fprint(w, r.Host) })}
	go srv.Serve(l)
	t.Cleanup(func() { srv.Close() })
	want(t, post(t, local(t, Config{}), "http://"+l.Addr().String()), 200, "")
}

// net.Dialer returns the error of the first address alone.
func TestGuardReason(t *testing.T) {
	t.Parallel()
	first := &net.OpError{Op: "dial", Err: errNotPublic}
	for _, c := range []struct {
		name  string
		tried []string
		want  webhook.Reason
	}{
		{"one, refused", []string{"10.0.0.1:443"}, webhook.ReasonAddressNotPublic},
		{"all refused", []string{"10.0.0.1:443", "[fd00::1]:443"}, webhook.ReasonAddressNotPublic},
		{"refused, then one that failed", []string{"10.0.0.1:443", "93.184.215.14:443"}, webhook.ReasonConnection},
	} {
		g := guard{}
		for _, a := range c.tried {
			g.control(t.Context(), "tcp", a, nil)
		}
		if got := g.reason(first); got != c.want {
			t.Errorf("%s: %q, want %q", c.name, got, c.want)
		}
	}
}
