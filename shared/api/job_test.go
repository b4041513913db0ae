package api_test

import (
	"fmt"
	"maps"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/jobhook/jobhook/shared/api"
	"github.com/jobhook/jobhook/shared/webhook"
)

const jobPath = "/v1/accounts/acme/endpoints/job"

// TestJobSettings: an account's settings for its jobs' own URLs are there before
// they are set, and change like an endpoint.
func TestJobSettings(t *testing.T) {
	f := serve(t, func(d *deps) { d.CallbackProfile = webhook.Unitary })
	want := map[string]any{
		"id": "job", "account": "acme", "url": nil, "events": []any{}, "profile": "unitary", "include_result": true, "headers": map[string]any{},
		"description": "", "schedule": "", "enabled": true, "disabled_reason": nil, "created_at": nil, "updated_at": nil,
	}
	same(t, "before it is set", f.do("GET", jobPath, "").is(200), want)
	same(t, "an empty change", f.do("PATCH", jobPath, `{}`).is(200), want)
	same(t, "its log", f.do("GET", jobPath+"/deliveries", "").is(200), map[string]any{"data": []any{}, "next_cursor": nil})
	if n := len(f.stored("acme")); n != 0 {
		t.Fatalf("%d records stored by reading", n)
	}
	want["created_at"] = "2040-02-29T11:30:16.123Z"
	for _, c := range []struct {
		body   string
		change map[string]any
	}{
		{`{"description":"ours"}`, map[string]any{"description": "ours"}},
		{`{"profile":"sharpapi"}`, map[string]any{"profile": "sharpapi"}},
		{`{"include_result":false,"enabled":false}`, map[string]any{"include_result": false, "enabled": false}},
		{`{"headers":{"X-A":"1"}}`, map[string]any{"headers": map[string]string{"X-A": "1"}}},
		{`{"schedule":"antinium"}`, map[string]any{"schedule": "antinium"}},
		{`{"secret":"a secret of our own"}`, nil},
		{`{"secret":null,"schedule":null,"enabled":true}`, map[string]any{"schedule": "", "enabled": true}},
	} {
		f.later(time.Second)
		maps.Copy(want, c.change)
		want["updated_at"] = f.clock().UTC().Format("2006-01-02T15:04:05.000Z")
		same(t, c.body, f.do("PATCH", jobPath, c.body).is(200), want)
		same(t, "after "+c.body, f.do("GET", jobPath, "").is(200), want)
	}
	same(t, "the list", f.do("GET", "/v1/accounts/acme/endpoints", "").is(200)["data"], []any{})
	same(t, "another account's", f.do("GET", "/v1/accounts/other/endpoints/job", "").is(200)["profile"], "unitary")
}

func TestBadJobSettings(t *testing.T) {
	f := serve(t)
	for _, c := range []struct{ name, body, field, says string }{
		{"url", `{"url":"https://example.com/"}`, "url", "callback_url"},
		{"url null", `{"url":null}`, "url", "callback_url"},
		{"events", `{"events":["*"],"enabled":true}`, "events", "callback_url"},
		{"unknown", `{"uri":"x"}`, "uri", "the fields are profile, include_result, headers, description, schedule, enabled, secret"},
		{"read-only", `{"id":"job"}`, "id", "leave it out"},
		{"profile", `{"profile":"stripe"}`, "profile", "standard, sharpapi"},
		{"enabled null", `{"enabled":null}`, "enabled", "true or false"},
		{"schedule", `{"schedule":"24h,24h,24h"}`, "schedule", "72h0m0s"},
		{"secret a number", `{"secret":7}`, "secret", "whsec_"},
		{"secret empty", `{"secret":""}`, "secret", "empty"},
		{"secret short", `{"profile":"sharpapi","secret":"topsecret"}`, "secret", "at least 16"},
		{"secret plain for standard", `{"secret":"topsecret-topsecret"}`, "secret", "whsec_"},
		{"secret for the profile given with it", `{"profile":"unitary","secret":"` + privateKey + `"}`, "secret", "ed25519"},
	} {
		t.Run(c.name, func(t *testing.T) {
			p := f.do("PATCH", jobPath, c.body).problem(400, c.field)
			if detail := text(p["detail"]); !strings.Contains(detail, c.says) || strings.Contains(detail, "topsecret") {
				t.Errorf("detail %q", detail)
			}
		})
	}
	for _, path := range []string{jobPath, "/v1/accounts/acme/endpoints/j%6Fb"} {
		a := f.do("DELETE", path, "")
		if p := a.problem(405, ""); !strings.Contains(text(p["detail"]), "PATCH") || a.header.Get("Allow") != "GET, PATCH, HEAD" {
			t.Errorf("DELETE: %v, Allow %q", p, a.header.Get("Allow"))
		}
	}
	if n := len(f.stored("acme")); n != 0 {
		t.Errorf("%d records stored", n)
	}
	f.do("PATCH", jobPath, `{"description":"set"}`).is(200)
	f.do("DELETE", jobPath, "").problem(405, "")
	if all := f.stored("acme"); len(all) != 1 || all[0].Removed() {
		t.Errorf("after DELETE: %+v", all)
	}
}

