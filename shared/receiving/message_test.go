package receiving_test

import (
	"bytes"
	"encoding/base64"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/jobhook/jobhook/shared/receiving"
)

func TestTheInboxMessageCarriesWhatMatters(t *testing.T) {
	s := sourceOf(t, "standard", `,"headers":["X-Tenant"]`, whsec)
	w := newWorld(s)
	r := signedBy(t, s, "msg_1", `{"a":"<é>"}`, at)
	for name, value := range map[string]string{
		"X-Tenant": "t1", "User-Agent": "sender/1", "Authorization": "Bearer hush", "Cookie": "hush-hush",
		"X-Github-Event": "push", "X-Api-Key": "hush-hush", "X-Other": "x", "X-Shopify-Access-Token": "hush-hush",
	} {
		r.Header.Set(name, value)
	}
	if a := w.Receive(t.Context(), r); a.Status != 200 {
		t.Fatalf("%d %s", a.Status, a.Body)
	}
	m := w.inbox.messages[0]
	if m.Source != "src" || m.ID != "msg_1" || len(m.DedupID) != 64 || bytes.Contains(m.Body, []byte("hush-hush")) || bytes.Contains(m.Body, []byte(`\u003c`)) {
		t.Errorf("source %s, id %s, dedup %s, body %s", m.Source, m.ID, m.DedupID, m.Body)
	}
	e := envelope(t, m)
	if e.Source != "src" || e.ID != "msg_1" || e.DedupID != m.DedupID || e.Scheme != "standard" || e.Body == nil || *e.Body != `{"a":"<é>"}` ||
		!e.ReceivedAt.Equal(at) || e.Timestamp == nil || !e.Timestamp.Equal(at.Truncate(time.Second)) {
		t.Errorf("%+v", e)
	}
	want := map[string]string{
		"content-type": "application/json", "user-agent": "sender/1", "x-tenant": "t1", "x-github-event": "push",
		"webhook-id": "msg_1", "webhook-timestamp": r.Header.Get("Webhook-Timestamp"),
	}
	if len(e.Headers) != len(want) {
		t.Errorf("headers %v, want %v", e.Headers, want)
	}
	for name, value := range want {
		if e.Headers[name] != value {
			t.Errorf("%s is %q, want %q", name, e.Headers[name], value)
		}
	}
}

func TestABodyThatIsNotTextComesInBase64(t *testing.T) {
	s := sourceOf(t, "sharpapi", "", "hush-hush-hush-hush")
	w := newWorld(s)
	body := "\x1f\x8b\xff\x00gzip"
	w.Receive(t.Context(), signedBy(t, s, "x", body, at))
	e := envelope(t, w.inbox.messages[0])
	if got, err := base64.StdEncoding.DecodeString(e.BodyBase64); err != nil || string(got) != body || e.Body != nil || e.Timestamp != nil {
		t.Errorf("%+v, %v", e, err)
	}
}

func TestWhatDoesNotFitIsRefusedBeforeTheClaim(t *testing.T) {
	s := sourceOf(t, "sharpapi", "", "hush-hush-hush-hush")
	for _, c := range []struct {
		name string
		body string
		want int
	}{
		{"the most", strings.Repeat("x", receiving.MaxMessage-1000), 200},
		{"as large as the queue's limit", strings.Repeat("x", receiving.MaxMessage), 413},
		{"larger", strings.Repeat("x", receiving.MaxMessage+1), 413},
		{"larger once escaped", strings.Repeat("\"", receiving.MaxMessage/2), 413},
		{"larger once in base64", strings.Repeat("\xff", receiving.MaxMessage*4/5), 413},
	} {
		w := newWorld(s)
		a := w.Receive(t.Context(), signedBy(t, s, "x", c.body, at))
		if a.Status != c.want || (c.want != 200) != (w.receipts.Len() == 0) {
			t.Errorf("%s: %d, %d receipts", c.name, a.Status, w.receipts.Len())
		}
		for _, m := range w.inbox.messages {
			if len(m.Body)+len(m.Source)+len(m.ID)+20 > receiving.MaxMessage {
				t.Errorf("%s: a message of %d bytes", c.name, len(m.Body))
			}
		}
	}
}

// FuzzBody sends any body the whole way: what is queued must give it back byte
// for byte, in characters that SQS takes.
func FuzzBody(f *testing.F) {
	for _, seed := range []string{"", "{}", "\x00\x01\x7f", "\xff", "\uFFFE\uFFFF\uFFFD", "<&>\u2028", `{"id":"\ud800"}`, "\U0001FFFE", "a=b&c=d", "\xED\xA0\x80"} {
		f.Add([]byte(seed), "application/json", "id-1")
	}
	f.Fuzz(func(t *testing.T, body []byte, contentType, id string) {
		s := sourceOf(t, "github", `,"require":["id"]`, "hush-hush-hush-hush")
		loose := s
		loose.Require = nil
		r := signedBy(t, s, "guid", string(body), at)
		r.Header["content-type"], r.Header["X-GitHub-Delivery"] = []string{contentType}, []string{id}
		w := newWorld(loose)
		a := w.Receive(t.Context(), r)
		if a.Status != http.StatusOK && !(a.Status == http.StatusRequestEntityTooLarge && len(body) > 100_000) {
			t.Fatalf("%d %s", a.Status, a.Body)
		}
		for _, m := range w.inbox.messages {
			checkMessage(t, m, body)
		}
		if _, err := receiving.Judge(s, r, 0, at); err != nil {
			checkRefusal(t, err, http.StatusUnprocessableEntity)
		}
	})
}

