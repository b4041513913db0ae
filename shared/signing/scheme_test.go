package signing_test

import (
	"net/http"
	"slices"
	"strings"
	"testing"

	"github.com/jobhook/jobhook/shared/signing"
)

func TestLookupNamesTheChoices(t *testing.T) {
	_, err := signing.Lookup("hmac")
	for _, name := range signing.Names() {
		if err == nil || !strings.Contains(err.Error(), name) {
			t.Errorf("%v does not name %s", err, name)
		}
	}
}

func TestWithHeader(t *testing.T) {
	tests := map[string]struct {
		scheme, header string
		want           bool
	}{
		"own name":         {"antinium", "x-acme-signature", true},
		"fixed":            {"sharpapi", "X-Acme-Signature", false},
		"empty":            {"antinium", "", false},
		"line break":       {"antinium", "X-A\r\nX-B", false},
		"colon":            {"antinium", "X-A:", false},
		"content type":     {"antinium", "content-type", false},
		"standard's own":   {"antinium", "webhook-signature", false},
		"longer than long": {"antinium", strings.Repeat("x", 65), false},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			s, err := scheme(t, test.scheme).WithHeader(test.header)
			if (err == nil) != test.want {
				t.Fatalf("got %v", err)
			}
			if !test.want {
				return
			}
			h := signed(t, s, secrets(t, keyA), message)
			if h.Get("X-Acme-Signature") == "" || h.Get("X-Antinium-Signature") != "" {
				t.Errorf("headers %v", h)
			}
			if _, err := signing.Verify(s, secrets(t, keyA), h, message.Body, at, 0); err != nil {
				t.Error(err)
			}
		})
	}
	if s := scheme(t, "antinium"); s.Header() != "X-Antinium-Signature" {
		t.Errorf("WithHeader changed the table: %s", s.Header())
	}
}

func TestIdentity(t *testing.T) {
	hash := "sha256:" + "44136fa355b3678a1146ad16f7e8649e94fb4fc21fe77e8310c060f61caaff8a" // of {}
	tests := map[string]struct {
		scheme string
		header http.Header
		body   string
		want   string
		from   signing.IDSource
	}{
		"standard":               {"standard", http.Header{"webhook-id": {"msg_1"}}, "{}", "msg_1", signing.FromHeader},
		"svix":                   {"svix", http.Header{"Svix-Id": {"msg_1"}}, "{}", "msg_1", signing.FromHeader},
		"github":                 {"github", http.Header{"X-Github-Delivery": {"72d3162e"}}, "{}", "72d3162e", signing.FromHeader},
		"github, none":           {"github", nil, "{}", hash, signing.FromBodyHash},
		"github, twice":          {"github", http.Header{"X-Github-Delivery": {"a", "b"}}, "{}", hash, signing.FromBodyHash},
		"github, endless":        {"github", http.Header{"X-Github-Delivery": {strings.Repeat("a", 257)}}, "{}", hash, signing.FromBodyHash},
		"shopify":                {"shopify", http.Header{"X-Shopify-Webhook-Id": {"w"}, "X-Shopify-Event-Id": {"e"}}, "{}", "w", signing.FromHeader},
		"shopify, event id only": {"shopify", http.Header{"X-Shopify-Event-Id": {"e"}}, "{}", "e", signing.FromHeader},
		"stripe":                 {"stripe", nil, `{"object":{"id":"no"},"id":"evt_1"}`, "evt_1", signing.FromField},
		"stripe, a number":       {"stripe", nil, `{"id":12345678901234567890}`, "12345678901234567890", signing.FromField},
		"stripe, other case":     {"stripe", nil, `{"id":"evt_1","ID":"evt_2"}`, "evt_1", signing.FromField},
		"stripe, null":           {"stripe", nil, `{"id":null}`, "", signing.FromBodyHash},
		"stripe, not an object":  {"stripe", nil, `["id"]`, "", signing.FromBodyHash},
		"stripe, not JSON":       {"stripe", nil, `id`, "", signing.FromBodyHash},
		"slack":                  {"slack", nil, `{"type":"event_callback","event_id":"Ev1"}`, "Ev1", signing.FromField},
		"slack, a form":          {"slack", nil, "token=x&team_id=T1", "", signing.FromBodyHash},
		"sharpapi":               {"sharpapi", http.Header{"Webhook-Id": {"unsigned"}}, "{}", hash, signing.FromBodyHash},
		"unitary":                {"unitary", nil, "{}", hash, signing.FromBodyHash},
		"antinium":               {"antinium", nil, "{}", hash, signing.FromBodyHash},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			id, from := scheme(t, test.scheme).Identity().Of(test.header, []byte(test.body))
			if from != test.from || test.want != "" && id != test.want || id == "" {
				t.Errorf("%q from %s, want %q from %s", id, from, test.want, test.from)
			}
		})
	}
}

// An id that the signature covers cannot be changed by who replays a request.
func TestSignedIdentities(t *testing.T) {
	for _, name := range signing.Names() {
		want := !slices.Contains([]string{"github", "shopify"}, name)
		if got := scheme(t, name).Identity().Signed; got != want {
			t.Errorf("%s: %v", name, got)
		}
	}
}
