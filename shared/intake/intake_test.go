package intake_test

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/jobhook/jobhook/shared/intake"
	"github.com/jobhook/jobhook/shared/payload"
	"github.com/jobhook/jobhook/shared/webhook"
)

var now = time.Date(2026, 11, 20, 12, 0, 0, 0, time.UTC)

func parse(t *testing.T, body string) webhook.Event {
	t.Helper()
	return complete(t, body, intake.Rules{Retention: time.Hour}).Event
}

func complete(t *testing.T, body string, rules intake.Rules) intake.Completion {
	t.Helper()
	c, err := intake.Parse([]byte(body), "", now, rules)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func TestDefaults(t *testing.T) {
	ev := parse(t, `{"id":"bf68","status":"success","type":"content_translate"}`)
	if ev.Account != "default" || ev.Type != "content_translate.success" ||
		ev.EventID != "content_translate.success/bf68/success" || ev.MessageID != webhook.MessageID("default", "bf68", ev.EventID) {
		t.Errorf("the event is %+v", ev)
	}
	if !ev.OccurredAt.Equal(now) || !ev.AcceptedAt.Equal(now) || !ev.ExpiresAt.Equal(now.Add(time.Hour)) {
		t.Error("it occurred and was accepted now, and is kept for the retention")
	}
	if ev.Result != nil || ev.Error != nil || ev.Claimed() || ev.CallbackProfile != "" {
		t.Errorf("the event is %+v", ev)
	}
}

func TestEverythingGiven(t *testing.T) {
	ev := parse(t, `{"id":"1","status":"shared","type":"document","account":"acme","event_type":"document.shared",
		"event_id":"e-1","occurred_at":"2026-11-20T13:00:00.5+01:00","result":{"b":1.0,"1":2},"error":{"message":"m"},
		"callback_url":"https://example.com/hook?job=1","callback_profile":"unitary","of_the_platform":"ignored"}`)
	if ev.Type != "document.shared" || ev.EventID != "e-1" || ev.CallbackProfile != webhook.Unitary {
		t.Errorf("the event is %+v", ev)
	}
	if string(ev.Result) != `{"1":2,"b":1}` || string(ev.Error) != `{"message":"m"}` {
		t.Errorf("content is %s and %s, not in the stable form", ev.Result, ev.Error)
	}
	if want := now.Add(500 * time.Millisecond); !ev.OccurredAt.Equal(want) || ev.OccurredAt.Location() != time.UTC {
		t.Errorf("occurred at %s, want %s", ev.OccurredAt, want)
	}
}

func TestEventBridgeEnvelope(t *testing.T) {
	ev := parse(t, `{"version":"0","id":"x","detail-type":"Job Completed","source":"acme.jobs","account":"123456789012",
		"time":"2026-11-20T11:59:00Z","detail":{"id":"1","status":"success","type":"t"}}`)
	if ev.Account != "default" {
		t.Errorf("account %s: the AWS account is not the customer's", ev.Account)
	}
	if want := now.Add(-time.Minute); !ev.OccurredAt.Equal(want) {
		t.Errorf("occurred at %s, want EventBridge's %s", ev.OccurredAt, want)
	}
}

func TestTheSameCompletionHasTheSameHash(t *testing.T) {
	a := parse(t, `{"id":"1","status":"s","type":"t","result":{"x": 1}}`)
	later, err := intake.Parse([]byte(`{"type":"t","status":"s","id":"1","result":{"x":1.0}}`), "", now.Add(time.Hour), intake.Rules{})
	if err != nil || a.Hash != later.Event.Hash || a.MessageID != later.Event.MessageID {
		t.Error("the same completion an hour later is another one")
	}
	if b := parse(t, `{"id":"1","status":"s","type":"t","result":{"x":2}}`); b.Hash == a.Hash || b.MessageID != a.MessageID {
		t.Error("another content under the same key is not told apart")
	}
}

func TestNullIsAResultButNoError(t *testing.T) {
	ev := parse(t, `{"id":"1","status":"s","type":"t","result":null,"error":null}`)
	if string(ev.Result) != "null" || ev.Error != nil {
		t.Errorf("result %q, error %q", ev.Result, ev.Error)
	}
}

func TestRefuses(t *testing.T) {
	base := `"id":"1","status":"s","type":"t"`
	for name, c := range map[string]struct{ body, field, says string }{
		"nothing":            {"", "", "the body is empty"},
		"white space":        {" \n", "", "the body is empty"},
		"not JSON":           {"id=1", "", "not JSON"},
		"cut off":            {`{"id":"1"`, "", "not JSON"},
		"a list":             {`[1]`, "", "must be an object"},
		"a text":             {`"hello"`, "", "must be an object"},
		"detail is a text":   {`{"detail-type":"Job Completed","detail":"x"}`, "", "must be an object"},
		"no id":              {`{"status":"s","type":"t"}`, "id", "is missing"},
		"no status":          {`{"id":"1","type":"t"}`, "status", "is missing"},
		"no type":            {`{"id":"1","status":"s"}`, "type", "is missing"},
		"id is a number":     {`{"id":1,"status":"s","type":"t"}`, "id", "must be a string"},
		"id too long":        {`{"id":"` + strings.Repeat("x", 300) + `","status":"s","type":"t"}`, "id", "the maximum is 256"},
		"control characters": {`{"id":"a\u0000b","status":"s","type":"t"}`, "id", "control characters"},
		"account":            {`{` + base + `,"account":"a b"}`, "account", "letters, digits"},
		"error is a number":  {`{` + base + `,"error":5}`, "error", "a string or an object"},
		"occurred_at":        {`{` + base + `,"occurred_at":"yesterday"}`, "occurred_at", "RFC 3339"},
		"occurred too late":  {`{` + base + `,"occurred_at":"9999-12-31T23:59:59-01:00"}`, "occurred_at", "RFC 3339"},
		"occurred never":     {`{` + base + `,"occurred_at":"0001-01-01T00:00:00Z"}`, "occurred_at", "RFC 3339"},
		"slash in type":      {`{"id":"1","status":"s","type":"a/b"}`, "type", "contains a slash"},
		"slash in status":    {`{"id":"1","status":"s/","type":"t","event_type":"x"}`, "status", "contains a slash"},
		"slash in event":     {`{` + base + `,"event_type":"/x"}`, "event_type", "contains a slash"},
		"detail twice":       {`{"detail-type":"x","detail":{"id":"1"},"detail":{"status":"s","type":"t"}}`, "detail", "given twice"},
		"twice in detail":    {`{"detail-type":"x","detail":{` + base + `,"type":"secret"}}`, "type", "given twice"},
		"too deep":           {`{` + base + `,"result":` + strings.Repeat("[", 1001) + strings.Repeat("]", 1001) + `}`, "", "nested deeper than 1000"},
		"wrong in the rest":  {`{` + base + `,"secret":tru}`, "", "not JSON at byte 43"},
		"no URL":             {`{` + base + `,"callback_url":"not a url"}`, "callback_url", "is not a URL"},
		"relative URL":       {`{` + base + `,"callback_url":"/hook"}`, "callback_url", "is not a URL"},
		"other scheme":       {`{` + base + `,"callback_url":"ftp://example.com/"}`, "callback_url", "not an HTTPS URL"},
		"URL with password":  {`{` + base + `,"callback_url":"https://u:secret@example.com/"}`, "callback_url", "user name or password"},
		"profile":            {`{` + base + `,"callback_url":"https://a.example","callback_profile":"x"}`, "callback_profile", "unitary"},
		"profile, no URL":    {`{` + base + `,"callback_profile":"unitary"}`, "callback_profile", "without a callback_url"},
		"given twice":        {`{"id":"1",` + base + `}`, "id", "given twice"},
		"half a surrogate":   {`{"id":"\ud801","status":"s","type":"t"}`, "id", "half a surrogate"},
		"not UTF-8":          {"{\"id\":\"\xff\",\"status\":\"s\",\"type\":\"t\"}", "", "not UTF-8"},
		"URL with a space":   {`{` + base + `,"callback_url":"https://a.example/a b"}`, "callback_url", "is not a URL"},
		"URL's port":         {`{` + base + `,"callback_url":"https://a.example:99999/"}`, "callback_url", "is not a URL"},
		"over the limit":     {`{` + base + `,"result":"` + strings.Repeat("x", intake.DefaultMaxResult) + `"}`, "result", "the maximum is 262144"},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := intake.Parse([]byte(c.body), "", now, intake.Rules{Oversize: intake.RejectResult})
			bad, ok := errors.AsType[*intake.Error](err)
			if !ok || bad.Field != c.field || !strings.Contains(bad.Want, c.says) {
				t.Fatalf("error is %v, want field %q and %q", err, c.field, c.says)
			}
			if strings.Contains(err.Error(), "secret") || len(err.Error()) > 400 {
				t.Errorf("the error quotes its input: %v", err)
			}
			if bad.TooLarge != (name == "over the limit") {
				t.Error("TooLarge is wrong")
			}
		})
	}
}

