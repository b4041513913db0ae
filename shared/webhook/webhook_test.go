package webhook_test

import (
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/jobhook/jobhook/shared/webhook"
)

var now = time.Date(2026, 11, 20, 12, 0, 0, 0, time.UTC)

// Every HTTP status, and every reason without one, with what it means.
func TestVerdictOfEveryAnswer(t *testing.T) {
	for code := 100; code <= 599; code++ {
		want := webhook.Retry
		switch {
		case code >= 200 && code <= 299:
			want = webhook.Success
		case code == http.StatusGone:
			want = webhook.Dead
		}
		a := webhook.Attempt{StatusCode: code}
		if want != webhook.Success {
			a.Reason = "http_status"
		}
		if got := webhook.Judge(a); got != want {
			t.Errorf("%d means %s, want %s", code, got, want)
		}
	}
	for reason, want := range map[webhook.Reason]webhook.Verdict{
		"timeout": webhook.Retry, "refused": webhook.Retry, "dns": webhook.Retry, "tls": webhook.Retry,
		"connection": webhook.Retry, "bad_response": webhook.Retry,
		"address_not_public": webhook.Refused, "bad_url": webhook.Refused,
	} {
		if got := webhook.Judge(webhook.Attempt{Reason: reason}); got != want {
			t.Errorf("%s means %s, want %s", reason, got, want)
		}
	}
}

func claimed() webhook.Claimed {
	d := webhook.Delivery{
		Status: webhook.Retrying, Attempts: []webhook.Attempt{{Number: 1, Response: "old", Reason: webhook.ReasonTimeout}},
		NextAttemptAt: now, Rev: "1", Reason: webhook.ReasonSecretUnreadable,
	}
	c, _ := d.Claim("https://a", webhook.Lease{Message: "m", Until: now}, "2")
	return c
}

func TestSettleMovesTheState(t *testing.T) {
	next := now.Add(time.Minute)
	ok, refused := webhook.Attempt{StatusCode: 204}, webhook.Attempt{StatusCode: 500, Reason: webhook.ReasonHTTPStatus}
	gone, never := webhook.Attempt{StatusCode: 410, Reason: webhook.ReasonHTTPStatus}, webhook.Attempt{Reason: webhook.ReasonAddressNotPublic}
	for name, c := range map[string]struct {
		a       webhook.Attempt
		next    time.Time
		want    webhook.Status
		due     time.Time
		settled bool // is recoverable
	}{
		"success":                {ok, next, webhook.Delivered, time.Time{}, false},
		"failed, more to come":   {refused, next, webhook.Retrying, next, false},
		"failed for the last":    {refused, time.Time{}, webhook.Failed, time.Time{}, true},
		"gone":                   {gone, next, webhook.Failed, time.Time{}, true},
		"never sent":             {never, next, webhook.Failed, time.Time{}, true},
		"success after the last": {ok, time.Time{}, webhook.Delivered, time.Time{}, false},
	} {
		t.Run(name, func(t *testing.T) {
			before := claimed()
			c.a.Number, c.a.At = 2, now
			change := before.Settle(c.a, c.next, "3")
			after := *change.Delivery
			if after.Status != c.want || !after.NextAttemptAt.Equal(c.due) || after.SettledAt.IsZero() == c.settled {
				t.Errorf("is %s, due %s, settled %s; want %s, due %s", after.Status, after.NextAttemptAt, after.SettledAt, c.want, c.due)
			}
			if len(after.Attempts) != 2 || len(before.Attempts) != 1 || after.Lease != (webhook.Lease{Message: "m"}) {
				t.Error("the attempt must be added to a copy, and the lease ended but its message kept")
			}
			if change.From != "2" || after.Rev != "3" || after.Reason != "" {
				t.Errorf("replaces %q by %q, reason %q", change.From, after.Rev, after.Reason)
			}
		})
	}
}

