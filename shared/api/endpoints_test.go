package api_test

import (
	"context"
	"encoding/base64"
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/jobhook/jobhook/shared/api"
	"github.com/jobhook/jobhook/shared/webhook"
)

func TestEndpointRoundTrip(t *testing.T) {
	f := serve(t)
	made := f.do("POST", "/v1/accounts/acme/endpoints", `{"url":"https://example.com/hooks?a=b&c=<d>"}`)
	got := made.is(201)
	id, secret := text(got["id"]), text(got["secret"])
	key, err := base64.StdEncoding.DecodeString(strings.TrimPrefix(secret, "whsec_"))
	if err != nil || len(key) != 32 || !strings.HasPrefix(secret, "whsec_") {
		t.Errorf("secret: %d bytes, %v", len(key), err)
	}
	if !strings.Contains(string(made.body), "a=b&c=<d>") {
		t.Errorf("the URL is not as it was given: %s", made.body)
	}
	path := "/v1/accounts/acme/endpoints/" + id
	if got := made.header.Get("Location"); got != path {
		t.Errorf("Location %q, want %q", got, path)
	}
	if made.header.Get("Cache-Control") != "no-store" || made.header.Get("X-Content-Type-Options") != "nosniff" {
		t.Errorf("headers %v", made.header)
	}
	want := map[string]any{
		"id": id, "account": "acme", "url": "https://example.com/hooks?a=b&c=<d>", "events": []string{"*"}, "profile": "standard",
		"include_result": true, "headers": map[string]string{}, "description": "", "schedule": "", "enabled": true, "disabled_reason": nil,
		"created_at": "2040-02-29T11:30:15.123Z", "updated_at": "2040-02-29T11:30:15.123Z",
	}
	delete(got, "secret")
	same(t, "created", got, want)
	same(t, "shown", f.do("GET", path, "").is(200), want)
	same(t, "listed", f.do("GET", "/v1/accounts/acme/endpoints", "").is(200), map[string]any{"data": []any{want}, "next_cursor": nil})
	same(t, "another account's list", f.do("GET", "/v1/accounts/other/endpoints", "").is(200), map[string]any{"data": []any{}, "next_cursor": nil})
	f.do("GET", "/v1/accounts/other/endpoints/"+id, "").problem(404, "")
	f.do("DELETE", "/v1/accounts/other/endpoints/"+id, "").problem(404, "")

	if a := f.do("DELETE", path, ""); a.status != 204 || len(a.body) != 0 {
		t.Errorf("DELETE: %d %s", a.status, a.body)
	}
	f.do("GET", path, "").problem(404, "")
	f.do("DELETE", path, "").problem(404, "")
	f.do("PATCH", path, `{"enabled":true}`).problem(404, "")
	same(t, "the list without it", f.do("GET", "/v1/accounts/acme/endpoints", "").is(200)["data"], []any{})
	// What is left outlives its latest event, without the secret.
	left := f.stored("acme")
	removed := start.UTC().Truncate(time.Millisecond)
	if len(left) != 1 || !left[0].RemovedAt.Equal(removed) || len(left[0].Secrets) != 0 ||
		!left[0].ExpiresAt.Equal(removed.Add((72+24)*time.Hour).Truncate(time.Second)) {
		t.Errorf("left: %+v", left)
	}
}

func TestEveryField(t *testing.T) {
	f := serve(t)
	got := f.create(`{"url":"https://example.com/","events":["document.*","job.done"],"profile":"sharpapi","include_result":false,
		"secret":"my own long sécret","headers":{"x-tenant":"7","X-Empty":""},"description":"für \"uns\"","schedule":" antinium ","enabled":false}`)
	if got["secret"] != "my own long sécret" {
		t.Errorf("secret %v", got["secret"])
	}
	delete(got, "secret")
	want := map[string]any{
		"id": got["id"], "account": "acme", "url": "https://example.com/", "events": []string{"document.*", "job.done"}, "profile": "sharpapi",
		"include_result": false, "headers": map[string]string{"x-tenant": "7", "X-Empty": ""}, "description": `für "uns"`, "schedule": "antinium", "enabled": false,
		"disabled_reason": nil, "created_at": got["created_at"], "updated_at": got["updated_at"],
	}
	same(t, "created", got, want)
	// null is as good as absent.
	f.create(`{"url":"https://example.com/","events":null,"profile":null,"include_result":null,"secret":null,"headers":null,"description":null,"schedule":null,"enabled":null}`)
	f.create(`{"url":"https://example.com/","headers":{"X-A":null}}`) // RFC 7396: removes what is not there
}

