package payload_test

import (
	"errors"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/jobhook/jobhook/shared/canonjson"
	"github.com/jobhook/jobhook/shared/payload"
	"github.com/jobhook/jobhook/shared/webhook"
)

var update = flag.Bool("update", false, "write testdata/golden anew; bodies must never change, so only for new cases")

// contents are the kinds of completion; "-" is none, "omitted" a result that was
// too large.
func contents() []struct{ name, status, result, error string } {
	return []struct{ name, status, result, error string }{
		{"object", "success", `{"content":"Bonjour","n":1}`, "-"},
		{"empty object", "success", `{}`, "-"},
		{"object with names of ours", "success", `{"status":"x","id":7,"a":{"id":1}}`, "-"},
		{"object with id alone", "success", `{"b":1,"id":null}`, "-"},
		{"object with index keys", "success", `{"0":"a","12":{"1":2},"b":"c"}`, "-"},
		{"object of index keys", "success", `{"0":"a","1":"b"}`, "-"},
		{"object and error", "failed", `{"partial":true}`, `"out of memory"`},
		{"object with error, and error", "failed", `{"error":"its own"}`, `{"code":1}`},
		{"object with brackets in strings", "success", `{"}":"{,","\"id\"":"]\\","id\\":[1,{"status":2}]}`, "-"},
		{"array", "success", `[1,{"id":2},"x"]`, "-"},
		{"string", "success", `"plain \"text\" \ud83d 🎉"`, "-"},
		{"number", "success", `12345678901234567890`, "-"},
		{"true", "success", `true`, "-"},
		{"null", "success", `null`, "-"},
		{"none", "success", "-", "-"},
		{"error string", "failed", "-", `"no \"luck\"\n"`},
		{"error with message", "success", "-", `{"code":"E1","message":"no luck"}`},
		{"error with message that is no string", "failed", "-", `{"message":{"text":"no luck"}}`},
		{"error without message", "failed", "-", `{"code":"E1","detail":"a \"b\""}`},
		{"error array", "failed", "-", `["a",1]`},
		{"error number", "failed", "-", `42`},
		{"error false", "failed", "-", `false`},
		{"error null", "success", `{"a":1}`, `null`},
		{"error null, failed", "failed", "-", `null`},
		{"failed without error", "Timed_Out", "-", "-"},
		{"failed with result", "canceled", `{"a":1}`, "-"},
		{"omitted", "success", "omitted", "-"},
		{"omitted, and error", "failed", "omitted", `"no luck"`},
	}
}

func content(status, result, failure string, include bool) payload.Content {
	c := payload.Content{
		Job:       webhook.Job{ID: "bf68-1", Status: status, Type: "content_translate"},
		EventType: "content_translate." + status, CallbackURL: "https://example.com/hook?a=1&b=<2>",
		OccurredAt:    time.Date(2026, 11, 20, 13, 4, 5, 120_000_000, time.FixedZone("", 3600)),
		IncludeResult: include,
	}
	switch result {
	case "-":
	case "omitted":
		c.ResultOmitted = true
	default:
		c.Result = []byte(result)
	}
	if failure != "-" {
		c.Error = []byte(failure)
	}
	return c
}

func TestGoldenBodies(t *testing.T) {
	for _, p := range webhook.Profiles() {
		var all strings.Builder
		for _, include := range []bool{true, false} {
			for _, c := range contents() {
				body, err := payload.Body(p, content(c.status, c.result, c.error, include))
				if err != nil {
					t.Fatal(err)
				}
				assertCanonical(t, body)
				fmt.Fprintf(&all, "# %s, result included: %t\n%s\n", c.name, include, body)
			}
		}
		golden(t, string(p)+".txt", all.String())
	}
}

