package webhook_test

import (
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/jobhook/jobhook/shared/webhook"
)

func TestRetryReadsBack(t *testing.T) {
	at := time.Date(2026, 11, 20, 12, 0, 0, 123e6, time.UTC)
	for name, want := range map[string]webhook.RetryMessage{
		"an attempt": {Version: webhook.Layout, MessageID: "msg_a", Account: "acme", EndpointID: "ep_b", AcceptedAt: at, Attempt: 2, Due: at},
		"an outcome": {
			Version: webhook.Layout, MessageID: "msg_a", Account: "acme", EndpointID: webhook.JobTarget, AcceptedAt: at, Attempt: 1, Due: at,
			Outcome: &webhook.Outcome{From: "r", Rev: "s", At: at, DurationMS: 5, StatusCode: 500, Reason: webhook.ReasonHTTPStatus, URL: "https://a"},
		},
	} {
		t.Run(name, func(t *testing.T) {
			got, err := webhook.ParseRetry(webhook.Encode(want))
			if err != nil || !reflect.DeepEqual(got, want) {
				t.Errorf("reads back as %+v (%v), want %+v", got, err, want)
			}
		})
	}
}

func TestParseRetryRefuses(t *testing.T) {
	for name, body := range map[string]string{
		"not JSON":      "{",
		"empty":         "{}",
		"attempt 0":     `{"v":1,"message_id":"m","account":"a","endpoint_id":"e","attempt":0,"accepted_at":"2026-11-20T12:00:00Z"}`,
		"no endpoint":   `{"v":1,"message_id":"m","account":"a","attempt":1,"accepted_at":"2026-11-20T12:00:00Z"}`,
		"no acceptance": `{"v":1,"message_id":"m","account":"a","endpoint_id":"e","attempt":1}`,
		"a newer one":   `{"v":2,"message_id":"m","account":"a","endpoint_id":"e","attempt":1,"accepted_at":"2026-11-20T12:00:00Z"}`,
	} {
		t.Run(name, func(t *testing.T) {
			r, err := webhook.ParseRetry([]byte(body))
			if err == nil {
				t.Errorf("was accepted as %+v", r)
			}
			if strings.HasPrefix(name, "a newer") && !strings.Contains(err.Error(), "newer version of jobhook") {
				t.Errorf("%v does not say why", err)
			}
		})
	}
}

func TestAcceptedIsToldFromACompletion(t *testing.T) {
	want := webhook.AcceptedMessage{Form: webhook.AcceptedForm, Version: webhook.Layout, MessageID: "msg_a", Account: "acme"}
	if got, ok, err := webhook.ParseAccepted(webhook.Encode(want)); !ok || err != nil || got != want {
		t.Errorf("reads back as %+v, %t, %v", got, ok, err)
	}
	for name, body := range map[string]string{
		"completion":       `{"id":"1","status":"success","type":"t"}`,
		"EventBridge's":    `{"detail-type":"Job Completed","detail":{}}`,
		"another form":     `{"jobhook":"else","message_id":"m","account":"a"}`,
		"not JSON":         `accepted`,
		"another's object": `{"jobhook":{"accepted":true}}`,
	} {
		t.Run(name, func(t *testing.T) {
			if got, ok, _ := webhook.ParseAccepted([]byte(body)); ok {
				t.Errorf("was accepted as %+v", got)
			}
		})
	}
	for name, body := range map[string]string{
		"without its id": `{"jobhook":"accepted","v":1,"account":"a"}`,
		"a newer one":    `{"jobhook":"accepted","v":2,"message_id":"m","account":"a"}`,
		"broken off":     `{"jobhook":"accepted","v":`,
	} {
		t.Run(name, func(t *testing.T) {
			if got, ok, err := webhook.ParseAccepted([]byte(body)); !ok || err == nil {
				t.Errorf("was accepted as %+v, %t", got, ok)
			}
		})
	}
}