// TestJobSecret: a job record's own secret signs in place of the one before, is
// sealed for its record and its time alone, and is never shown.
func TestJobSecret(t *testing.T) {
	f := serve(t)
	signs := func() string {
		t.Helper()
		e := webhook.JobDefaults("acme", webhook.Standard)
		if all := f.stored("acme"); len(all) == 1 {
			e = all[0]
		}
		valid, _, err := f.ring.For(t.Context(), e, f.clock())
		must(t, err)
		if len(valid) != 1 {
			t.Fatalf("%d secrets", len(valid))
		}
		return valid[0].Reveal()
	}
	derived := signs()
	var answers strings.Builder
	for n, secret := range []string{"the first of our own", "the second of our own", privateKey} {
		f.later(time.Minute)
		body := fmt.Sprintf(`{"profile":"sharpapi","secret":%q}`, secret)
		if secret == privateKey {
			body = fmt.Sprintf(`{"secret":%q,"profile":"standard"}`, secret)
		}
		a := f.do("PATCH", jobPath, body)
		a.is(200)
		answers.Write(a.body)
		answers.Write(f.do("GET", jobPath, "").body)
		if got := signs(); got != secret {
			t.Errorf("%d: another secret signs", n)
		}
		stored := f.stored("acme")[0]
		if got := stored.Secrets[0].CreatedAt; !got.Equal(f.clock().Truncate(time.Millisecond)) {
			t.Errorf("%d: created at %s", n, got)
		}
		if strings.Contains(answers.String()+f.log.String()+fmt.Sprintf("%+v", stored), secret) || strings.Contains(answers.String(), `"secret"`) {
			t.Errorf("%d: an answer, the log or the store holds the secret", n)
		}
	}
	f.do("PATCH", jobPath, `{"profile":"unitary"}`).problem(400, "profile") // an ed25519 key makes no HMAC
	f.do("PATCH", jobPath, `{"secret":null,"profile":"unitary"}`).is(200)
	if signs() != derived {
		t.Error("without one of its own it is not the account's that signs")
	}
}

// TestJobSettingsRace: of first changes at once each holds.
func TestJobSettingsRace(t *testing.T) {
	f := serve(t)
	var wait sync.WaitGroup
	for _, change := range []string{`{"description":"d"}`, `{"include_result":false}`, `{"profile":"unitary"}`, `{"headers":{"X-A":"1"}}`, `{"schedule":"1m"}`} {
		wait.Go(func() { f.do("PATCH", jobPath, change).is(200) })
	}
	wait.Wait()
	got := f.do("GET", jobPath, "").is(200)
	if got["description"] != "d" || got["include_result"] != false || got["profile"] != "unitary" || got["schedule"] != "1m" || text(got["headers"]) != "map[X-A:1]" {
		t.Errorf("a change is lost: %v", got)
	}
}

// TestJobLog: the jobs' own URLs have a log like an endpoint.
func TestJobLog(t *testing.T) {
	f := serve(t)
	for _, name := range []string{"e1", "e2"} {
		f.later(time.Second)
		ev := f.claimed(name, webhook.JobTarget)
		f.delivery(ev, webhook.JobTarget, nil)
	}
	got := f.pages(jobPath+"/deliveries?limit=1&status=delivered", 1)
	if len(got) != 2 || got[0]["event_id"] != "e2" || got[1]["event_id"] != "e1" || got[0]["endpoint_id"] != "job" {
		t.Errorf("log %v", got)
	}
}

var _ api.Store = webhook.Store(nil)
