package api_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/jobhook/jobhook/shared/intake"
	"github.com/jobhook/jobhook/shared/webhook"
)

// badField is a value that both POST and PATCH refuse. says is a part of the
// detail that tells what would be right.
type badField struct{ name, field, value, says string }

func list(n int, item func(int) string) string {
	items := make([]string, n)
	for i := range items {
		items[i] = item(i)
	}
	return strings.Join(items, ",")
}

var badFields = []badField{
	{"url not a string", "url", `7`, "a JSON number; it must be a string"},
	{"url empty", "url", `""`, "https://"},
	{"url relative", "url", `"/hooks"`, "https://"},
	{"url http", "url", `"http://example.com/"`, "https://"},
	{"url with password", "url", `"https://u:hunter2@example.com/"`, "signed"},
	{"url private", "url", `"https://10.0.0.1/"`, "not public"},
	{"url loopback", "url", `"https://127.0.0.1/"`, "not public"},
	{"url loopback as a number", "url", `"https://2130706433/"`, "four decimal numbers"},
	{"url localhost", "url", `"https://localhost:8443/"`, "not public"},
	{"url metadata", "url", `"http://169.254.169.254/latest"`, "https://"},
	{"url too long", "url", `"https://example.com/` + strings.Repeat("x", 2048) + `"`, "the maximum is 2048"},
	{"url ftp", "url", `"ftp://example.com/"`, "https://"},
	{"events a string", "events", `"*"`, "list of 1 to 100"},
	{"events none", "events", `[]`, "list of 1 to 100"},
	{"events too many", "events", `[` + list(101, func(i int) string { return fmt.Sprintf(`"e%d"`, i) }) + `]`, "101 entries"},
	{"events of a number", "events", `["a",7]`, "list of 1 to 100"},
	{"events with an empty one", "events", `["a",""]`, "entry 2 is empty"},
	{"events with null", "events", `["a",null]`, "entry 2 is empty"},
	{"events star in the middle", "events", `["a.*.b"]`, `"job.*"`},
	{"events star without a dot", "events", `["job*"]`, `"job.*"`},
	{"events dot star", "events", `[".*"]`, `"job.*"`},
	{"events two stars", "events", `["a.**"]`, `"job.*"`},
	{"events with a line break", "events", `["a\nb"]`, "control characters"},
	{"events with space around", "events", `[" a"]`, "white space"},
	{"events too long a type", "events", `["` + strings.Repeat("e", 258) + `"]`, "257"},
	{"profile a number", "profile", `1`, "string"},
	{"profile unknown", "profile", `"stripe"`, "standard, sharpapi, unitary, antinium"},
	{"profile in capitals", "profile", `"Standard"`, "standard, sharpapi"},
	{"include_result a string", "include_result", `"yes"`, "true or false"},
	{"include_result a number", "include_result", `1`, "true or false"},
	{"enabled a string", "enabled", `"true"`, "true or false"},
	{"description a list", "description", `["x"]`, "a JSON list; it must be a string"},
	{"description too long", "description", `"` + strings.Repeat("ü", 1001) + `"`, "the maximum is 1000"},
	{"schedule a list", "schedule", `["1m"]`, "a JSON list; it must be a string"},
	{"schedule a number", "schedule", `60`, "a JSON number; it must be a string"},
	{"schedule of no delay", "schedule", `"1m,soon"`, `"soon" is not a delay`},
	{"schedule of an unknown name", "schedule", `"stripe"`, "antinium"},
	{"schedule negative", "schedule", `"-1m"`, "negative"},
	{"schedule of too many", "schedule", `"1s` + strings.Repeat(",1s", 30) + `"`, "the maximum is 30"},
	{"schedule too long a text", "schedule", `"` + strings.Repeat("0", 512) + `1s"`, "the maximum is 512"},
	{"schedule beyond retention", "schedule", `"24h,24h,24h"`, "less than the 72h0m0s"},
	{"schedule by name beyond retention", "schedule", `"standard"`, "less than the 72h0m0s"},
	{"headers a list", "headers", `[]`, "object of strings"},
	{"headers of numbers", "headers", `{"X-A":7}`, "object of strings"},
	{"headers no name", "headers", `{"":"x"}`, "header name"},
	{"headers bad name", "headers", `{"X A":"x"}`, "header name"},
	{"headers pseudo", "headers", `{":path":"x"}`, "header name"},
	{"headers line break in name", "headers", `{"X-A\r\nX-B":"x"}`, "header name"},
	{"headers line break in value", "headers", `{"X-A":"x\r\nX-B: y"}`, "printable ASCII"},
	{"headers beyond ASCII", "headers", `{"X-A":"ü"}`, "printable ASCII"},
	{"headers space around", "headers", `{"X-A":" x"}`, "space around"},
	{"headers too long a value", "headers", `{"X-A":"` + strings.Repeat("v", 1025) + `"}`, "the maximum is 1024"},
	{"headers too long a name", "headers", `{"` + strings.Repeat("n", 129) + `":"v"}`, "1 to 128"},
	{"headers twice", "headers", `{"X-A":"1","x-a":"2"}`, "twice"},
	{"headers too many", "headers", `{` + list(21, func(i int) string { return fmt.Sprintf(`"X-%d":"v"`, i) }) + `}`, "the maximum is 20"},
}

