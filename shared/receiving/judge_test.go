package receiving_test

import (
	"encoding/base64"
	"encoding/json"
	"errors"
	"net/http"
	"net/netip"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/jobhook/jobhook/shared/receiving"
	"github.com/jobhook/jobhook/shared/signing"
)

// vector is one of shared/signing's, computed by two other implementations.
type vector struct {
	Name, Scheme, ID string
	Timestamp        int64
	Secrets          []string
	Body             string
	Headers          map[string]string
}

func vectors(t *testing.T) []vector {
	t.Helper()
	raw, err := os.ReadFile("../signing/testdata/vectors.json")
	if err != nil {
		t.Fatal(err)
	}
	var list []vector
	if err := json.Unmarshal(raw, &list); err != nil {
		t.Fatal(err)
	}
	return list
}

// verifying are the secrets as a receiver has them: public keys for private
// ones, where the scheme's own header has signatures of such.
func verifying(v vector) (list []string) {
	for _, text := range v.Secrets {
		var public string
		if s, err := signing.ParseSecret(text); err == nil {
			public, _ = s.PublicKey()
		}
		switch {
		case public == "":
			list = append(list, text)
		case v.Scheme == "standard" || v.Scheme == "svix":
			list = append(list, public)
		}
	}
	return list
}

// Every vector goes the whole way: configuration, lower-case header names as a
// Function URL gives them, verification, queue.
func TestEveryVectorIsReceived(t *testing.T) {
	seen := map[string]int{}
	for _, v := range vectors(t) {
		s := sourceOf(t, v.Scheme, "", verifying(v)...)
		w := newWorld(s)
		w.now = time.Unix(v.Timestamp, 0).UTC()
		r := receiving.Request{Source: "src", Method: http.MethodPost, Header: http.Header{}, Body: []byte(v.Body)}
		for name, value := range v.Headers {
			r.Header[strings.ToLower(name)] = []string{value}
		}
		if a := w.Receive(t.Context(), r); a.Status != http.StatusOK || w.inbox.count() != 1 {
			t.Errorf("%s: %d %s, %d queued", v.Name, a.Status, a.Body, w.inbox.count())
		}
		seen[v.Scheme]++
	}
	for _, name := range signing.Names() {
		if seen[name] == 0 {
			t.Errorf("no vector of scheme %s", name)
		}
	}
}

func TestJudgeRefuses(t *testing.T) {
	const body = `{"id":"evt_1","type":"x"}`
	other := func(t *testing.T, s receiving.Source, r *receiving.Request, scheme string) {
		t.Helper()
		o := sourceOf(t, scheme, "", s.Secrets[0].Reveal())
		r.Header.Set(s.Scheme.Header(), signedBy(t, o, "msg_1", body, at).Header.Get(o.Scheme.Header()))
	}
	for _, c := range []struct {
		name   string
		change func(*testing.T, receiving.Source, *receiving.Request)
		want   func(signing.Scheme) int // 0: received
	}{
		{"nothing changed", func(*testing.T, receiving.Source, *receiving.Request) {}, status(0)},
		{"a tampered body", func(_ *testing.T, _ receiving.Source, r *receiving.Request) { r.Body = append(r.Body, ' ') }, status(401)},
		{"another secret", func(t *testing.T, s receiving.Source, r *receiving.Request) {
			o := sourceOf(t, s.Scheme.Name(), "", "whsec_"+strings.Repeat("b3Ro", 8))
			*r = signedBy(t, o, "msg_1", body, at)
		}, status(401)},
		{"an old timestamp", func(t *testing.T, s receiving.Source, r *receiving.Request) {
			*r = signedBy(t, s, "msg_1", body, at.Add(-5*time.Minute-time.Second))
		}, timed(401)},
		{"a future timestamp", func(t *testing.T, s receiving.Source, r *receiving.Request) {
			*r = signedBy(t, s, "msg_1", body, at.Add(5*time.Minute+2*time.Second))
		}, timed(401)},
		{"one just within", func(t *testing.T, s receiving.Source, r *receiving.Request) {
			*r = signedBy(t, s, "msg_1", body, at.Add(-5*time.Minute+time.Second))
		}, status(0)},
		{"an empty header", func(_ *testing.T, s receiving.Source, r *receiving.Request) { r.Header.Set(s.Scheme.Header(), "") }, status(400)},
		{"no header", func(_ *testing.T, s receiving.Source, r *receiving.Request) { r.Header.Del(s.Scheme.Header()) }, status(400)},
		{"no signature in the header", func(_ *testing.T, s receiving.Source, r *receiving.Request) {
			r.Header.Set(s.Scheme.Header(), "sha256=")
		}, status(400)},
		{"the signature of another scheme", func(t *testing.T, s receiving.Source, r *receiving.Request) {
			scheme := "stripe"
			if s.Scheme.Name() == scheme {
				scheme = "github"
			}
			other(t, s, r, scheme)
		}, status(400)},
		{"the header twice, joined by the gateway", func(_ *testing.T, s receiving.Source, r *receiving.Request) {
			r.Header.Set(s.Scheme.Header(), r.Header.Get(s.Scheme.Header())+","+r.Header.Get(s.Scheme.Header()))
		}, twice},
		{"the header twice", func(_ *testing.T, s receiving.Source, r *receiving.Request) {
			r.Header[s.Scheme.Header()] = []string{r.Header.Get(s.Scheme.Header()), r.Header.Get(s.Scheme.Header())}
		}, twice},
		{"names in capitals", func(_ *testing.T, _ receiving.Source, r *receiving.Request) {
			for name, values := range r.Header.Clone() {
				delete(r.Header, name)
				r.Header[strings.ToUpper(name)] = values
			}
		}, status(0)},
	} {
		for _, scheme := range signing.Names() {
			t.Run(c.name+"/"+scheme, func(t *testing.T) {
				s := sourceOf(t, scheme, "", whsec)
				r := signedBy(t, s, "msg_1", body, at)
				c.change(t, s, &r)
				_, err := receiving.Judge(s, r, 0, at)
				checkRefusal(t, err, c.want(s.Scheme))
			})
		}
	}
}

