package api_test

import (
	"io"
	"net/http"
	"strings"
	"testing"

	"github.com/jobhook/jobhook/shared/api"
	"github.com/jobhook/jobhook/shared/webhook"
)

type deps = api.Deps

// privateKey is an ed25519 seed of 32 zero bytes.
const privateKey = "whsk_AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA="

// chunked posts n bytes of a JSON string without stating their number.
func chunked(t testing.TB, url string, n int) answer {
	t.Helper()
	body := io.MultiReader(strings.NewReader(`{"description":"`), io.LimitReader(endless{}, int64(n)), strings.NewReader(`"}`))
	req, err := http.NewRequest(http.MethodPost, url, struct{ io.Reader }{body})
	must(t, err)
	req.Header.Set("Content-Type", "application/json")
	res, err := http.DefaultTransport.RoundTrip(req)
	must(t, err)
	defer func() { _ = res.Body.Close() }()
	raw, err := io.ReadAll(res.Body)
	must(t, err)
	return answer{t, res.StatusCode, res.Header, raw}
}

type endless struct{}

func (endless) Read(p []byte) (int, error) {
	for i := range p {
		p[i] = 'x'
	}
	return len(p), nil
}

func TestMethods(t *testing.T) {
	f := serve(t)
	for path, allow := range map[string]string{
		"/v1/accounts/acme/events":                    "POST",
		"/v1/accounts/acme/events/e":                  "GET, HEAD",
		"/v1/accounts/acme/jobs/j":                    "GET, HEAD",
		"/v1/accounts/acme/deliveries/d":              "GET, HEAD",
		"/v1/accounts/acme/endpoints":                 "GET, POST, HEAD",
		"/v1/accounts/acme/endpoints/ep_a":            "DELETE, GET, PATCH, HEAD",
		"/v1/accounts/acme/endpoints/ep_a/deliveries": "GET, HEAD",
		"/v1/rejected":                                "GET, HEAD",
	} {
		for _, method := range []string{"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE", "BREW"} {
			a := f.do(method, path, "")
			if known := strings.Contains(", "+allow+",", ", "+method+","); known == (a.status == 405) {
				t.Errorf("%s %s: status %d", method, path, a.status)
			}
			if a.status == 405 {
				if method != "HEAD" {
					a.problem(405, "")
				}
				if got := a.header.Get("Allow"); got != allow {
					t.Errorf("%s %s: Allow %q, want %q", method, path, got, allow)
				}
			}
		}
	}
}

func TestUnknownPaths(t *testing.T) {
	f := serve(t)
	for _, path := range []string{
		"", "/", "/v1", "/v1/", "/v2/accounts/acme/endpoints", "/v1/accounts", "/v1/accounts/acme", "/v1/accounts/acme/",
		"/v1/accounts//endpoints", "/v1/accounts/acme/endpoints/", "/v1/accounts/acme/endpoints/ep_a/", "/v1/accounts/acme/endpoints/ep_a/deliveries/x",
		"/v1/accounts/acme/events/", "/v1/accounts/acme/events/a/b", "/v1/rejected/", "//v1/rejected", "/v1/../v1/rejected/x", "/V1/rejected",
		"/v1/accounts/acme/endpoint%73/x/y",
	} {
		f.do("GET", path, "").problem(404, "")
	}
}

func TestUnknownThings(t *testing.T) {
	f := serve(t)
	for _, id := range []string{"ep_unknown", "jobs", "Job", "x", "ep_", "ep_%2e%2e", "EP_A", "ep_a%20b", "ep_" + strings.Repeat("a", 100)} {
		path := "/v1/accounts/acme/endpoints/" + id
		f.do("GET", path, "").problem(404, "")
		f.do("DELETE", path, "").problem(404, "")
		f.do("PATCH", path, `{"enabled":false}`).problem(404, "")
		f.do("GET", path+"/deliveries", "").problem(404, "")
		f.do("GET", path+"/deliveries?status=failed", "").problem(404, "")
	}
	known := f.claimed("e", "ep_a")
	for _, path := range []string{
		"events/unknown", "events/a%2Fb%2Fc", "events/msg_", "events/" + webhook.MessageID("acme", "j", "e"),
		"events/" + known.MessageID + "?job=e", "events/e?job=", "events/e?job=unknown", "jobs/unknown", "jobs/" + known.MessageID,
		"deliveries/unknown", "deliveries/" + known.MessageID, "deliveries/" + known.MessageID + ".", "deliveries/" + known.MessageID + ".job",
		"deliveries/" + known.MessageID + ".ep_a.", "deliveries/" + webhook.MessageID("acme", "j", "e") + ".ep_a",
	} {
		f.do("GET", "/v1/accounts/acme/"+path, "").problem(404, "")
	}
	for _, path := range []string{"events/" + known.MessageID, "events/e?job=e", "jobs/e", "deliveries/" + known.MessageID + ".ep_a"} {
		f.do("GET", "/v1/accounts/acme/"+path, "").is(200)
		f.do("GET", "/v1/accounts/other/"+path, "").problem(404, "")
	}
}

