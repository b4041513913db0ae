package local_test

import (
	"fmt"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/jobhook/jobhook/internal/local"
	"github.com/jobhook/jobhook/shared/signing"
)

const partnerSecret = "any text will do"

// partner posts a signed webhook to receive.
func (w *world) partner(body string) reply {
	w.t.Helper()
	scheme, err := signing.Lookup("github")
	must(w.t, err)
	secret, err := scheme.ParseSecret(partnerSecret)
	must(w.t, err)
	headers, err := signing.Sign(scheme, []signing.Secret{secret}, signing.Message{ID: "guid-" + body[5:6], Timestamp: time.Now(), Body: []byte(body)})
	must(w.t, err)
	flat := make([]string, 0, 2*len(headers))
	for _, h := range headers {
		flat = append(flat, h.Name, h.Value)
	}
	return w.do("POST", "/receive/partner", body, flat...)
}

func withSources(t *testing.T) func(*local.Options) {
	t.Helper()
	return func(o *local.Options) {
		config := `{"sources":{"partner":{"scheme":"github","secrets":["` + partnerSecret + `"]}}}`
		must(t, os.WriteFile(filepath.Join(o.Dir, "sources.json"), []byte(config), 0o600))
	}
}

func TestInboxShowsWhatWasReceived(t *testing.T) {
	w := run(t, withSources(t))
	equal(t, "before", compact(w.do("GET", "/v1/inbox", "").is(200)), `{"data":[],"next_cursor":null}`)
	for i := range 3 {
		w.partner(fmt.Sprintf(`{"n":%d}`, i)).is(200)
	}
	equal(t, "a duplicate", w.partner(`{"n":0}`).is(200)["duplicate"], any(true))
	var bodies []string
	path, pages := "/v1/inbox?limit=2", 0
	for path != "" {
		page := w.do("GET", path, "").is(200)
		for _, envelope := range page.list("data") {
			equal(t, "its source", envelope.text("source"), "partner")
			bodies = append(bodies, envelope.text("body"))
		}
		path = ""
		if next, more := page["next_cursor"].(string); more {
			path = "/v1/inbox?limit=2&cursor=" + next
		}
		pages++
	}
	equal(t, "the bodies, oldest first", compact(bodies), compact([]string{`{"n":0}`, `{"n":1}`, `{"n":2}`}))
	equal(t, "pages", pages, 2)
}

func TestInboxIsGuardedAsTheAPI(t *testing.T) {
	w := run(t, func(o *local.Options) { o.Key = "a-key-of-24-bytes-or-more" })
	for _, c := range []struct {
		name, method, path string
		status             int
		headers            []string
	}{
		{"with the key", "GET", "/v1/inbox", 200, []string{"Authorization", "Bearer a-key-of-24-bytes-or-more"}},
		{"no key", "GET", "/v1/inbox", 401, nil},
		{"another key", "GET", "/v1/inbox", 401, []string{"Authorization", "Bearer k-3cres"}},
		{"another scheme", "GET", "/v1/inbox", 401, []string{"Authorization", "Basic a-key-of-24-bytes-or-more"}},
		{"a page of another site", "GET", "/v1/inbox", 403, []string{"Authorization", "Bearer a-key-of-24-bytes-or-more", "Origin", "https://evil.example"}},
		{"DNS rebinding", "GET", "/v1/inbox", 403, []string{"Authorization", "Bearer a-key-of-24-bytes-or-more", "Host", "evil.example"}},
		{"POST", "POST", "/v1/inbox", 405, []string{"Authorization", "Bearer a-key-of-24-bytes-or-more"}},
		{"no limit", "GET", "/v1/inbox?limit=0", 400, []string{"Authorization", "Bearer a-key-of-24-bytes-or-more"}},
		{"too many", "GET", "/v1/inbox?limit=201", 400, []string{"Authorization", "Bearer a-key-of-24-bytes-or-more"}},
		{"a bad cursor", "GET", "/v1/inbox?cursor=x", 400, []string{"Authorization", "Bearer a-key-of-24-bytes-or-more"}},
	} {
		if r := w.do(c.method, c.path, "", c.headers...); r.status != c.status {
			t.Errorf("%s: %d, want %d: %s", c.name, r.status, c.status, r.body)
		}
	}
}