func status(code int) func(signing.Scheme) int { return func(signing.Scheme) int { return code } }

// timed is for what matters only in schemes with a timestamp.
func timed(code int) func(signing.Scheme) int {
	return func(s signing.Scheme) int {
		if s.Timestamped() {
			return code
		}
		return 0
	}
}

// twice: a list may come in several headers; of Stripe's, t= may not.
func twice(s signing.Scheme) int {
	if s.Name() == "standard" || s.Name() == "svix" {
		return 0
	}
	return 400
}

func checkRefusal(t *testing.T, err error, want int) {
	t.Helper()
	var r *receiving.Refusal
	errors.As(err, &r)
	switch {
	case want == 0 && err != nil:
		t.Errorf("refused: %v", err)
	case want != 0 && r == nil:
		t.Errorf("got %v, want a refusal with %d", err, want)
	case want != 0 && (r.Status != want || r.Reason == "" || len(r.Reason) > 40 || r.Detail == ""):
		t.Errorf("got %d %q (%s), want %d", r.Status, r.Reason, r.Detail, want)
	}
}

func TestAGoodSignatureBesideBadOnesIsEnough(t *testing.T) {
	bad := map[string]string{
		"standard": "v1," + strings.Repeat("A", 43) + "= ", "svix": "v1a,AAAA v1," + strings.Repeat("A", 43) + "= ",
		"stripe": "v1=" + strings.Repeat("0", 64) + ",",
	}
	for scheme, extra := range bad {
		s := sourceOf(t, scheme, "", whsec)
		r := signedBy(t, s, "msg_1", `{}`, at)
		r.Header.Set(s.Scheme.Header(), extra+r.Header.Get(s.Scheme.Header()))
		if _, err := receiving.Judge(s, r, 0, at); err != nil {
			t.Errorf("%s: %v", scheme, err)
		}
	}
}

func TestEitherSecretHoldsDuringARotation(t *testing.T) {
	s := sourceOf(t, "github", "", "hush-hush-hush-new", "hush-hush-hush-old")
	r := signedBy(t, sourceOf(t, "github", "", "hush-hush-hush-old"), "guid", `{}`, at)
	if a, err := receiving.Judge(s, r, 0, at); err != nil || a.Secret != 1 {
		t.Errorf("signed with the old secret: %+v, %v", a, err)
	}
}