func checkMessage(t *testing.T, m receiving.Message, body []byte) {
	t.Helper()
	e := envelope(t, m)
	got, _ := base64.StdEncoding.DecodeString(e.BodyBase64)
	if e.Body != nil {
		got = []byte(*e.Body)
	}
	if !bytes.Equal(got, body) {
		t.Errorf("%q became %q", body, got)
	}
	if !utf8.Valid(m.Body) || strings.ContainsFunc(string(m.Body), refusedBySQS) || strings.ContainsFunc(m.ID, refusedBySQS) {
		t.Errorf("SQS refuses %q", m.Body)
	}
	if m.ID == "" || m.Source == "" {
		t.Error("an attribute is empty: SQS refuses that")
	}
}

// refusedBySQS: SendMessage takes #x9, #xA, #xD, #x20 to #xD7FF, #xE000 to
// #xFFFD and #x10000 to #x10FFFF.
func refusedBySQS(r rune) bool {
	return r != '\t' && r != '\n' && r != '\r' && (r < 0x20 || r > 0xD7FF && r < 0xE000 || r == 0xFFFE || r == 0xFFFF)
}

// FuzzHeaders sends anything in every header that is read, for each scheme.
func FuzzHeaders(f *testing.F) {
	f.Add("v1,AAAA", "1763640000", "msg_1", uint8(0))
	f.Add("t=1763640000,v1=00,v1=,=", "-1", "", uint8(4))
	f.Add("sha256=", "9999999999999", "a.b", uint8(5))
	f.Add("v0=", "1e9", "\x00", uint8(6))
	names := []string{"standard", "sharpapi", "unitary", "antinium", "stripe", "github", "slack", "shopify", "svix"}
	f.Fuzz(func(t *testing.T, signature, timestamp, id string, n uint8) {
		s := sourceOf(t, names[int(n)%len(names)], "", whsec)
		r := signedBy(t, s, "msg_1", "{}", at)
		good := r.Header.Get(s.Scheme.Header())
		r.Header.Set(s.Scheme.Header(), signature)
		for _, name := range []string{"Webhook-Timestamp", "Svix-Timestamp", "X-Slack-Request-Timestamp"} {
			r.Header.Set(name, timestamp)
		}
		for _, name := range []string{"Webhook-Id", "Svix-Id", "X-Github-Delivery", "X-Shopify-Webhook-Id"} {
			r.Header.Set(name, id)
		}
		w := newWorld(s)
		a := w.Receive(t.Context(), r)
		switch a.Status {
		case http.StatusBadRequest, http.StatusUnauthorized:
		case http.StatusOK:
			if len(signature) < len(good)-4 {
				t.Errorf("%q verifies", signature)
			}
		default:
			t.Errorf("%d %s", a.Status, a.Body)
		}
	})
}

// A consumer must know what a stranger may have changed.
func TestTheInboxKnowsWhatIsNotSigned(t *testing.T) {
	for _, c := range []struct {
		scheme string
		want   []string
	}{
		{"standard", []string{"content-type", "user-agent"}},
		{"svix", []string{"content-type", "user-agent"}},
		{"slack", []string{"content-type", "user-agent"}},
		{"sharpapi", []string{"content-type", "user-agent", "webhook-id", "webhook-timestamp"}},
		{"github", []string{"content-type", "user-agent", "x-github-delivery", "x-github-event"}},
		{"shopify", []string{"content-type", "user-agent", "x-shopify-shop-domain", "x-shopify-topic", "x-shopify-webhook-id"}},
	} {
		s := sourceOf(t, c.scheme, "", whsec)
		r := signedBy(t, s, "msg_1", "{}", at)
		r.Header.Set("User-Agent", "sender")
		switch c.scheme {
		case "github":
			r.Header.Set("X-GitHub-Event", "push")
		case "shopify":
			r.Header.Set("X-Shopify-Topic", "orders/create")
			r.Header.Set("X-Shopify-Shop-Domain", "a.myshopify.com")
		}
		w := newWorld(s)
		w.Receive(t.Context(), r)
		if got := envelope(t, w.inbox.messages[0]).Unsigned; !slices.Equal(got, c.want) {
			t.Errorf("%s: %q, want %q", c.scheme, got, c.want)
		}
	}
}
