package sender

import (
	"errors"
	"net/netip"
	"net/url"
	"strings"
	"testing"

	"github.com/jobhook/jobhook/shared/webhook"
)

func TestCheckURL(t *testing.T) {
	t.Parallel()
	const ok, bad, internal = webhook.Reason(""), webhook.ReasonBadURL, webhook.ReasonAddressNotPublic
	for _, c := range []struct {
		url    string
		strict webhook.Reason // in production
		local  webhook.Reason // with AllowLoopback
	}{
		{"https://example.com", ok, ok},
		{"https://example.com/hook?job=1&token=" + secret, ok, ok},
		{"HTTPS://EXAMPLE.COM:8443/", ok, ok},
		{"https://example.com:", ok, ok},
		{"https://example.com./", ok, ok},
		{"https://a_b.example.com/#frag", ok, ok},
		{"https://xn--bcher-kva.example/", ok, ok},
		{"https://93.184.215.14/", ok, ok},
		{"https://[2606:4700::1]:443/", ok, ok},
		{"https://1.example.com", ok, ok},
		{"https://0x.example.com", ok, ok},
		{"https://example.com/a%20b/ü{}", ok, ok},

		{"", bad, bad},
		{"example.com/hook", bad, bad},
		{"/hook", bad, bad},
		{"//example.com/hook", bad, bad},
		{"https:example.com", bad, bad},
		{"https:///hook", bad, bad},
		{"https://:443/", bad, bad},
		{"https://?x", bad, bad},
		{"ftp://example.com", bad, bad},
		{"javascript:alert(1)", bad, bad},
		{"file:///etc/passwd", bad, bad},
		{"http://example.com", bad, bad},
		{"https://user:" + secret + "@example.com", bad, bad},
		{"https://" + secret + "@example.com", bad, bad},
		{"https://user:" + secret + "/x@example.com", bad, bad},
		{"https://@example.com", bad, bad},
		{"https://example.com:0/", bad, bad},
		{"https://example.com:65536/", bad, bad},
		{"https://example.com:99999999999999999999/", bad, bad},
		{"https://example.com:" + secret, bad, bad},
		{"https://example.com:-1", bad, bad},
		{"https://example.com:1:2", bad, bad},
		{" https://example.com", bad, bad},
		{"https://example.com/a b", bad, bad},
		{"https://example.com/?a b", bad, bad},
		{"https://example.com/\r\nX: y", bad, bad},
		{"https://exa\tmple.com", bad, bad},
		{"https://example.com\\@evil.example", bad, bad},
		{"https://exam%70le.com", bad, bad},
		{"https://bücher.example", bad, bad},
		{"https://①②⑦.⓪.⓪.①/", bad, bad},
		{"https://127。0。0。1/", bad, bad},
		{"https://exa{mple.com", bad, bad},
		{"https://a,b.com", bad, bad},

		{"https://127.0.0.1", internal, ok},
		{"https://127.255.255.255:9/", internal, ok},
		{"https://[::1]", internal, ok},
		{"https://[0:0:0:0:0:0:0:1]", internal, ok},
		{"https://localhost", internal, ok},
		{"https://LOCALHOST.", internal, ok},
		{"https://a.localhost", internal, ok},
		{"http://127.0.0.1:8080", bad, ok},
		{"http://[::1]:8080", bad, ok},
		{"http://localhost:8080", bad, ok},
		{"http://LocalHost:8080", bad, ok},
		{"http://a.localhost", bad, bad},
		{"http://93.184.215.14", bad, bad},
		{"http://10.0.0.1", bad, bad},
		{"http://[::ffff:127.0.0.1]", bad, bad},

		{"https://10.0.0.1", internal, internal},
		{"https://169.254.169.254/latest/meta-data", internal, internal},
		{"https://0.0.0.0", internal, internal},
		{"https://255.255.255.255", internal, internal},
		{"https://[::]", internal, internal},
		{"https://[::ffff:93.184.215.14]", internal, internal},
		{"https://[::ffff:7f00:1]", internal, internal},
		{"https://[::127.0.0.1]", internal, internal},
		{"https://[64:ff9b::10.0.0.1]", internal, internal},
		{"https://[fe80::1%25eth0]", internal, internal},
		{"https://[2606:4700::1%25eth0]", internal, internal},
		{"https://[fd00:ec2::254]", internal, internal},

		{"https://2130706433", bad, bad},
		{"https://0x7f000001", bad, bad},
		{"https://0x7f.0.0.1", bad, bad},
		{"https://0X7F.1", bad, bad},
		{"https://0177.0.0.1", bad, bad},
		{"https://017700000001", bad, bad},
		{"https://127.1", bad, bad},
		{"https://127.0.1", bad, bad},
		{"https://127.0.0.1.", bad, bad},
		{"https://127.0.0.0x1", bad, bad},
		{"https://1.2.3.4.5", bad, bad},
		{"https://256.256.256.256", bad, bad},
		{"https://0x", bad, bad},
		{"https://a.0", bad, bad},
		{"https://[127.0.0.1]", bad, bad},
		{"https://[example.com]", bad, bad},
		{"https://[::1", bad, bad},
		{"https://::1/", bad, bad},
		{"https://2606:4700::1/", bad, bad},
		{"https://[]/", bad, bad},
	} {
		checkURL(t, c.url, false, c.strict)
		checkURL(t, c.url, true, c.local)
	}
}

func checkURL(t *testing.T, raw string, allowLoopback bool, reason webhook.Reason) {
	t.Helper()
	err := CheckURL(raw, allowLoopback)
	var ue *URLError
	switch {
	case err == nil && reason != "":
		t.Errorf("%q (loopback %v): accepted, want %s", raw, allowLoopback, reason)
	case err == nil:
	case !errors.As(err, &ue) || ue.Reason != reason:
		t.Errorf("%q (loopback %v): %v, want reason %q", raw, allowLoopback, err, reason)
	case strings.Contains(err.Error(), secret):
		t.Errorf("the error holds the secret: %v", err)
	}
	s := &Sender{allow: exceptions(allowLoopback, nil)}
	if got := s.CheckURL(raw); (got == nil) != (err == nil) {
		t.Errorf("%q: the sender says %v", raw, got)
	}
}

// What is accepted leads to no address that is not public without a name
// between, and holds no user info; what is refused says so without quoting.
func FuzzCheckURL(f *testing.F) {
	for _, s := range []string{"https://example.com/?a=b", "https://[::1]/", "http://127.0.0.1", "https://0x7f.1/", "https://u:p@h", "https://①.example", "https:x", "https://a%2fb/%2f{"} {
		f.Add(s, false)
		f.Add(s, true)
	}
	f.Fuzz(func(t *testing.T, raw string, allow bool) {
		err := CheckURL(raw, allow)
		var ue *URLError
		if err != nil {
			if !errors.As(err, &ue) || ue.Reason != webhook.ReasonBadURL && ue.Reason != webhook.ReasonAddressNotPublic || ue.Problem == "" {
				t.Errorf("%q: %v", raw, err)
			}
			return
		}
		u, perr := url.Parse(raw)
		if perr != nil || u.User != nil || u.Hostname() == "" || u.Scheme != "https" && !(allow && u.Scheme == "http") {
			t.Fatalf("%q is accepted: %v %v", raw, u, perr)
		}
		if a, aerr := netip.ParseAddr(u.Hostname()); aerr == nil && !Public(a) && !(allow && a.IsLoopback()) {
			t.Errorf("%q is accepted, and is not public", raw)
		}
	})
}