func TestBadFields(t *testing.T) {
	f := serve(t)
	id := text(f.create(`{"url":"https://example.com/good"}`)["id"])
	before := f.stored("acme")
	for _, b := range badFields {
		t.Run(b.name, func(t *testing.T) {
			member := fmt.Sprintf("%q:%s", b.field, b.value)
			post := `{"url":"https://example.com/",` + member + `}`
			if b.field == "url" {
				post = "{" + member + "}"
			}
			for method, path := range map[string]string{"POST": "/v1/accounts/acme/endpoints", "PATCH": "/v1/accounts/acme/endpoints/" + id} {
				body := post
				if method == "PATCH" {
					body = `{` + member + `}`
				}
				p := f.do(method, path, body).problem(400, b.field)
				if !strings.Contains(text(p["detail"]), b.says) {
					t.Errorf("%s: detail %q does not say %q", method, p["detail"], b.says)
				}
				if strings.Contains(text(p["detail"]), "hunter2") {
					t.Errorf("%s: the detail quotes a password", method)
				}
			}
		})
	}
	same(t, "nothing stored", f.stored("acme"), before)
}

func TestReservedHeaders(t *testing.T) {
	f := serve(t, func(d *deps) { d.ReservedHeaders = []string{"x-our-signature"} })
	for _, name := range []string{
		"Content-Type", "content-type", "User-Agent", "Host", "Content-Length", "Connection", "Transfer-Encoding", "TE", "Trailer",
		"Upgrade", "Expect", "Accept-Encoding", "webhook-id", "Webhook-Timestamp", "WEBHOOK-SIGNATURE", "webhook-anything", "svix-id",
		"X-Signature", "x-hub-signature-256", "X-Antinium-Signature", "X-Our-Signature",
		"Authorization", "proxy-authorization", "Cookie", "X-API-Key", "x-auth-token",
	} {
		body := fmt.Sprintf(`{"url":"https://example.com/","headers":{"X-Good":"1",%q:"v"}}`, name)
		p := f.do("POST", "/v1/accounts/acme/endpoints", body).problem(400, "headers")
		if !strings.Contains(text(p["detail"]), name) {
			t.Errorf("%s: detail %q does not name it", name, p["detail"])
		}
	}
	if n := len(f.stored("acme")); n != 0 {
		t.Errorf("%d endpoints stored", n)
	}
}

