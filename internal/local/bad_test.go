package local_test

import (
	"strings"
	"testing"

	"github.com/jobhook/jobhook/internal/local"
)

func TestBadInputStoresNothing(t *testing.T) {
	w := run(t)
	for _, c := range []struct {
		name, path, body string
		status           int
		field            string
	}{
		{"not JSON", "/events", `{"id":`, 400, ""},
		{"empty", "/events", ` `, 400, ""},
		{"a list", "/events", `[1]`, 400, ""},
		{"no id", "/events", `{"status":"s","type":"t"}`, 400, "id"},
		{"id no string", "/events", `{"id":1,"status":"s","type":"t"}`, 400, "id"},
		{"callback no URL", "/events", `{"id":"1","status":"s","type":"t","callback_url":"example.com"}`, 400, "callback_url"},
		{"profile", "/events", `{"id":"1","status":"s","type":"t","callback_url":"https://example.com","callback_profile":"x"}`, 400, "callback_profile"},
		{"another account", "/events", `{"id":"1","status":"s","type":"t","account":"other"}`, 400, "account"},
		{"time", "/events", `{"id":"1","status":"s","type":"t","occurred_at":"today"}`, 400, "occurred_at"},
		{"too large", "/events", `{"id":"1","status":"s","type":"t","error":"` + strings.Repeat("x", 300<<10) + `"}`, 413, "error"},
		{"a typo", "/events", `{"id":"1","status":"s","type":"t","callback_ulr":"https://example.com"}`, 400, "callback_ulr"},
		{"a slash", "/events", `{"id":"1","status":"s","type":"t/u"}`, 400, "type"},
		{"no URL", "/endpoints", `{}`, 400, "url"},
		{"bad URL", "/endpoints", `{"url":"ftp://example.com"}`, 400, "url"},
		{"private", "/endpoints", `{"url":"https://10.0.0.1/"}`, 400, "url"},
		{"bad profile", "/endpoints", `{"url":"https://example.com","profile":"x"}`, 400, "profile"},
		{"bad events", "/endpoints", `{"url":"https://example.com","events":"*"}`, 400, "events"},
		{"unknown field", "/endpoints", `{"url":"https://example.com","urls":1}`, 400, "urls"},
	} {
		t.Run(c.name, func(t *testing.T) {
			r := w.do("POST", acme+c.path, c.body)
			equal(t, "content type", r.header.Get("Content-Type"), "application/problem+json")
			p := r.is(c.status)
			field, _ := p["field"].(string)
			equal(t, "field", field, c.field)
			if len(p.text("detail")) < 10 {
				t.Errorf("detail %q says too little", p.text("detail"))
			}
		})
	}
	equal(t, "endpoints", compact(w.do("GET", acme+"/endpoints", "").is(200)["data"]), "[]")
	equal(t, "rejected", compact(w.do("GET", "/v1/rejected", "").is(200)["data"]), "[]")
	w.do("GET", acme+"/events/t.s%2F1%2Fs", "").is(404)
	equal(t, "another account's event", w.do("GET", "/v1/accounts/other/events/t.s%2F1%2Fs", "").status, 404)
}

func TestTheSameKeyWithAnotherBodyConflicts(t *testing.T) {
	w := run(t)
	w.publish(job)
	w.do("POST", acme+"/events", strings.Replace(job, "hola", "adiós", 1)).is(409)
}

func TestPathsAndMethods(t *testing.T) {
	w := run(t)
	for path, status := range map[string]int{
		"GET /": 404, "GET /v2": 404, "GET /v1/accounts/acme/events": 405, "DELETE " + acme + "/endpoints": 405,
		"GET /favicon.ico": 404, "POST /receive/unknown": 404,
	} {
		method, path, _ := strings.Cut(path, " ")
		if got := w.do(method, path, ""); got.status != status {
			t.Errorf("%s %s: status %d, want %d: %s", method, path, got.status, status, got.body)
		}
	}
}

func TestNoWebPageReachesIt(t *testing.T) {
	w := run(t)
	for _, c := range []struct {
		name, header, value string
		refused             bool
	}{
		{"rebound name", "Host", "evil.example:8787", true},
		{"another page", "Origin", "https://evil.example", true},
		{"a file's page", "Origin", "null", true},
		{"another port's page", "Origin", "http://127.0.0.1:1", true},
		{"another site, says the browser", "Sec-Fetch-Site", "cross-site", true},
		{"localhost", "Host", "localhost:8787", false},
	} {
		t.Run(c.name, func(t *testing.T) {
			for what, call := range map[string]func() reply{
				"API":       func() reply { return w.do("POST", acme+"/events", job, c.header, c.value) },
				"PutEvents": func() reply { return w.putEvents(`{"Entries":[]}`, c.header, c.value) },
			} {
				if got := call(); (got.status == 403) != c.refused {
					t.Errorf("%s: status %d %s", what, got.status, got.body)
				}
			}
		})
	}
}

func TestTheKey(t *testing.T) {
	w := run(t, func(o *local.Options) { o.Key = "a/key+of==ours/that/is/long" })
	for _, c := range []struct {
		name, authorization string
		api, put            int
	}{
		{"none", "", 401, 403},
		{"wrong bearer", "Bearer nope", 401, 403},
		{"right bearer", "Bearer a/key+of==ours/that/is/long", 404, 403},
		{"wrong access key", sigV4("a"), 401, 403},
		{"right access key", sigV4("a/key+of==ours/that/is/long"), 401, 400},
		{"longer access key", sigV4("a/key+of==ours/that/is/long/x"), 401, 403},
		{"cut short", "AWS4-HMAC-SHA256 Credential=a/key+of==ours/that/is/long", 401, 403},
		{"nothing in it", "AWS4-HMAC-SHA256 Credential=", 401, 403},
	} {
		t.Run(c.name, func(t *testing.T) {
			equal(t, "API", w.do("GET", acme+"/events/none", "", "Authorization", c.authorization).status, c.api)
			equal(t, "PutEvents", w.putEvents(`{"Entries":[]}`, "Authorization", c.authorization).status, c.put)
		})
	}
}

func sigV4(id string) string {
	return "AWS4-HMAC-SHA256 Credential=" + id + "/20261120/us-east-1/events/aws4_request, SignedHeaders=host;x-amz-date, Signature=00"
}