// TestLimits: the largest of everything is taken, and fits in a body.
func TestLimits(t *testing.T) {
	f := serve(t)
	body := fmt.Sprintf(`{"url":"https://example.com/%s","events":[%s],"headers":{%s},"description":%q}`,
		strings.Repeat("x", 2048-len("https://example.com/")),
		list(100, func(i int) string { return fmt.Sprintf(`"%0257d"`, i) }),
		list(20, func(i int) string {
			return fmt.Sprintf(`"%s%02d":"%s"`, strings.Repeat("n", 126), i, strings.Repeat("v", 1024))
		}),
		strings.Repeat("ü", 1000))
	got := f.create(body)
	same(t, "shown", f.do("GET", "/v1/accounts/acme/endpoints/"+text(got["id"]), "").is(200)["description"], strings.Repeat("ü", 1000))
}

func TestLoopbackEndpoints(t *testing.T) {
	f := serve(t, func(d *deps) { d.AllowLoopback = true })
	f.create(`{"url":"http://127.0.0.1:9000/hooks"}`)
	f.create(`{"url":"http://localhost:9000/hooks"}`)
	f.do("POST", "/v1/accounts/acme/endpoints", `{"url":"http://10.0.0.1/"}`).problem(400, "url")
	f.do("POST", "/v1/accounts/acme/endpoints", `{"url":"https://10.0.0.1/"}`).problem(400, "url")
}

func TestPatch(t *testing.T) {
	f := serve(t)
	made := f.create(`{"url":"https://example.com/","headers":{"X-A":"1","X-B":"2"},"description":"d"}`)
	delete(made, "secret")
	path := "/v1/accounts/acme/endpoints/" + text(made["id"])
	sealed := f.stored("acme")[0].Secrets
	for n, c := range []struct {
		body string
		want map[string]any
	}{
		{`{"url":"https://example.org/x"}`, map[string]any{"url": "https://example.org/x"}},
		{`{"events":["a","b.*"]}`, map[string]any{"events": []string{"a", "b.*"}}},
		{`{"profile":"antinium"}`, map[string]any{"profile": "antinium"}},
		{`{"include_result":false}`, map[string]any{"include_result": false}},
		{`{"description":"new"}`, map[string]any{"description": "new"}},
		{`{"description":null}`, map[string]any{"description": ""}},
		{`{"schedule":"5s,1h"}`, map[string]any{"schedule": "5s,1h"}},
		{`{"schedule":"antinium"}`, map[string]any{"schedule": "antinium"}},
		{`{"schedule":null}`, map[string]any{"schedule": ""}},
		{`{"schedule":"20h,20h,20h"}`, map[string]any{"schedule": "20h,20h,20h"}},
		{`{"schedule":""}`, map[string]any{"schedule": ""}},
		{`{"enabled":false}`, map[string]any{"enabled": false}},
		{`{"enabled":true,"include_result":true}`, map[string]any{"enabled": true, "include_result": true}},
		{`{"headers":{"x-a":"one","X-C":"3"}}`, map[string]any{"headers": map[string]string{"x-a": "one", "X-B": "2", "X-C": "3"}}},
		{`{"headers":{"X-B":null,"X-Never":null}}`, map[string]any{"headers": map[string]string{"x-a": "one", "X-C": "3"}}},
		{`{"headers":{}}`, map[string]any{}},
		{`{"headers":null}`, map[string]any{"headers": map[string]string{}}},
	} {
		f.later(time.Second)
		maps.Copy(made, c.want)
		made["updated_at"] = f.clock().UTC().Format("2006-01-02T15:04:05.000Z")
		same(t, fmt.Sprint(n, " ", c.body), f.do("PATCH", path, c.body).is(200), made)
		same(t, fmt.Sprint(n, " afterwards"), f.do("GET", path, "").is(200), made)
	}
	f.later(time.Second)
	same(t, "an empty change", f.do("PATCH", path, `{}`).is(200), made)
	same(t, "the secrets", f.stored("acme")[0].Secrets, sealed)
}