func TestBadPosts(t *testing.T) {
	f := serve(t)
	const url = `"url":"https://example.com/"`
	for _, c := range []struct{ name, body, field, says string }{
		{"empty", ``, "", ""},
		{"not JSON", `{"url":`, "", "at byte"},
		{"two values", `{} {}`, "", "at byte"},
		{"a list", `[]`, "", "JSON object"},
		{"null", `null`, "", "JSON object"},
		{"not UTF-8", "{\"url\":\"\xff\"}", "", "UTF-8"},
		{"no url", `{}`, "url", "missing"},
		{"url null", `{"url":null}`, "url", "missing"},
		{"unknown field", `{` + url + `,"event":["*"]}`, "event", "url, events, profile, include_result, headers, description, schedule, enabled, secret"},
		{"field in capitals", `{` + url + `,"Enabled":true}`, "Enabled", "url, events"},
		{"read-only field", `{` + url + `,"id":"ep_x"}`, "id", "leave it out"},
		{"secret a number", `{` + url + `,"secret":12345}`, "secret", "whsec_"},
		{"secret empty", `{` + url + `,"profile":"sharpapi","secret":""}`, "secret", "empty"},
		{"secret not base64", `{` + url + `,"secret":"whsec_!!topsecret"}`, "secret", "base64"},
		{"secret too short", `{` + url + `,"secret":"whsec_dG9wc2VjcmV0"}`, "secret", "24 to 64"},
		{"secret of 15 bytes", `{` + url + `,"profile":"sharpapi","secret":"topsecrettopsec"}`, "secret", "at least 16"},
		{"secret plain for standard", `{` + url + `,"secret":"topsecret-topsecret-topsecret"}`, "secret", "whsec_"},
		{"secret ed25519 for an HMAC", `{` + url + `,"profile":"unitary","secret":"` + privateKey + `"}`, "secret", "ed25519"},
		{"secret only verifies", `{` + url + `,"secret":"whpk_O2onvM62pC1io6jQKm8Nc2UyFXcd4kOmOsBIoYtZ2ik="}`, "secret", "whsk_"},
		{"secret with a line break", `{` + url + `,"profile":"sharpapi","secret":"topsecret-topsecret\n"}`, "secret", "white space"},
		{"secret too long", `{` + url + `,"profile":"sharpapi","secret":"` + strings.Repeat("topsecret", 200) + `"}`, "secret", "1024"},
		{"secret of half a character", `{` + url + `,"profile":"sharpapi","secret":"topsecret-topsecret\ud800"}`, "secret", "not valid"},
	} {
		t.Run(c.name, func(t *testing.T) {
			p := f.do("POST", "/v1/accounts/acme/endpoints", c.body, "Content-Type", "application/json").problem(400, c.field)
			detail := text(p["detail"])
			if !strings.Contains(detail, c.says) {
				t.Errorf("detail %q does not say %q", detail, c.says)
			}
			if strings.Contains(detail+f.log.String(), "topsecret") || strings.Contains(detail, "dG9wc2VjcmV0") {
				t.Errorf("detail %q or the log quotes the secret", detail)
			}
		})
	}
	if n := len(f.stored("acme")); n != 0 {
		t.Errorf("%d endpoints stored", n)
	}
}