// What is kept of an answer is bounded, and of earlier ones nothing is kept.
func TestWhatIsKeptOfAnAnswer(t *testing.T) {
	long := strings.Repeat("é", 300)
	for name, c := range map[string]struct {
		a    webhook.Attempt
		want int
	}{
		"of a 2xx":         {webhook.Attempt{StatusCode: 200, Response: long}, webhook.MaxAcceptedResponse},
		"of another":       {webhook.Attempt{StatusCode: 500, Reason: webhook.ReasonHTTPStatus, Response: long}, webhook.MaxRefusedResponse},
		"cut in character": {webhook.Attempt{StatusCode: 200, Response: "x" + long}, webhook.MaxAcceptedResponse - 1},
		"short":            {webhook.Attempt{StatusCode: 200, Response: "ok"}, 2},
	} {
		t.Run(name, func(t *testing.T) {
			c.a.At, c.a.Duration = now.Add(time.Nanosecond), 1500*time.Microsecond
			before := claimed()
			d := before.Settle(c.a, now, "3").Delivery
			last, _ := d.Last()
			if len(last.Response) != c.want || !utf8.ValidString(last.Response) || d.Attempts[0].Response != "" || before.Attempts[0].Response != "old" {
				t.Errorf("%d bytes are kept, of the earlier one %q", len(last.Response), d.Attempts[0].Response)
			}
			if !last.At.Equal(now.Add(time.Millisecond)) || last.Duration != time.Millisecond {
				t.Errorf("at %s for %s: not whole milliseconds", last.At, last.Duration)
			}
		})
	}
}

func TestEndsWithoutAnAttempt(t *testing.T) {
	for name, c := range map[string]struct {
		end     func(webhook.Claimed) webhook.Change
		status  webhook.Status
		reason  webhook.Reason
		settled bool
		due     time.Time
	}{
		"held":      {func(c webhook.Claimed) webhook.Change { return c.Hold(now, "3") }, webhook.Held, webhook.ReasonEndpointDisabled, true, time.Time{}},
		"canceled":  {func(c webhook.Claimed) webhook.Change { return c.Cancel("3") }, webhook.Canceled, webhook.ReasonEndpointRemoved, false, time.Time{}},
		"failed":    {func(c webhook.Claimed) webhook.Change { return c.Fail(webhook.ReasonInternal, now, "3") }, webhook.Failed, webhook.ReasonInternal, true, time.Time{}},
		"postponed": {func(c webhook.Claimed) webhook.Change { return c.Postpone(webhook.ReasonInternal, now, now, "3") }, webhook.Retrying, webhook.ReasonInternal, false, now},
	} {
		t.Run(name, func(t *testing.T) {
			change := c.end(claimed())
			d := change.Delivery
			if d.Status != c.status || d.Reason != c.reason || d.SettledAt.IsZero() == c.settled || !d.NextAttemptAt.Equal(c.due) || len(d.Attempts) != 1 {
				t.Errorf("it is %+v", d)
			}
			if change.From != "2" || d.Rev != "3" || !d.Lease.Until.IsZero() {
				t.Errorf("replaces %q by %q, lease %v", change.From, d.Rev, d.Lease)
			}
		})
	}
}

func TestBegin(t *testing.T) {
	ev := webhook.Event{
		MessageID: "msg_a", EventID: "e", Account: "acme", AcceptedAt: now, ExpiresAt: now.Add(time.Hour),
		CallbackURL: "https://job", Lease: webhook.Lease{Message: "m", Until: now},
	}
	e := webhook.Endpoint{URL: "https://own", Profile: webhook.Unitary, IncludeResult: true}
	for name, c := range map[string]struct {
		target  string
		stated  webhook.Profile
		url     string
		profile webhook.Profile
	}{
		"an endpoint":                    {"ep_a", "", "https://own", webhook.Unitary},
		"an endpoint, another stated":    {"ep_a", webhook.SharpAPI, "https://own", webhook.Unitary},
		"the job's URL":                  {webhook.JobTarget, "", "https://job", webhook.Unitary},
		"the job's URL, profile in said": {webhook.JobTarget, webhook.SharpAPI, "https://job", webhook.SharpAPI},
	} {
		t.Run(name, func(t *testing.T) {
			ev.CallbackProfile = c.stated
			d := webhook.Begin(ev, c.target, e)
			if d.URL != c.url || d.BodyURL != c.url || d.Profile != c.profile || d.Status != webhook.Pending || !d.IncludeResult || d.From() != "" || d.Lease.Message != "m" {
				t.Errorf("it begins as %+v", d)
			}
			if d.DeliveryKey != ev.Key(c.target) {
				t.Errorf("its key is %+v", d.DeliveryKey)
			}
		})
	}
}

