package queue_test

import (
	"testing"
	"time"

	"github.com/jobhook/jobhook/shared/queue"
)

func TestRetryReadsBack(t *testing.T) {
	want := queue.Retry{
		MessageID: "msg_a", Account: "acme", EndpointID: "ep_b", Attempt: 2,
		Due: time.Date(2026, 11, 20, 12, 0, 0, 123456789, time.UTC),
	}
	got, err := queue.ParseRetry(queue.Encode(want))
	if err != nil || got != want {
		t.Errorf("reads back as %+v (%v), want %+v", got, err, want)
	}
}

func TestParseRetryRefuses(t *testing.T) {
	for name, body := range map[string]string{
		"not JSON":    "{",
		"empty":       "{}",
		"attempt 0":   `{"message_id":"m","account":"a","endpoint_id":"e","attempt":0}`,
		"no endpoint": `{"message_id":"m","account":"a","attempt":1}`,
	} {
		t.Run(name, func(t *testing.T) {
			if r, err := queue.ParseRetry([]byte(body)); err == nil {
				t.Errorf("was taken for %+v", r)
			}
		})
	}
}

func TestAcceptedIsToldFromACompletion(t *testing.T) {
	want := queue.Accepted{Form: queue.AcceptedForm, MessageID: "msg_a", Account: "acme", EventType: "a.b", Callback: true, Rev: "r"}
	if got, ok := queue.ParseAccepted(queue.Encode(want)); !ok || got != want {
		t.Errorf("reads back as %+v, %t", got, ok)
	}
	for name, body := range map[string]string{
		"completion":       `{"id":"1","status":"success","type":"t"}`,
		"EventBridge's":    `{"detail-type":"Job Completed","detail":{}}`,
		"another form":     `{"jobhook":"else","message_id":"m","account":"a"}`,
		"without its id":   `{"jobhook":"accepted","account":"a"}`,
		"not JSON":         `accepted`,
		"another's object": `{"jobhook":{"accepted":true}}`,
	} {
		t.Run(name, func(t *testing.T) {
			if got, ok := queue.ParseAccepted([]byte(body)); ok {
				t.Errorf("was taken for %+v", got)
			}
		})
	}
}