func TestEd25519IsVerifiedWithThePublicKeyAlone(t *testing.T) {
	private, err := signing.ParseSecret("whsk_" + base64.StdEncoding.EncodeToString([]byte(strings.Repeat("k", 32))))
	if err != nil {
		t.Fatal(err)
	}
	public, _ := private.PublicKey()
	for _, scheme := range []string{"standard", "svix"} {
		sender := sourceOf(t, scheme, "", whsec)
		sender.Secrets = []signing.Secret{private}
		r := signedBy(t, sender, "msg_1", `{}`, at)
		if !strings.HasPrefix(r.Header.Get(sender.Scheme.Header()), "v1a,") {
			t.Fatalf("%s: signed %s", scheme, r.Header)
		}
		s := sourceOf(t, scheme, "", public)
		if _, err := receiving.Judge(s, r, 0, at); err != nil {
			t.Errorf("%s: %v", scheme, err)
		}
		r.Body = []byte(`{ }`)
		_, err := receiving.Judge(s, r, 0, at)
		checkRefusal(t, err, 401)
	}
}

func TestJudgeAdmits(t *testing.T) {
	s := sourceOf(t, "github", `,"allow_ips":["192.0.2.0/24","2001:db8::/32"],"require":["id","data.items.1.name"]`, "hush-hush-hush-hush")
	const good = `{"id":0,"data":{"items":[{},{"name":""}]}}`
	for _, c := range []struct {
		name, method, ip, body string
		want                   int
	}{
		{"all right", "POST", "192.0.2.255", good, 0},
		{"all right over IPv6", "POST", "2001:db8::1", good, 0},
		{"all right, mapped", "POST", "::ffff:192.0.2.1", good, 0},
		{"an address beside", "POST", "192.0.3.0", good, 403},
		{"an unknown address", "POST", "", good, 403},
		{"a GET", "GET", "192.0.2.1", good, 405},
		{"a PUT", "PUT", "192.0.2.1", good, 405},
		{"no JSON", "POST", "192.0.2.1", "id=1", 422},
		{"a field missing", "POST", "192.0.2.1", `{"id":1}`, 422},
		{"a null", "POST", "192.0.2.1", strings.Replace(good, "0", "null", 1), 422},
		{"a list too short", "POST", "192.0.2.1", `{"id":0,"data":{"items":[{"name":1}]}}`, 422},
		{"an object for a list", "POST", "192.0.2.1", `{"id":0,"data":{"items":{"1":{"name":1}}}}`, 0},
		{"text for an object", "POST", "192.0.2.1", `{"id":0,"data":"items"}`, 422},
		{"too large", "POST", "192.0.2.1", good + strings.Repeat(" ", 1000), 413},
	} {
		t.Run(c.name, func(t *testing.T) {
			r := signedBy(t, s, "guid", c.body, at)
			r.Method = c.method
			r.IP, _ = netip.ParseAddr(c.ip)
			_, err := receiving.Judge(s, r, 1000, at)
			checkRefusal(t, err, c.want)
		})
	}
}

func TestNoUsableSecretIsOurFault(t *testing.T) {
	s := sourceOf(t, "github", "", "hush-hush-hush-hush")
	r := signedBy(t, s, "guid", `{}`, at)
	s.Secrets = nil
	if _, err := receiving.Judge(s, r, 0, at); !errors.Is(err, signing.ErrNoSecret) {
		t.Errorf("got %v, want %v", err, signing.ErrNoSecret)
	}
	w := newWorld(s)
	if a := w.Receive(t.Context(), r); a.Status != 503 || a.Header["Retry-After"] == "" || !strings.Contains(w.log.String(), "level=ERROR") {
		t.Errorf("answered %d %v, logged %s", a.Status, a.Header, w.log)
	}
}