func TestClaimOfAnEvent(t *testing.T) {
	l := webhook.Lease{Message: "m", Until: now}
	for name, c := range map[string]struct {
		before  webhook.Event
		targets []string
		want    []string
		payload bool
	}{
		"a new one":           {webhook.Event{Result: []byte("1")}, []string{"ep_a"}, []string{"ep_a"}, true},
		"nobody wants it":     {webhook.Event{Result: []byte("1"), Error: []byte(`"x"`)}, nil, []string{}, false},
		"its targets settled": {webhook.Event{Result: []byte("1"), Targets: []string{"ep_b"}, Rev: "0"}, []string{"ep_a"}, []string{"ep_b"}, true},
	} {
		t.Run(name, func(t *testing.T) {
			after, change := c.before.Claim(c.targets, l, "1")
			if !after.Claimed() || !slices.Equal(after.Targets, c.want) || (after.Result != nil) != c.payload || after.Error != nil && !c.payload {
				t.Errorf("it is %+v", after)
			}
			if change.From != c.before.Rev || after.Rev != "1" || after.Lease != l || change.Event.Rev != "1" {
				t.Errorf("the change is %+v", change)
			}
		})
	}
}

func TestDisableGone(t *testing.T) {
	e := webhook.Endpoint{ID: "ep_a", URL: "https://a", Enabled: true}
	for name, c := range map[string]struct {
		change func(*webhook.Endpoint)
		url    string
		want   bool
	}{
		"its URL":          {func(*webhook.Endpoint) {}, "https://a", true},
		"another URL":      {func(*webhook.Endpoint) {}, "https://b", false},
		"disabled already": {func(e *webhook.Endpoint) { e.Enabled = false }, "https://a", false},
		"removed":          {func(e *webhook.Endpoint) { e.RemovedAt = now }, "https://a", false},
		"the job record":   {func(e *webhook.Endpoint) { e.ID, e.URL = webhook.JobTarget, "" }, "", false},
	} {
		t.Run(name, func(t *testing.T) {
			before := e
			c.change(&before)
			off, ok := before.DisableGone(c.url, now, now)
			if ok != c.want || ok && (off.Enabled || off.DisabledReason != webhook.Gone) {
				t.Errorf("%t: %+v", ok, off)
			}
		})
	}
}

func TestMatch(t *testing.T) {
	for name, c := range map[string]struct {
		pattern, event string
		want           bool
	}{
		"all":                       {"*", "anything.at.all", true},
		"exact":                     {"document.shared", "document.shared", true},
		"another":                   {"document.shared", "document.deleted", false},
		"prefix":                    {"document.*", "document.shared", true},
		"prefix, deeper":            {"document.*", "document.comment.added", true},
		"prefix is not the type":    {"document.*", "document", false},
		"prefix wants a part after": {"document.*", "document.", false},
		"prefix of a longer word":   {"doc.*", "document.shared", false},
		"star within a word":        {"doc*", "document", false},
		"star elsewhere":            {"*.shared", "document.shared", false},
		"case counts":               {"Document.shared", "document.shared", false},
	} {
		t.Run(name, func(t *testing.T) {
			if got := webhook.Match(c.pattern, c.event); got != c.want {
				t.Errorf("%q matches %q: %t, want %t", c.pattern, c.event, got, c.want)
			}
		})
	}
}

