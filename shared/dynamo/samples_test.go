package dynamo_test

import (
	"encoding/json"
	"errors"
	"time"

	"github.com/jobhook/jobhook/shared/webhook"
)

const (
	account    = "acct-1"
	endpointID = "ep_aaaaaaaaaaaaaaaaaaaaaaaa"
)

// created lies ahead, so that no emulator's own TTL takes part.
var created = time.Date(2040, time.March, 1, 12, 0, 0, 5, time.UTC)

func sampleEvent(eventID string) webhook.Event {
	return webhook.Event{
		MessageID: webhook.MessageID(account, eventID), EventID: eventID, Account: account, Type: "t.success",
		Result: json.RawMessage(`{"a":1}`), AcceptedAt: created, ExpiresAt: created.Add(time.Hour),
		Targets: []string{endpointID}, Rev: "r1",
	}
}

func sampleDelivery(eventID string) webhook.Delivery {
	return webhook.Delivery{
		MessageID: webhook.MessageID(account, eventID), EventID: eventID, Account: account, EndpointID: endpointID,
		URL: "https://example.com/hooks/completions", Status: webhook.Delivered, Profile: "standard", IncludeResult: true,
		Attempts:  []webhook.Attempt{{Number: 1, At: created, Duration: 81 * time.Millisecond, StatusCode: 200, Response: `{"ok":true}`}},
		CreatedAt: created, ExpiresAt: created.Add(time.Hour), Queued: 1, Rev: "r1",
	}
}

func sampleEndpoint() webhook.Endpoint {
	return webhook.Endpoint{ID: endpointID, Account: account, URL: "https://example.com", Enabled: true, CreatedAt: created, Rev: "r1"}
}

func ignore(err, expected error) error {
	if errors.Is(err, expected) {
		return nil
	}
	return err
}