func TestWhatIdentifiesADelivery(t *testing.T) {
	const body = `{"id":"evt_1","event_id":"Ev1","n":7,"type":"x"}`
	var digest string
	day := 24 * time.Hour
	for _, c := range []struct {
		name, scheme, more string
		id, receipt        string // "…" stands for the body's hash
		window             time.Duration
	}{
		{"a signed header", "standard", "", "msg_1", "msg_1", 30 * day},
		{"a signed header", "svix", "", "msg_1", "msg_1", 30 * day},
		{"a header that is not signed", "github", "", "msg_1", "msg_1#sha256:…", 30 * day},
		{"a header that is not signed", "shopify", "", "msg_1", "msg_1#sha256:…", 30 * day},
		{"a field", "stripe", "", "evt_1", "evt_1", 30 * day},
		{"a field", "slack", "", "Ev1", "Ev1", 30 * day},
		{"the body", "sharpapi", "", "sha256:…", "sha256:…", 30 * day},
		{"the body", "unitary", "", "sha256:…", "sha256:…", 30 * day},
		{"the body", "antinium", "", "sha256:…", "sha256:…", 30 * day},
		{"set: the body", "github", `,"id":"body"`, "sha256:…", "sha256:…", 7 * day},
		{"set: a field", "github", `,"id":"field:n"`, "7", "7", 30 * day},
		{"set: a field that is missing", "github", `,"id":"field:m"`, "sha256:…", "sha256:…", 7 * day},
		{"set: a header", "sharpapi", `,"id":"header:webhook-id"`, "msg_1", "msg_1#sha256:…", 30 * day},
		{"set: the scheme's own signed header", "standard", `,"id":"header:webhook-id"`, "msg_1", "msg_1", 30 * day},
		{"set: a window", "sharpapi", `,"dedup_window":"36h"`, "sha256:…", "sha256:…", 36 * time.Hour},
	} {
		t.Run(c.scheme+"/"+c.name, func(t *testing.T) {
			s := sourceOf(t, c.scheme, c.more, whsec)
			a, err := receiving.Judge(s, signedBy(t, s, "msg_1", body, at), 0, at)
			if err != nil {
				t.Fatal(err)
			}
			digest = a.Digest
			fill := func(s string) string { return strings.ReplaceAll(s, "…", digest) }
			if a.ID != fill(c.id) || a.ReceiptID != fill(c.receipt) || a.Window != c.window {
				t.Errorf("got %s, %s, %s; want %s, %s, %s", a.ID, a.ReceiptID, a.Window, fill(c.id), fill(c.receipt), c.window)
			}
			if left := a.ExpiresAt.Sub(at); left < c.window || left > c.window+time.Second || a.ExpiresAt.Nanosecond() != 0 {
				t.Errorf("its receipt expires after %s, want whole seconds after %s", left, c.window)
			}
		})
	}
}

// Why it does not hold is for the log: a stranger learns no more than that.
func TestA401SaysNoMore(t *testing.T) {
	s := sourceOf(t, "stripe", "", "hush-hush-hush-hush")
	tampered := signedBy(t, s, "x", `{"id":"evt_1"}`, at)
	tampered.Body = append(tampered.Body, ' ')
	w := newWorld(s)
	mismatch := w.Receive(t.Context(), tampered)
	stale := w.Receive(t.Context(), signedBy(t, s, "x", `{"id":"evt_1"}`, at.Add(-time.Hour)))
	if mismatch.Status != 401 || stale.Status != 401 || string(mismatch.Body) != string(stale.Body) {
		t.Errorf("%d %s and %d %s; want one answer", mismatch.Status, mismatch.Body, stale.Status, stale.Body)
	}
	for _, want := range []string{"signature mismatch: Stripe-Signature", "timestamp outside the tolerance: Stripe-Signature"} {
		if !strings.Contains(w.log.String(), want) {
			t.Errorf("no %q in the log: %s", want, w.log)
		}
	}
}

func TestAnIDThatIsNotThereIsReported(t *testing.T) {
	for _, c := range []struct {
		scheme, more string
		warned       bool
	}{
		{"github", `,"id":"field:missing"`, true},
		{"sharpapi", `,"id":"header:X-Missing"`, true},
		{"github", `,"id":"field:n"`, false},
		{"github", `,"id":"body"`, false},
		{"slack", "", false}, // by its own scheme
	} {
		s := sourceOf(t, c.scheme, c.more, "hush-hush-hush-hush")
		w := newWorld(s)
		a := w.Receive(t.Context(), signedBy(t, s, "msg_1", `{"n":7}`, at))
		warned := strings.Contains(w.log.String(), "level=WARN") && strings.Contains(w.log.String(), "is not in the request")
		if a.Status != 200 || warned != c.warned {
			t.Errorf("%s%s: %d, warned %t, want %t: %s", c.scheme, c.more, a.Status, warned, c.warned, w.log)
		}
	}
}