func TestMessageID(t *testing.T) {
	id := webhook.MessageID("acme", "1", "a.b/1/ok")
	if id != webhook.MessageID("acme", "1", "a.b/1/ok") {
		t.Error("the same completion has two ids")
	}
	for name, other := range map[string]string{
		"another job":             webhook.MessageID("acme", "2", "a.b/1/ok"),
		"another event":           webhook.MessageID("acme", "1", "a.b/2/ok"),
		"another account":         webhook.MessageID("acm", "1", "a.b/1/ok"),
		"the same bytes, moved":   webhook.MessageID("acm", "e1", "a.b/1/ok"),
		"the same bytes, moved 2": webhook.MessageID("acme", "1a", ".b/1/ok"),
	} {
		if other == id {
			t.Errorf("%s has the same id", name)
		}
	}
	if !strings.HasPrefix(id, "msg_") || strings.Contains(id, ".") || len(id) != 36 {
		t.Errorf("%q: must be msg_ and 32 characters, without a dot (Standard Webhooks)", id)
	}
	job, event, ok := webhook.SplitMessageID(id)
	if !ok || job != webhook.JobPart("acme", "1") || "msg_"+job+event != id {
		t.Errorf("%s splits into %s and %s", id, job, event)
	}
	if another, _, _ := webhook.SplitMessageID(webhook.MessageID("acme", "1", "else")); another != job {
		t.Error("two events of one job have different job parts")
	}
	// It is the idempotency key: another derivation would deliver twice.
	if id != "msg_7lfh3zdcyg4uujno22eg64g6efqne4de" {
		t.Errorf("the id is derived in another way than before: %s", id)
	}
	for _, bad := range []string{"", "msg_", "msg_a", id + "a", strings.ToUpper(id), "ep_" + id[4:], id[:35] + "1"} {
		if _, _, ok := webhook.SplitMessageID(bad); ok {
			t.Errorf("%q was accepted as a message id", bad)
		}
	}
}

func TestJobOfEventID(t *testing.T) {
	for id, want := range map[string]string{
		webhook.DefaultEventID("a.b", "1", "ok"): "1", webhook.DefaultEventID("a.b", "x/y/z", "ok"): "x/y/z",
		"a": "", "a/b": "", "/b/c": "", "a/b/": "", "a//c": "", "": "",
	} {
		if job, ok := webhook.JobOfEventID(id); job != want || ok != (want != "") {
			t.Errorf("%q is of job %q, %t; want %q", id, job, ok, want)
		}
	}
}

func TestValidSecrets(t *testing.T) {
	e := webhook.Endpoint{Secrets: []webhook.SealedSecret{
		{Sealed: "new"}, {Sealed: "old", ExpiresAt: now.Add(time.Hour)}, {Sealed: "older", ExpiresAt: now},
	}}
	valid := e.Valid(now)
	if len(valid) != 2 || valid[0].Sealed != "new" || valid[1].Sealed != "old" {
		t.Errorf("valid are %v", valid)
	}
}

func TestContentHashTellsContentApart(t *testing.T) {
	base := webhook.Event{Account: "a", EventID: "e", Type: "t", Result: []byte(`{"a":1}`)}
	same := base
	same.AcceptedAt, same.OccurredAt, same.Rev = now, now, "r"
	if webhook.ContentHash(base, "", base.Result) != webhook.ContentHash(same, "", same.Result) {
		t.Error("when it was accepted is no part of the content")
	}
	for name, change := range map[string]func(*webhook.Event){
		"result":    func(e *webhook.Event) { e.Result = []byte(`{"a":2}`) },
		"no result": func(e *webhook.Event) { e.Result = nil },
		"error":     func(e *webhook.Event) { e.Error = []byte(`"x"`) },
		"status":    func(e *webhook.Event) { e.Job.Status = "failed" },
		"url":       func(e *webhook.Event) { e.CallbackURL = "https://example.com" },
		"shifted":   func(e *webhook.Event) { e.Account, e.EventID = "ae", "" },
	} {
		other := base
		change(&other)
		if webhook.ContentHash(base, "", base.Result) == webhook.ContentHash(other, "", other.Result) {
			t.Errorf("another %s has the same hash", name)
		}
	}
	if webhook.ContentHash(base, "", base.Result) == webhook.ContentHash(base, "2026-11-20T12:00:00Z", base.Result) {
		t.Error("another stated time has the same hash")
	}
}