func TestPatchHeaderLimit(t *testing.T) {
	f := serve(t)
	headers := func(from, to int) string {
		return `{"headers":{` + list(to-from, func(i int) string { return fmt.Sprintf(`"X-%d":"v"`, from+i) }) + `}}`
	}
	path := "/v1/accounts/acme/endpoints/" + text(f.create(`{"url":"https://example.com/"}`)["id"])
	f.do("PATCH", path, headers(0, 20)).is(200)
	f.do("PATCH", path, headers(20, 21)).problem(400, "headers")
	f.do("PATCH", path, headers(10, 20)).is(200) // the same names again
}

// TestEnable: enabling is the owner's answer to whatever jobhook disabled it for.
func TestEnable(t *testing.T) {
	f := serve(t)
	path := "/v1/accounts/acme/endpoints/" + text(f.create(`{"url":"https://example.com/"}`)["id"])
	e := f.stored("acme")[0]
	gone, ok := e.DisableGone(e.URL, f.clock(), f.clock())
	if !ok {
		t.Fatal("not disabled")
	}
	gone.Rev = "gone"
	must(t, f.db.ReplaceEndpoint(t.Context(), e.Rev, gone))
	if got := f.do("GET", path, "").is(200); got["enabled"] != false || got["disabled_reason"] != webhook.Gone {
		t.Errorf("gone: %v", got)
	}
	if got := f.do("PATCH", path, `{"url":"https://example.org/"}`).is(200); got["enabled"] != false || got["disabled_reason"] != webhook.Gone {
		t.Errorf("another URL alone: %v", got)
	}
	if got := f.do("PATCH", path, `{"enabled":true}`).is(200); got["enabled"] != true || got["disabled_reason"] != nil {
		t.Errorf("enabled: %v", got)
	}
}

// TestProfileChange: a profile is refused that the endpoint's secret cannot sign.
func TestProfileChange(t *testing.T) {
	f := serve(t)
	for _, c := range []struct {
		name, secret, from, to string
		status                 int
	}{
		{"generated, to an older profile", "", "standard", "sharpapi", 200},
		{"generated, to standard", "", "unitary", "standard", 200},
		{"own text, between older ones", "my-own-long-secret", "sharpapi", "antinium", 200},
		{"own text, to standard", "my-own-long-secret", "sharpapi", "standard", 400},
		{"ed25519, to an HMAC", privateKey, "standard", "unitary", 400},
		{"ed25519, to the same", privateKey, "standard", "standard", 200},
	} {
		t.Run(c.name, func(t *testing.T) {
			body := fmt.Sprintf(`{"url":"https://example.com/","profile":%q,"secret":%q}`, c.from, c.secret)
			if c.secret == "" {
				body = fmt.Sprintf(`{"url":"https://example.com/","profile":%q}`, c.from)
			}
			path := "/v1/accounts/acme/endpoints/" + text(f.create(body)["id"])
			a := f.do("PATCH", path, fmt.Sprintf(`{"profile":%q}`, c.to))
			want := c.to
			if c.status == 200 {
				a.is(200)
			} else {
				a.problem(400, "profile")
				want = c.from
			}
			if c.secret != "" && strings.Contains(string(a.body), c.secret) {
				t.Errorf("the answer holds the secret: %s", a.body)
			}
			if got := f.do("GET", path, "").is(200)["profile"]; got != want {
				t.Errorf("profile %v, want %v", got, want)
			}
		})
	}
}

func TestSecretShownOnce(t *testing.T) {
	f := serve(t)
	var secrets []string
	for _, body := range []string{`{"url":"https://example.com/"}`, `{"url":"https://example.com/","profile":"sharpapi","secret":"the customer's own"}`} {
		made := f.create(body)
		secrets = append(secrets, text(made["secret"]))
		path := "/v1/accounts/acme/endpoints/" + text(made["id"])
		var seen strings.Builder
		for _, a := range []answer{
			f.do("GET", path, ""), f.do("GET", "/v1/accounts/acme/endpoints", ""), f.do("PATCH", path, `{"description":"x"}`),
			f.do("PATCH", path, `{}`), f.do("PATCH", path, `{"profile":"unitary"}`), f.do("PATCH", path, `{"secret":"x"}`), f.do("GET", path+"/deliveries", ""),
		} {
			seen.Write(a.body)
		}
		stored := fmt.Sprintf("%+v", f.stored("acme"))
		for _, secret := range secrets {
			for what, in := range map[string]string{"an answer": seen.String(), "the log": f.log.String(), "the store": stored} {
				if strings.Contains(in, secret) || strings.Contains(in, strings.TrimPrefix(secret, "whsec_")) {
					t.Errorf("%s holds the secret", what)
				}
			}
			if strings.Contains(seen.String(), `"secret":`) {
				t.Error("a later answer has a field secret")
			}
		}
	}
}

