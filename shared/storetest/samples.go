package storetest

import (
	"encoding/base64"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"time"

	"github.com/jobhook/jobhook/shared/webhook"
)

// account is the samples'; other one has records too where accounts must be
// kept apart.
const (
	account = "acct-1"
	other   = "acct-2"
)

// expiry is when sample records expire: on a whole second, since writes may
// take expiry to the second.
func expiry() time.Time { return Start.Add(72 * time.Hour).Truncate(time.Second) }

// tick is the nth millisecond from Start.
func tick(n int) time.Time { return Start.Add(time.Duration(n) * time.Millisecond) }

// sampleEvent has every field set, claimed. n tells events and their jobs apart.
func sampleEvent(n int) webhook.Event {
	jobID, eventID := fmt.Sprintf("job-%d", n), fmt.Sprintf("job-%d:success/日本", n)
	return webhook.Event{
		MessageID:  webhook.MessageID(account, jobID, eventID),
		EventID:    eventID,
		Type:       "content_translate.success",
		Account:    account,
		Job:        webhook.Job{ID: jobID, Status: "success", Type: "content_translate"},
		OccurredAt: time.Date(2026, time.November, 20, 23, 59, 59, 1, time.FixedZone("", 5*3600)),
		AcceptedAt: tick(n),
		ExpiresAt:  expiry(),

		Result:        json.RawMessage(`{"text":"héllo \u2028 <&> 🎉","n":12345678901234567890,"z":1e400}`),
		Error:         json.RawMessage(`{"error":"partly","code":7}`),
		ResultOmitted: true,

		CallbackURL:     "https://example.com/cb?job=1&x=%20y#f",
		CallbackProfile: webhook.Unitary,
		Hash:            "hash",

		Targets:    []string{endpointID(1), endpointID(2), webhook.JobTarget},
		HandedOver: []string{endpointID(2)},
		Lease:      webhook.Lease{Message: "sqs-message-1", Until: Start.Add(90*time.Second + 3*time.Millisecond)},
		Rev:        fmt.Sprintf("event-%d-rev-1", n),
	}
}

// accepted is a sample event as the API stores it: not claimed yet.
func accepted(n int) webhook.Event {
	e := sampleEvent(n)
	e.Targets, e.HandedOver, e.Lease = nil, nil, webhook.Lease{}
	return e
}

// ofJob is the nth sample event of one job of an account.
func ofJob(account, jobID string, n int) webhook.Event {
	e := sampleEvent(n)
	e.Account, e.Job.ID = account, jobID
	e.MessageID = webhook.MessageID(account, jobID, e.EventID)
	e.OccurredAt = e.OccurredAt.Add(time.Duration(n))
	return e
}

// incompressible is a JSON string that holds this many random bytes in base64:
// no compression brings it below their number.
func incompressible(bytes int) json.RawMessage {
	random := make([]byte, bytes)
	_, _ = rand.NewChaCha8([32]byte{1}).Read(random)
	return json.RawMessage(`"` + base64.StdEncoding.EncodeToString(random) + `"`)
}

func endpointID(n int) string {
	var random [15]byte
	random[0], random[14] = byte(n>>8), byte(n)
	return webhook.EndpointID(random)
}

// sampleDelivery has every field set. target is webhook.JobTarget or an
// endpoint's id.
func sampleDelivery(e webhook.Event, target string) webhook.Delivery {
	return webhook.Delivery{
		DeliveryKey: e.Key(target),
		EventID:     e.EventID,
		URL:         "https://example.com/hooks/ünï?a=b",
		Status:      webhook.Failed,
		Reason:      webhook.ReasonSecretUnreadable,
		Attempts: []webhook.Attempt{
			{Number: 1, At: tick(1001), Duration: 10 * time.Second, Reason: webhook.ReasonTimeout},
			{Number: 2, At: tick(2000), Duration: 1234 * time.Millisecond, StatusCode: 503, Reason: webhook.ReasonHTTPStatus, Response: "try later: <é> \"\\\n\t\u0000"},
		},
		PostponedSince: Start.Add(time.Minute),
		NextAttemptAt:  tick(3_600_007),
		SettledAt:      tick(3234),
		ExpiresAt:      e.ExpiresAt,
		Profile:        webhook.SharpAPI,
		IncludeResult:  true,
		BodyURL:        "https://example.com/first",
		SignedBy:       []string{"fingerprint-1", "fingerprint-2"},
		Lease:          webhook.Lease{Message: "sqs-message-2", Until: Start.Add(30 * time.Second)},
		Rev:            "delivery-rev-1",
	}
}

// plainDelivery is as dispatch writes it when the first attempt got through.
func plainDelivery(e webhook.Event, target string) webhook.Delivery {
	return webhook.Delivery{
		DeliveryKey: e.Key(target), EventID: e.EventID,
		URL: "https://example.com/", BodyURL: "https://example.com/", Status: webhook.Delivered, Profile: webhook.Standard,
		Attempts:  []webhook.Attempt{{Number: 1, At: e.AcceptedAt, Duration: time.Millisecond, StatusCode: 204}},
		ExpiresAt: e.ExpiresAt, Lease: webhook.Lease{Message: "m"}, Rev: "plain-" + e.EventID + target,
	}
}

// in is the delivery in another status, with SettledAt as that has it, and rev.
func in(d webhook.Delivery, status webhook.Status, settled time.Time, rev string) webhook.Delivery {
	d.Status, d.SettledAt, d.Rev = status, time.Time{}, rev
	if recoverable(status) {
		d.SettledAt = settled
	}
	return d
}

func recoverable(s webhook.Status) bool { return s == webhook.Failed || s == webhook.Held }

// sampleEndpoint has every field set, but for those that SetHealth and
// RemoveEndpoint set.
func sampleEndpoint(n int) webhook.Endpoint {
	return webhook.Endpoint{
		ID:             endpointID(n),
		Account:        account,
		URL:            fmt.Sprintf("https://example.com/%d?q=ü", n),
		Events:         []string{"content_translate.success", "document.*", "*"},
		Profile:        webhook.Antinium,
		IncludeResult:  true,
		Headers:        map[string]string{"X-Tenant": "a b", "X-Empty": ""},
		Description:    "Ümlaut 🎉 \"quoted\"",
		Schedule:       "1m,5m,15m",
		Enabled:        true,
		DisabledReason: webhook.Gone,
		Secrets: []webhook.SealedSecret{
			{Sealed: "v1.k.abc", CreatedAt: tick(5)},
			{Ref: "jobhook/acct-1/own", CreatedAt: tick(1), ExpiresAt: tick(86_400_009)},
		},
		CreatedAt: tick(1000 * n),
		UpdatedAt: tick(1000*n + 5),
		Rev:       fmt.Sprintf("endpoint-%d-rev-1", n),
	}
}

// sampleJobRecord is an account's settings for its jobs' own URLs.
func sampleJobRecord() webhook.Endpoint {
	e := webhook.JobDefaults(account, webhook.Unitary)
	e.Schedule, e.Headers, e.Secrets = "1m", map[string]string{"X-Tenant": "a"}, []webhook.SealedSecret{{Sealed: "v1.k.job", CreatedAt: tick(7)}}
	e.CreatedAt, e.UpdatedAt, e.Rev = tick(7), tick(8), "job-rev-1"
	return e
}

func sampleHealth() webhook.Health {
	return webhook.Health{FailingSince: tick(11), SlowUntil: tick(22), PausedUntil: tick(33)}
}
