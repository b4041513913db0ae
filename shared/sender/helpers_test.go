package sender

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"encoding/binary"
	"io"
	"math/big"
	"net"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/jobhook/jobhook/shared/webhook"
)

// short is the deadline of tests that wait for it to pass.
const short = 150 * time.Millisecond

// secret is in every URL, header and body that the tests send, and must be in
// nothing that comes back.
const secret = "s3cr3t"

func request(url string) Request {
	return Request{
		URL:    url + "/hook?token=" + secret,
		Header: http.Header{"Webhook-Signature": {secret}, "User-Agent": {"test"}},
		Body:   []byte(`{"key":"` + secret + `"}`),
	}
}

// local returns a sender that may post to loopback.
func local(t testing.TB, c Config) *Sender {
	c.AllowLoopback = true
	return sender(t, c)
}

func sender(t testing.TB, c Config) *Sender {
	if c.Timeout == 0 {
		c.Timeout = 20 * time.Second // never the reason on a busy machine
	}
	s := New(c)
	t.Cleanup(s.CloseIdle)
	return s
}

// post sends and fails the test on a fault of ours or a leak.
func post(t testing.TB, s *Sender, url string) Answer {
	t.Helper()
	a, err := s.Send(context.Background(), request(url))
	if err != nil {
		t.Fatalf("Send: %v", err)
	}
	if strings.Contains(a.Response+a.Detail+string(a.Reason), secret) {
		t.Errorf("the answer holds the secret: %+v", a)
	}
	return a
}

func want(t testing.TB, a Answer, status int, reason webhook.Reason) {
	t.Helper()
	if a.StatusCode != status || a.Reason != reason || a.Delivered() != (reason == "") {
		t.Errorf("got status %d reason %q (%s), want status %d reason %q", a.StatusCode, a.Reason, a.Detail, status, reason)
	}
	if (a.Detail == "") != (reason == "") {
		t.Errorf("reason %q comes with detail %q", reason, a.Detail)
	}
}

func serve(t testing.TB, h http.HandlerFunc) *httptest.Server {
	srv := httptest.NewServer(h)
	t.Cleanup(srv.Close)
	return srv
}

// tcp serves raw connections and returns http://address; f runs once for each
// and the connection is closed after it.
func tcp(t testing.TB, f func(net.Conn)) string {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close() })
	go func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			go func() { defer c.Close(); f(c) }()
		}
	}()
	return "http://" + l.Addr().String()
}

// hang keeps the connection until the other side leaves.
func hang(c net.Conn) { io.Copy(io.Discard, c) }

// readRequest reads one request with its body.
func readRequest(c io.Reader) error {
	buf, n := make([]byte, 8<<10), 0
	for !strings.HasSuffix(string(buf[:n]), `"}`) {
		m, err := c.Read(buf[n:])
		if n += m; err != nil {
			return err
		}
	}
	return nil
}

// listening counts what connects to a port and says how often.
func listening(t testing.TB) (port string, count *atomic.Int32) {
	count = new(atomic.Int32)
	url := tcp(t, func(net.Conn) { count.Add(1) })
	return url[strings.LastIndexByte(url, ':')+1:], count
}

func closedPort(t testing.TB) string {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	return l.Addr().String()
}

// names is a DNS server: what is not in it does not exist.
type names map[string][]string

func (n names) resolver() *net.Resolver {
	return &net.Resolver{PreferGo: true, Dial: func(context.Context, string, string) (net.Conn, error) {
		client, server := net.Pipe() // not a PacketConn: framed as over TCP
		go n.serve(server)
		return client, nil
	}}
}

func (n names) serve(c net.Conn) {
	defer c.Close()
	for {
		var size [2]byte
		if _, err := io.ReadFull(c, size[:]); err != nil {
			return
		}
		q := make([]byte, binary.BigEndian.Uint16(size[:]))
		if _, err := io.ReadFull(c, q); err != nil {
			return
		}
		a := n.answer(q)
		if _, err := c.Write(append(binary.BigEndian.AppendUint16(nil, uint16(len(a))), a...)); err != nil {
			return
		}
	}
}

// answer builds a message of RFC 1035, section 4.
func (n names) answer(q []byte) []byte {
	name, at := "", 12
	for q[at] != 0 {
		name += string(q[at+1:at+1+int(q[at])]) + "."
		at += 1 + int(q[at])
	}
	kind := binary.BigEndian.Uint16(q[at+1:])
	addrs, known := n[strings.TrimSuffix(name, ".")]
	var answers []byte
	count := uint16(0)
	for _, a := range addrs {
		ip := netip.MustParseAddr(a)
		if ip.Is4() != (kind == 1) || ip.Is6() != (kind == 28) {
			continue
		}
		count++
		answers = append(answers, 0xc0, 12, 0, byte(kind), 0, 1, 0, 0, 0, 60, 0, byte(ip.BitLen()/8))
		answers = append(answers, ip.AsSlice()...)
	}
	head := []byte{q[0], q[1], 0x81, 0x80, 0, 1, 0, byte(count), 0, 0, 0, 0}
	if !known {
		head[3] |= 3 // NXDOMAIN
	}
	return append(append(head, q[12:at+5]...), answers...)
}

// certificate makes a self-signed one for host and the pool that trusts it.
func certificate(t testing.TB, host string, from, to time.Time) (tls.Certificate, *x509.CertPool) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	tmpl := &x509.Certificate{
		SerialNumber: big.NewInt(1), DNSNames: []string{host}, NotBefore: from, NotAfter: to,
		IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageDigitalSignature | x509.KeyUsageCertSign,
	}
	if ip := net.ParseIP(host); ip != nil {
		tmpl.DNSNames, tmpl.IPAddresses = nil, []net.IP{ip}
	}
	der, err := x509.CreateCertificate(rand.Reader, tmpl, tmpl, key.Public(), key)
	if err != nil {
		t.Fatal(err)
	}
	leaf, err := x509.ParseCertificate(der)
	if err != nil {
		t.Fatal(err)
	}
	pool := x509.NewCertPool()
	pool.AddCert(leaf)
	return tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key}, pool
}