func TestEndpointPages(t *testing.T) {
	f := serve(t)
	var want []string
	for i := range 7 {
		want = append(want, text(f.create(fmt.Sprintf(`{"url":"https://example.com/%d"}`, i))["id"]))
	}
	slices.Sort(want)
	for _, limit := range []int{1, 3, 7, 50} {
		got := f.pages(fmt.Sprintf("/v1/accounts/acme/endpoints?limit=%d", limit), limit)
		ids := make([]string, 0, len(got))
		for _, e := range got {
			ids = append(ids, text(e["id"]))
		}
		slices.Sort(ids)
		same(t, fmt.Sprint("limit ", limit), ids, want)
	}
}

// pages follows a list to its end.
func (f *fixture) pages(path string, limit int) (all []map[string]any) {
	f.t.Helper()
	cursor := ""
	for range 100 {
		got := f.do("GET", path+cursor, "").is(200)
		data, ok := got["data"].([]any)
		if !ok || len(data) > limit {
			f.t.Fatalf("a page of %d, limit %d", len(data), limit)
		}
		for _, item := range data {
			all = append(all, item.(map[string]any))
		}
		next, more := got["next_cursor"].(string)
		if !more {
			return all
		}
		cursor = "&cursor=" + next
	}
	f.t.Fatal("the pages don't end")
	return nil
}

func TestEndpointLimit(t *testing.T) {
	f := serve(t)
	var wait sync.WaitGroup
	for i := range api.MaxEndpoints {
		wait.Go(func() {
			_ = f.db.InsertEndpoint(context.Background(), webhook.Endpoint{ID: fmt.Sprintf("ep_%04d", i), Account: "acme", Rev: "r"})
		})
	}
	wait.Wait()
	p := f.do("POST", "/v1/accounts/acme/endpoints", `{"url":"https://example.com/"}`).problem(409, "")
	if p["type"] != "urn:jobhook:problem:endpoint-limit" {
		t.Errorf("type %v", p["type"])
	}
	f.do("DELETE", "/v1/accounts/acme/endpoints/ep_0000", "").is(204)
	f.create(`{"url":"https://example.com/"}`)
	f.do("POST", "/v1/accounts/other/endpoints", `{"url":"https://example.com/"}`).is(201)
}

// TestConcurrentPatches: changes of different fields at once all hold.
func TestConcurrentPatches(t *testing.T) {
	f := serve(t)
	path := "/v1/accounts/acme/endpoints/" + text(f.create(`{"url":"https://example.com/"}`)["id"])
	changes := []string{`{"description":"d"}`, `{"include_result":false}`, `{"events":["a"]}`, `{"profile":"unitary"}`, `{"headers":{"X-A":"1"}}`}
	var wait sync.WaitGroup
	for _, change := range changes {
		wait.Go(func() { f.do("PATCH", path, change).is(200) })
	}
	wait.Wait()
	got := f.do("GET", path, "").is(200)
	if got["description"] != "d" || got["include_result"] != false || got["profile"] != "unitary" || text(got["events"]) != "[a]" || text(got["headers"]) != "map[X-A:1]" {
		t.Errorf("a change is lost: %v", got)
	}
}

// contended loses every replacement.
type contended struct {
	api.Store
	tries atomic.Int32
}

func (c *contended) ReplaceEndpoint(context.Context, string, webhook.Endpoint) error {
	c.tries.Add(1)
	return webhook.ErrLost
}

func TestContention(t *testing.T) {
	var store *contended
	f := serve(t, func(d *deps) { store = &contended{Store: d.Store}; d.Store = store })
	path := "/v1/accounts/acme/endpoints/" + text(f.create(`{"url":"https://example.com/"}`)["id"])
	if p := f.do("PATCH", path, `{"enabled":false}`).problem(409, ""); p["type"] != "urn:jobhook:problem:concurrent-change" {
		t.Errorf("type %v", p["type"])
	}
	if n := store.tries.Load(); n < 2 || n > 20 {
		t.Errorf("%d tries", n)
	}
}