func TestOversizeResult(t *testing.T) {
	text := func(n int) string { return `"` + strings.Repeat("x", n-2) + `"` }
	for name, c := range map[string]struct {
		result, failure string
		rules           intake.Rules
		omitted         bool
		field           string // of the error; "" for none
	}{
		"just fits":                {text(60), text(40), intake.Rules{MaxResult: 100}, false, ""},
		"one byte over":            {text(61), text(40), intake.Rules{MaxResult: 100}, true, ""},
		"omit, by name":            {text(500), text(40), intake.Rules{MaxResult: 100, Oversize: intake.OmitResult}, true, ""},
		"white space is not kept":  {"[" + strings.Repeat(" ", 500) + "]", text(40), intake.Rules{MaxResult: 100}, false, ""},
		"the error alone fits":     {text(101), text(100), intake.Rules{MaxResult: 100}, true, ""},
		"the error alone does not": {text(5), text(101), intake.Rules{MaxResult: 100}, false, "error"},
		"reject":                   {text(61), text(40), intake.Rules{MaxResult: 100, Oversize: intake.RejectResult}, false, "result"},
		"reject, the error":        {text(5), text(101), intake.Rules{MaxResult: 100, Oversize: intake.RejectResult}, false, "result"},
	} {
		t.Run(name, func(t *testing.T) {
			body := `{"id":"1","status":"s","type":"t","result":` + c.result + `,"error":` + c.failure + `}`
			got, err := intake.Parse([]byte(body), "", now, c.rules)
			if bad, ok := errors.AsType[*intake.Error](err); ok != (c.field != "") || ok && (bad.Field != c.field || !bad.TooLarge) {
				t.Fatalf("error is %v, want one of field %q", err, c.field)
			}
			ev := got.Event
			if err == nil && (ev.ResultOmitted != c.omitted || (ev.Result == nil) != c.omitted || string(ev.Error) != c.failure) {
				t.Errorf("omitted %t, result of %d bytes, error of %d", ev.ResultOmitted, len(ev.Result), len(ev.Error))
			}
		})
	}
	rules := intake.Rules{MaxResult: 10}
	a := complete(t, `{"id":"1","status":"s","type":"t","result":`+text(50)+`}`, rules).Event
	b := complete(t, `{"id":"1","status":"s","type":"t","result":`+text(51)+`}`, rules).Event
	if a.Hash == b.Hash {
		t.Error("two results that are left out are not told apart")
	}
	if none := parse(t, `{"id":"1","status":"s","type":"t"}`); none.ResultOmitted {
		t.Error("a result was left out where there was none")
	}
}

