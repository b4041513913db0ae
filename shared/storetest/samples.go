package storetest

import (
	"encoding/json"
	"fmt"
	"time"

	"github.com/jobhook/jobhook/shared/payload"
	"github.com/jobhook/jobhook/shared/webhook"
)

const account = "acct-1"

// retention is how long sample records live; the end falls on a whole second,
// since writes may take expiry to the second.
func expiry() time.Time { return Start.Add(72 * time.Hour).Truncate(time.Second) }

// sampleEvent has every field set, claimed. n tells events apart.
func sampleEvent(n int) webhook.Event {
	eventID := fmt.Sprintf("job-%d:success/日本", n)
	return webhook.Event{
		MessageID:  webhook.MessageID(account, eventID),
		EventID:    eventID,
		Type:       "content_translate.success",
		Account:    account,
		Job:        payload.Job{ID: fmt.Sprintf("job-%d", n), Status: "success", Type: "content_translate"},
		OccurredAt: time.Date(2026, time.November, 20, 23, 59, 59, 1, time.FixedZone("", 5*3600)),
		AcceptedAt: Start.Add(time.Duration(n) * time.Millisecond),
		ExpiresAt:  expiry(),

		Result: json.RawMessage(`{"text":"héllo \u2028 <&> 🎉","n":12345678901234567890,"z":1e400}`),
		Error:  json.RawMessage(`{"error":"partly","code":7}`),

		CallbackURL:     "https://example.com/cb?job=1&x=%20y#f",
		CallbackProfile: payload.Profile("unitary"),
		Hash:            "hash",

		Targets: []string{endpointID(1), endpointID(2), webhook.JobTarget},
		Lease:   webhook.Lease{Message: "sqs-message-1", Until: Start.Add(90*time.Second + 3)},
		Rev:     fmt.Sprintf("event-%d-rev-1", n),
	}
}

func endpointID(n int) string {
	var random [15]byte
	random[0], random[14] = byte(n>>8), byte(n)
	return webhook.EndpointID(random)
}

// sampleDelivery has every field set. endpoint is webhook.JobTarget or an id.
func sampleDelivery(e webhook.Event, endpoint string) webhook.Delivery {
	return webhook.Delivery{
		MessageID:  e.MessageID,
		EventID:    e.EventID,
		Account:    e.Account,
		EndpointID: endpoint,
		URL:        "https://example.com/hooks/ünï?a=b",
		Status:     webhook.Retrying,
		Reason:     "some_reason",
		Attempts: []webhook.Attempt{
			{Number: 1, At: Start.Add(time.Second + 1), Duration: 1234567 * time.Nanosecond, StatusCode: 503, Reason: "http_status", Response: "try later: <é> \"\\\n\t\u0000"},
			{Number: 2, At: Start.Add(2 * time.Second), Duration: 10 * time.Second, Reason: "timeout"},
		},
		NextAttemptAt: Start.Add(time.Hour + 7),
		CreatedAt:     e.AcceptedAt,
		ExpiresAt:     e.ExpiresAt,
		Profile:       payload.Profile("sharpapi"),
		IncludeResult: true,
		BodyURL:       "https://example.com/first",
		Queued:        3,
		Lease:         webhook.Lease{Message: "sqs-message-2", Until: Start.Add(30 * time.Second)},
		Rev:           "delivery-rev-1",
	}
}

// plainDelivery is as dispatch writes it when the first attempt got through.
func plainDelivery(e webhook.Event, endpoint string) webhook.Delivery {
	return webhook.Delivery{
		MessageID: e.MessageID, EventID: e.EventID, Account: e.Account, EndpointID: endpoint,
		URL: "https://example.com/", Status: webhook.Delivered, Profile: "standard",
		Attempts:  []webhook.Attempt{{Number: 1, At: e.AcceptedAt, Duration: time.Millisecond, StatusCode: 204}},
		CreatedAt: e.AcceptedAt, ExpiresAt: e.ExpiresAt, Rev: "plain-" + e.EventID,
	}
}

// sampleEndpoint has every field set.
func sampleEndpoint(n int) webhook.Endpoint {
	return webhook.Endpoint{
		ID:             endpointID(n),
		Account:        account,
		URL:            fmt.Sprintf("https://example.com/%d?q=ü", n),
		Events:         []string{"content_translate.success", "document.*", "*"},
		Profile:        payload.Profile("antinium"),
		IncludeResult:  true,
		Headers:        map[string]string{"X-Tenant": "a b", "X-Empty": ""},
		Description:    "Ümlaut 🎉 \"quoted\"",
		Enabled:        true,
		DisabledReason: webhook.Gone,
		Secrets: []webhook.SealedSecret{
			{Sealed: "v1.k.abc"},
			{Ref: "jobhook/acct-1/own", ExpiresAt: Start.Add(24*time.Hour + 9)},
		},
		CreatedAt: Start.Add(time.Duration(n) * time.Second),
		UpdatedAt: Start.Add(time.Duration(n)*time.Second + 5),
		Rev:       fmt.Sprintf("endpoint-%d-rev-1", n),
	}
}