func TestBadPatches(t *testing.T) {
	f := serve(t)
	path := "/v1/accounts/acme/endpoints/" + text(f.create(`{"url":"https://example.com/"}`)["id"])
	before := f.stored("acme")
	for _, c := range []struct{ name, body, field, says string }{
		{"a list", `[]`, "", "JSON object"},
		{"secret", `{"secret":"x"}`, "secret", "cannot be changed here"},
		{"unknown", `{"uri":"x"}`, "uri", "url, events, profile, include_result, headers, description, schedule, enabled"},
		{"id", `{"id":"ep_x"}`, "id", "leave it out"},
		{"created_at", `{"created_at":"2040-01-01T00:00:00Z"}`, "created_at", "leave it out"},
		{"url null", `{"url":null}`, "url", "null; it must be"},
		{"events null", `{"events":null}`, "events", "null; it must be"},
		{"profile null", `{"profile":null}`, "profile", "null; it must be"},
		{"enabled null", `{"enabled":null}`, "enabled", "null; it must be"},
		{"include_result null", `{"include_result":null}`, "include_result", "null; it must be"},
		{"a good and a bad one", `{"description":"new","enabled":3}`, "enabled", "true or false"},
	} {
		t.Run(c.name, func(t *testing.T) {
			p := f.do("PATCH", path, c.body).problem(400, c.field)
			if !strings.Contains(text(p["detail"]), c.says) {
				t.Errorf("detail %q does not say %q", p["detail"], c.says)
			}
		})
	}
	same(t, "nothing stored", f.stored("acme"), before)
}

func TestBadQueries(t *testing.T) {
	f := serve(t)
	endpoints := "/v1/accounts/acme/endpoints"
	deliveries := endpoints + "/" + text(f.create(`{"url":"https://example.com/"}`)["id"]) + "/deliveries"
	lists := []string{endpoints, deliveries, endpoints + "/job/deliveries", "/v1/rejected"}
	for _, c := range []struct{ query, field string }{
		{"limit=0", "limit"},
		{"limit=201", "limit"},
		{"limit=-1", "limit"},
		{"limit=ten", "limit"},
		{"limit=", "limit"},
		{"limit=1e2", "limit"},
		{"limit=99999999999999999999", "limit"},
		{"limit=1&limit=2", "limit"},
		{"cursor=nonsense!", "cursor"},
		{"cursor=AAAA", "cursor"},
		{"page=2", "page"},
		{"a=%zz", ""},
		{"a;b=c", ""},
	} {
		for _, list := range lists {
			f.do("GET", list+"?"+c.query, "").problem(400, c.field)
		}
	}
	p := f.do("GET", deliveries+"?status=done", "").problem(400, "status")
	for _, s := range webhook.Statuses() {
		if !strings.Contains(text(p["detail"]), string(s)) {
			t.Errorf("detail %q does not name %s", p["detail"], s)
		}
		f.do("GET", deliveries+"?status="+string(s), "").is(200)
	}
	f.do("GET", endpoints+"?status=failed", "").problem(400, "status")
	f.do("GET", endpoints+"?since=2h", "").problem(400, "since")
	f.do("GET", "/v1/accounts/acme/events/e?jobs=e", "").problem(400, "jobs")
	for _, bad := range []string{"", "yesterday", "2040-02-29", "2040-02-30T00:00:00Z", "-2h", "-1d", "1.5d", "d", "9999999d", "3w", "1"} {
		for _, name := range []string{"since", "until"} {
			p := f.do("GET", deliveries+"?"+name+"="+bad, "").problem(400, name)
			if !strings.Contains(text(p["detail"]), "2h or 3d") {
				t.Errorf("%s=%s: detail %q", name, bad, p["detail"])
			}
		}
	}
	f.do("GET", deliveries+"?since=1h&until=2h", "").problem(400, "since")
	f.do("GET", deliveries+"?since=1h&until=1h", "").problem(400, "since")
	for _, limit := range []string{"1", "200"} {
		for _, list := range lists {
			f.do("GET", list+"?limit="+limit, "").is(200)
		}
	}
}

func TestBadAccounts(t *testing.T) {
	f := serve(t)
	for _, account := range []string{"a%20b", "a%2Fb", "%00", "ä", strings.Repeat("a", 129), "a%0Ab"} {
		for _, path := range []string{"/events/x", "/endpoints", "/endpoints/ep_x", "/endpoints/ep_x/deliveries", "/jobs/x", "/deliveries/x"} {
			f.do("GET", "/v1/accounts/"+account+path, "").problem(400, "account")
		}
		f.do("POST", "/v1/accounts/"+account+"/events", `{"id":"1","status":"s","type":"t"}`).problem(400, "account")
	}
	for _, account := range []string{"a", "A-z_0.9:@", strings.Repeat("a", 128)} {
		f.do("GET", "/v1/accounts/"+account+"/endpoints", "").is(200)
	}
}