func TestUnknownMembersAreNamed(t *testing.T) {
	base := `"id":"1","status":"s","type":"t"`
	many := ""
	for i := range 12 {
		many += fmt.Sprintf(`,"n%d":%d`, i, i)
	}
	for name, c := range map[string]struct {
		body string
		want []string
	}{
		"none":                {`{` + base + `,"result":{"other":1}}`, nil},
		"a typo":              {`{"callback-url":"https://a.example",` + base + `,"Result":1,"a":{}}`, []string{"callback-url", "Result", "a"}},
		"of detail alone":     {`{"version":"0","detail-type":"x","source":"y","time":"z","detail":{` + base + `,"tme":1}}`, []string{"tme"}},
		"none of detail":      {`{"version":"0","detail-type":"x","detail":{` + base + `}}`, nil},
		"EventBridge's alone": {`{` + base + `,"time":"x","detail":{"id":"2"}}`, []string{"time", "detail"}},
		"detail in detail":    {`{"detail-type":"x","detail":{` + base + `,"detail":{"id":"3"},"detail-type":1}}`, []string{"detail", "detail-type"}},
		"ten at most":         {`{` + base + many + `}`, strings.Fields("n0 n1 n2 n3 n4 n5 n6 n7 n8 n9")},
		"cut at a character":  {`{` + base + `,"` + strings.Repeat("x", 63) + `é":1,"` + strings.Repeat("y", 64) + `z":1}`, []string{strings.Repeat("x", 63), strings.Repeat("y", 64)}},
		"printable":           {`{` + base + `,"a\nb\u001b[31m\ud800\u00a0":1}`, []string{"a\uFFFDb\uFFFD[31m\uFFFD\uFFFD"}},
	} {
		t.Run(name, func(t *testing.T) {
			got := complete(t, c.body, intake.Rules{})
			if !slices.Equal(got.Unknown, c.want) || got.Event.Job.ID != "1" {
				t.Errorf("unknown are %q of job %s, want %q", got.Unknown, got.Event.Job.ID, c.want)
			}
		})
	}
}

// Times are what records can hold.
func TestTimesAreRounded(t *testing.T) {
	at := now.Add(1_234_567 * time.Nanosecond).In(time.FixedZone("", 3600))
	c, err := intake.Parse([]byte(`{"id":"1","status":"s","type":"t"}`), "", at, intake.Rules{Retention: time.Hour})
	if err != nil {
		t.Fatal(err)
	}
	if want := now.Add(time.Millisecond); c.Event.AcceptedAt != want || c.Event.OccurredAt != want {
		t.Errorf("accepted at %s, occurred at %s, want %s", c.Event.AcceptedAt, c.Event.OccurredAt, want)
	}
	if want := now.Add(time.Hour + time.Second); c.Event.ExpiresAt != want {
		t.Errorf("expires at %s, want %s", c.Event.ExpiresAt, want)
	}
}