func TestHead(t *testing.T) {
	f := serve(t)
	id := text(f.create(`{"url":"https://example.com/"}`)["id"])
	for _, path := range []string{"/v1/accounts/acme/endpoints", "/v1/accounts/acme/endpoints/" + id, "/v1/accounts/acme/events/x", "/v1/accounts/acme/endpoints/job", "/v1/rejected"} {
		get, head := f.do("GET", path, ""), f.do("HEAD", path, "")
		if head.status != get.status || len(head.body) != 0 || head.header.Get("Content-Length") != get.header.Get("Content-Length") {
			t.Errorf("%s: HEAD %d, %q bytes; GET %d, %d bytes", path, head.status, head.header.Get("Content-Length"), get.status, len(get.body))
		}
	}
}

func TestContentTypes(t *testing.T) {
	f := serve(t)
	id := text(f.create(`{"url":"https://example.com/"}`)["id"])
	for _, c := range []struct {
		contentType string
		taken       bool
	}{
		{"application/json", true},
		{"application/json; charset=utf-8", true},
		{"Application/JSON;charset=UTF-8", true},
		{"application/merge-patch+json", true},
		{"application/cloudevents+json", true},
		{"", false},
		{"text/plain", false},
		{"text/plain;charset=UTF-8", false},
		{"application/x-www-form-urlencoded", false},
		{"multipart/form-data; boundary=x", false},
		{"application/jsonp", false},
		{"text/json", false},
		{"json", false},
		{"application/json; charset=iso-8859-1", false},
		{"application/json, text/plain", false},
	} {
		for method, path := range map[string]string{"POST": "/v1/accounts/acme/events", "PATCH": "/v1/accounts/acme/endpoints/" + id} {
			body := `{"id":"1","status":"s","type":"t"}`
			if method == "PATCH" {
				body = `{"enabled":true}`
			}
			a := f.do(method, path, body, "Content-Type", c.contentType)
			if c.taken == (a.status == 415) || c.taken && a.status >= 300 {
				t.Errorf("%s %q: status %d %s", method, c.contentType, a.status, a.body)
			}
			if a.status == 415 {
				a.problem(415, "")
			}
		}
	}
	f.do("POST", "/v1/accounts/acme/events", "x", "Content-Encoding", "gzip").problem(415, "")
}

func TestKey(t *testing.T) {
	f := serve(t, func(d *deps) { d.Key = "k-3cret" })
	for _, c := range []struct {
		authorization string
		status        int
	}{
		{"Bearer k-3cret", 200},
		{"bearer k-3cret", 200},
		{"BEARER  k-3cret", 200},
		{"", 401},
		{"Bearer", 401},
		{"Bearer ", 401},
		{"Bearer k-3cre", 401},
		{"Bearer k-3cret2", 401},
		{"Bearer K-3CRET", 401},
		{"Basic k-3cret", 401},
		{"k-3cret", 401},
		{"Bearer k-3cret, Bearer x", 401},
	} {
		a := f.do("GET", "/v1/accounts/acme/endpoints", "", "Authorization", c.authorization)
		if a.status != c.status {
			t.Errorf("%q: status %d, want %d", c.authorization, a.status, c.status)
		}
		if a.status == 401 {
			a.problem(401, "")
			if !strings.HasPrefix(a.header.Get("WWW-Authenticate"), "Bearer ") {
				t.Errorf("%q: WWW-Authenticate %q", c.authorization, a.header.Get("WWW-Authenticate"))
			}
			if strings.Contains(string(a.body), "3cre") {
				t.Errorf("%q: the answer quotes the key", c.authorization)
			}
		}
	}
	// Nothing is told, nor done, without it.
	f.do("GET", "/nowhere", "").problem(401, "")
	f.do("PUT", "/v1/rejected", "").problem(401, "")
	f.do("POST", "/v1/accounts/acme/endpoints", `{"url":"https://example.com/"}`).problem(401, "")
	if n := len(f.stored("acme")); n != 0 {
		t.Errorf("%d endpoints stored", n)
	}
}

func TestNoRejectedList(t *testing.T) {
	f := serve(t, func(d *deps) { d.Rejected = nil })
	f.do("GET", "/v1/rejected", "").problem(404, "")
}