func TestBadCompletions(t *testing.T) {
	f := serve(t, func(d *deps) { d.Rules.Oversize = intake.RejectResult })
	for _, c := range []struct {
		name, body string
		status     int
		field      string
	}{
		{"empty", ``, 400, ""},
		{"not JSON", `{"id":`, 400, ""},
		{"a list", `[]`, 400, ""},
		{"no id", `{"status":"success","type":"t"}`, 400, "id"},
		{"no status", `{"id":"1","type":"t"}`, 400, "status"},
		{"no type", `{"id":"1","status":"success"}`, 400, "type"},
		{"id a number", `{"id":1,"status":"success","type":"t"}`, 400, "id"},
		{"bad callback", `{"id":"1","status":"success","type":"t","callback_url":"nowhere"}`, 400, "callback_url"},
		{"bad profile", `{"id":"1","status":"success","type":"t","callback_url":"https://example.com/","callback_profile":"x"}`, 400, "callback_profile"},
		{"bad time", `{"id":"1","status":"success","type":"t","occurred_at":"today"}`, 400, "occurred_at"},
		{"another account", `{"id":"1","status":"success","type":"t","account":"other"}`, 400, "account"},
		{"long event id", `{"id":"1","status":"success","type":"t","event_id":"` + strings.Repeat("e", 651) + `"}`, 400, "event_id"},
		{"large result", `{"id":"1","status":"success","type":"t","result":"` + strings.Repeat("r", 256<<10) + `"}`, 413, "result"},
		{"slash in the type", `{"id":"1","status":"success","type":"a/b"}`, 400, "type"},
		{"unknown field", `{"id":"1","status":"success","type":"t","callback":"https://example.com/"}`, 400, "callback"},
		{"field in capitals", `{"id":"1","status":"success","type":"t","Result":1}`, 400, "Result"},
		{"unknown field in an envelope", `{"detail-type":"Job Completed","extra":1,"detail":{"id":"1","status":"success","type":"t","callback_ur":"x"}}`, 400, "callback_ur"},
		{"huge body", `{"id":"1","status":"success","type":"t","result":"` + strings.Repeat("r", 700<<10) + `"}`, 413, ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			f.do("POST", "/v1/accounts/acme/events", c.body, "Content-Type", "application/json").problem(c.status, c.field)
		})
	}
	if n := f.queued.Len(); n != 0 {
		t.Errorf("%d messages sent to dispatch", n)
	}
	// White space and escapes do not count.
	wide := `{"id":"1","status":"success","type":"t","result":"` + strings.Repeat(`\u0061`, 60<<10) + `"}` + strings.Repeat(" ", 100<<10)
	f.do("POST", "/v1/accounts/acme/events", wide).is(202)
}

// TestLargeBodies: with and without a stated length, and nothing of it is kept.
func TestLargeBodies(t *testing.T) {
	f := serve(t)
	id := text(f.create(`{"url":"https://example.com/"}`)["id"])
	large := `{"description":"` + strings.Repeat("d", 64<<10) + `"}`
	f.do("POST", "/v1/accounts/acme/endpoints", large).problem(413, "")
	f.do("PATCH", "/v1/accounts/acme/endpoints/"+id, large).problem(413, "")
	for _, path := range []string{"/v1/accounts/acme/endpoints", "/v1/accounts/acme/events"} {
		res := chunked(t, f.server.URL+path, 2<<20)
		res.problem(413, "")
	}
	if slices.ContainsFunc(f.stored("acme"), func(e webhook.Endpoint) bool { return e.Description != "" }) {
		t.Error("stored")
	}
}