// The queue reuses the buffer that a body came in.
func TestTheEventKeepsNothingOfTheBody(t *testing.T) {
	body := []byte(`{"detail-type":"x","detail":{"id":"1","status":"s","type":"t","result":{"a":[1,"b"]},"error":"e","x":1,
		"account":"acme","callback_url":"https://a.example","event_id":"e-1"}}`)
	c, err := intake.Parse(body, "", now, intake.Rules{})
	if err != nil {
		t.Fatal(err)
	}
	before := fmt.Sprintf("%+v", c)
	clear(body)
	if after := fmt.Sprintf("%+v", c); after != before {
		t.Errorf("was %s\n is %s", before, after)
	}
}

// A platform's own members are never taken for ours, however alike.
func TestMembersAreKnownByTheirExactNames(t *testing.T) {
	ev := parse(t, `{"ID":"9","id":"1","Status":"x","status":"s","type":"t","Account":"victim","account":"acme",
		"result":{"a":1},"Result":null,"re\u017fult":5,"reſult":6,"\u0065vent_id":"e-1","DETAIL":{}, "detail-Type":"x"}`)
	if ev.Job.ID != "1" || ev.Job.Status != "s" || ev.Account != "acme" || string(ev.Result) != `{"a":1}` || ev.EventID != "e-1" {
		t.Errorf("the event is %+v with %s", ev, ev.Result)
	}
	ev = parse(t, `{"detail-type":"Job Completed","Detail":{"id":"2","status":"s","type":"t"},"detail":{"id":"1","status":"s","type":"t"}}`)
	if ev.Job.ID != "1" {
		t.Errorf("another member was taken for detail: %s", ev.Job.ID)
	}
}

func TestWhiteSpaceAndNestingEverywhere(t *testing.T) {
	ev := parse(t, " {\n\t\"id\" : \"1\" , \"status\":\"s\",\"x\":[{\"id\":\"}\\\"\"},[1,2],true,null,-1.5e3] ,\r\n\"type\": \"t\" ,\"result\" : [ {} , [ ] , \"a,b:c\" ] } ")
	if ev.Job.ID != "1" || ev.Job.Type != "t" || string(ev.Result) != `[{},[],"a,b:c"]` {
		t.Errorf("the event is %+v with %s", ev, ev.Result)
	}
}

func TestAccountOfThePath(t *testing.T) {
	body := `{"id":"1","status":"s","type":"t","account":"other"}`
	if _, err := intake.Parse([]byte(body), "acme", now, intake.Rules{}); err == nil {
		t.Error("an account that is not the path's was taken")
	}
	c, err := intake.Parse([]byte(`{"id":"1","status":"s","type":"t"}`), "acme", now, intake.Rules{})
	if err != nil || c.Event.Account != "acme" {
		t.Errorf("account is %s (%v)", c.Event.Account, err)
	}
}

func FuzzParse(f *testing.F) {
	f.Add([]byte(`{"id":"1","status":"s","type":"t","result":{"a":[1,2.50,"\u00e9"]},"callback_url":"https://a.example"}`))
	f.Add([]byte(`{"detail-type":"Job Completed","time":"2026-11-20T11:59:00Z","detail":{"id":"1","status":"s","type":"t"}}`))
	f.Add([]byte(`{"id":"1","status":"s","type":"t","error":"\ud800"}`))
	f.Fuzz(func(t *testing.T, body []byte) {
		c, err := intake.Parse(body, "", now, intake.Rules{Retention: time.Hour})
		if err != nil {
			if _, ok := errors.AsType[*intake.Error](err); !ok {
				t.Fatalf("%T is no *intake.Error", err)
			}
			return
		}
		ev := c.Event
		if ev.Job.ID == "" || ev.Type == "" || ev.Account == "" || ev.MessageID == "" || len(ev.Result) > intake.DefaultMaxResult {
			t.Fatalf("a half event was taken: %+v", ev)
		}
		if strings.Contains(ev.Type+ev.Job.Type+ev.Job.Status, "/") || len(c.Unknown) > 10 {
			t.Fatalf("%+v, unknown %q", ev, c.Unknown)
		}
		content := payload.Content{
			Job: ev.Job, EventType: ev.Type, OccurredAt: ev.OccurredAt,
			Result: ev.Result, Error: ev.Error, CallbackURL: ev.CallbackURL, IncludeResult: true,
		}
		for _, p := range webhook.Profiles() {
			if _, err := payload.Body(p, content); err != nil {
				t.Fatalf("an accepted completion has no %s body: %v", p, err)
			}
		}
	})
}
