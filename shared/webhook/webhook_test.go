package webhook_test

import (
	"net/http"
	"strings"
	"testing"
	"time"

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
	for reason, want := range map[string]webhook.Verdict{
		"timeout": webhook.Retry, "refused": webhook.Retry, "dns": webhook.Retry, "tls": webhook.Retry,
		"connection": webhook.Retry, "bad_response": webhook.Retry,
		"address_not_public": webhook.Refused, "bad_url": webhook.Refused,
	} {
		if got := webhook.Judge(webhook.Attempt{Reason: reason}); got != want {
			t.Errorf("%s means %s, want %s", reason, got, want)
		}
	}
}

func TestSettleMovesTheState(t *testing.T) {
	next := now.Add(time.Minute)
	for name, c := range map[string]struct {
		verdict webhook.Verdict
		next    time.Time
		want    webhook.Status
		due     time.Time
	}{
		"success":                {webhook.Success, next, webhook.Delivered, time.Time{}},
		"failed, more to come":   {webhook.Retry, next, webhook.Retrying, next},
		"failed for the last":    {webhook.Retry, time.Time{}, webhook.Failed, time.Time{}},
		"gone":                   {webhook.Dead, next, webhook.Failed, time.Time{}},
		"never sent":             {webhook.Refused, next, webhook.Failed, time.Time{}},
		"success after the last": {webhook.Success, time.Time{}, webhook.Delivered, time.Time{}},
	} {
		t.Run(name, func(t *testing.T) {
			before := webhook.Delivery{
				Status: webhook.Retrying, Attempts: []webhook.Attempt{{Number: 1}},
				NextAttemptAt: now, Lease: webhook.Lease{Message: "m", Until: now},
			}
			after := before.Settle(webhook.Attempt{Number: 2}, c.verdict, c.next)
			if after.Status != c.want || !after.NextAttemptAt.Equal(c.due) {
				t.Errorf("is %s, due %s; want %s, due %s", after.Status, after.NextAttemptAt, c.want, c.due)
			}
			if len(after.Attempts) != 2 || len(before.Attempts) != 1 || after.Lease != (webhook.Lease{Message: "m"}) {
				t.Error("the attempt must be added to a copy, and the lease ended but its message kept")
			}
		})
	}
}

func TestSettleDoesNotShareItsAttempts(t *testing.T) {
	shared := make([]webhook.Attempt, 1, 8)
	d := webhook.Delivery{Attempts: shared}
	one := d.Settle(webhook.Attempt{Number: 2, Reason: "timeout"}, webhook.Retry, now)
	two := d.Settle(webhook.Attempt{Number: 2, Reason: "dns"}, webhook.Retry, now)
	if one.Attempts[1].Reason != "timeout" || two.Attempts[1].Reason != "dns" {
		t.Error("two outcomes of one delivery share memory")
	}
}

func TestUnqueued(t *testing.T) {
	attempts := []webhook.Attempt{{Number: 1}}
	for name, c := range map[string]struct {
		d    webhook.Delivery
		want bool
	}{
		"handed over, not sent": {webhook.Delivery{Status: webhook.Pending}, true},
		"handed over, sent":     {webhook.Delivery{Status: webhook.Pending, Queued: 1}, false},
		"retrying, not sent":    {webhook.Delivery{Status: webhook.Retrying, Attempts: attempts, Queued: 1}, true},
		"retrying, sent":        {webhook.Delivery{Status: webhook.Retrying, Attempts: attempts, Queued: 2}, false},
		"delivered":             {webhook.Delivery{Status: webhook.Delivered, Attempts: attempts}, false},
		"held":                  {webhook.Delivery{Status: webhook.Held}, false},
	} {
		t.Run(name, func(t *testing.T) {
			if got := c.d.Unqueued(); got != c.want {
				t.Errorf("Unqueued is %t, want %t", got, c.want)
			}
		})
	}
}

func TestFinished(t *testing.T) {
	done := webhook.Delivery{EndpointID: "ep_a", Status: webhook.Delivered}
	unsent := webhook.Delivery{EndpointID: "ep_b", Status: webhook.Retrying, Attempts: []webhook.Attempt{{Number: 1}}}
	for name, c := range map[string]struct {
		targets []string
		have    []webhook.Delivery
		want    bool
	}{
		"not claimed":          {nil, nil, false},
		"nobody wants it":      {[]string{}, nil, true},
		"all there":            {[]string{"ep_a"}, []webhook.Delivery{done}, true},
		"one missing":          {[]string{"ep_a", "ep_b"}, []webhook.Delivery{done}, false},
		"one waits unsent":     {[]string{"ep_a", "ep_b"}, []webhook.Delivery{done, unsent}, false},
		"another's are no use": {[]string{"ep_c"}, []webhook.Delivery{done}, false},
	} {
		t.Run(name, func(t *testing.T) {
			if got := (webhook.Event{Targets: c.targets}).Finished(c.have); got != c.want {
				t.Errorf("Finished is %t, want %t", got, c.want)
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
	id := webhook.MessageID("acme", "a.b/1/ok")
	if id != webhook.MessageID("acme", "a.b/1/ok") {
		t.Error("the same completion has two ids")
	}
	if id == webhook.MessageID("acme", "a.b/2/ok") || id == webhook.MessageID("acm", "ea.b/1/ok") {
		t.Error("two completions have one id")
	}
	if !strings.HasPrefix(id, "msg_") || strings.Contains(id, ".") || len(id) != 36 {
		t.Errorf("%q: must be msg_ and 32 characters, without a dot (Standard Webhooks)", id)
	}
	// It is the idempotency key: another derivation would deliver twice.
	if id != "msg_c4vo4go3qgvunyvdupg52w5mfx2fi4te" {
		t.Errorf("the id is derived in another way than before: %s", id)
	}
}

func TestDeliveryIDReadsBack(t *testing.T) {
	d := webhook.Delivery{MessageID: webhook.MessageID("a", "b"), EndpointID: webhook.EndpointID([15]byte{1})}
	message, endpoint, ok := webhook.ParseDeliveryID(d.ID())
	if !ok || message != d.MessageID || endpoint != d.EndpointID {
		t.Errorf("%s reads back as %s and %s", d.ID(), message, endpoint)
	}
	for _, bad := range []string{"", "msg_a", "msg_a.", "a.ep_b", "."} {
		if _, _, ok := webhook.ParseDeliveryID(bad); ok {
			t.Errorf("%q was taken for a delivery id", bad)
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
	if webhook.ContentHash(base, "") != webhook.ContentHash(same, "") {
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
		if webhook.ContentHash(base, "") == webhook.ContentHash(other, "") {
			t.Errorf("another %s has the same hash", name)
		}
	}
	if webhook.ContentHash(base, "") == webhook.ContentHash(base, "2026-11-20T12:00:00Z") {
		t.Error("another stated time has the same hash")
	}
}