func golden(t *testing.T, name, got string) {
	t.Helper()
	path := filepath.Join("testdata", "golden", name)
	if *update {
		if err := os.WriteFile(path, []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	gotLines, wantLines := strings.Split(got, "\n"), strings.Split(string(want), "\n")
	for i := range min(len(gotLines), len(wantLines)) {
		if gotLines[i] != wantLines[i] {
			t.Fatalf("%s:%d\n got %s\nwant %s", path, i+1, gotLines[i], wantLines[i])
		}
	}
	if len(gotLines) != len(wantLines) {
		t.Errorf("%s: %d lines, want %d", path, len(gotLines), len(wantLines))
	}
}

func assertCanonical(t *testing.T, body []byte) {
	t.Helper()
	again, err := canonjson.Append(nil, body)
	if err != nil || string(again) != string(body) {
		t.Errorf("the body is not canonical: %v\n%.300s\n%.300s", err, body, again)
	}
}

func TestBodyTimes(t *testing.T) {
	tests := map[string]struct {
		at   time.Time
		want string // "" for an error
	}{
		"seconds":     {time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC), "2026-01-02T03:04:05Z"},
		"nanoseconds": {time.Date(2026, 1, 2, 3, 4, 5, 1, time.UTC), "2026-01-02T03:04:05.000000001Z"},
		"other zone":  {time.Date(2026, 1, 2, 3, 4, 5, 500_000_000, time.FixedZone("", -7200)), "2026-01-02T05:04:05.5Z"},
		"not set":     {time.Time{}, ""},
		"year 10000":  {time.Date(10000, 1, 1, 0, 0, 0, 0, time.UTC), ""},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			c := content("success", "-", "-", true)
			c.OccurredAt = test.at
			body, err := payload.Body(webhook.Standard, c)
			if (err == nil) != (test.want != "") || !strings.Contains(string(body), test.want) {
				t.Errorf("%s, %v; want %q", body, err, test.want)
			}
			if _, err := payload.Body(webhook.Unitary, c); err != nil {
				t.Errorf("unitary has no time: %v", err)
			}
		})
	}
}

func TestBodyRefuses(t *testing.T) {
	if _, err := payload.Body("other", content("success", "-", "-", true)); err == nil {
		t.Error("an unknown profile has a body")
	}
	for _, p := range webhook.Profiles() {
		c := content("success", "-", "-", true)
		c.Job.ID = "hunter2\xff"
		_, err := payload.Body(p, c)
		if !errors.Is(err, canonjson.ErrUTF8) || strings.Contains(err.Error(), "hunter2") || !strings.Contains(err.Error(), "job id") {
			t.Errorf("%s: %v", p, err)
		}
	}
}

func TestBodyEscapesTexts(t *testing.T) {
	c := content("success", "-", "-", true)
	c.Job = webhook.Job{ID: "a\"b\\c\n\x01\x7f\u2028<é🎉>", Status: "", Type: "\t"}
	body, err := payload.Body(webhook.SharpAPI, c)
	want := "{\"id\":\"a\\\"b\\\\c\\n\\u0001\x7f\u2028<é🎉>\",\"status\":\"\",\"type\":\"\\t\"}"
	if err != nil || string(body) != want {
		t.Errorf("got %q, %v\nwant %q", body, err, want)
	}
}

func TestParseProfile(t *testing.T) {
	for _, p := range webhook.Profiles() {
		if got, err := webhook.ParseProfile(string(p)); got != p || err != nil {
			t.Errorf("%s: %q, %v", p, got, err)
		}
	}
	for _, name := range []string{"", "Standard", "svix"} {
		_, err := webhook.ParseProfile(name)
		for _, p := range webhook.Profiles() {
			if err == nil || !strings.Contains(err.Error(), string(p)) {
				t.Errorf("%q: %v does not name %s", name, err, p)
			}
		}
	}
}

func TestFailed(t *testing.T) {
	for status := range strings.FieldsSeq("failed failure error errored canceled cancelled timed_out timeout expired stopped FAILED Error") {
		if !payload.Failed(status, nil) {
			t.Errorf("%s is not failed", status)
		}
	}
	for _, status := range []string{"", "success", "completed", "done", "running", "failed "} {
		if payload.Failed(status, nil) || payload.Failed(status, []byte("null")) {
			t.Errorf("%q is failed", status)
		}
		if !payload.Failed(status, []byte(`false`)) {
			t.Errorf("%q with an error is not failed", status)
		}
	}
}
