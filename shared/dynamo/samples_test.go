package dynamo_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/jobhook/jobhook/shared/webhook"
)

const (
	account    = "acct-1"
	endpointID = "ep_aaaaaaaaaaaaaaaaaaaaaaaa"
)

// created lies ahead, so that no emulator's own TTL takes part.
var created = time.Date(2040, time.March, 1, 12, 0, 0, 5_000_000, time.UTC)

func clock() time.Time { return created }

func sampleEvent(jobID string) webhook.Event {
	eventID := webhook.DefaultEventID("t.success", jobID, "success")
	return webhook.Event{
		MessageID: webhook.MessageID(account, jobID, eventID), EventID: eventID, Account: account, Type: "t.success",
		Job: webhook.Job{ID: jobID, Status: "success", Type: "t"}, OccurredAt: created,
		Result: json.RawMessage(`{"a":1}`), AcceptedAt: created, ExpiresAt: created.Add(time.Hour).Truncate(time.Second),
		Targets: []string{endpointID}, Lease: webhook.Lease{Message: "m", Until: created.Add(time.Minute)}, Rev: "r1",
	}
}

func sampleDelivery(jobID string) webhook.Delivery {
	e := sampleEvent(jobID)
	return webhook.Delivery{
		DeliveryKey: e.Key(endpointID), EventID: e.EventID,
		URL: "https://example.com/hooks", BodyURL: "https://example.com/hooks", Status: webhook.Delivered, Profile: webhook.Standard,
		Attempts:  []webhook.Attempt{{Number: 1, At: created, Duration: 81 * time.Millisecond, StatusCode: 200, Response: `{"ok":true}`}},
		ExpiresAt: e.ExpiresAt, Rev: "r1",
	}
}

func sampleEndpoint() webhook.Endpoint {
	return webhook.Endpoint{ID: endpointID, Account: account, URL: "https://example.com", Enabled: true, CreatedAt: created, Rev: "r1"}
}

// insertsOf are deliveries to insert, each of a job of its own.
func insertsOf(n int) []webhook.Change {
	changes := make([]webhook.Change, n)
	for i := range changes {
		d := sampleDelivery(fmt.Sprintf("job-%d", i))
		changes[i].Delivery = &d
	}
	return changes
}

// replaced is a change to the record that the other one left.
func replaced(c webhook.Change, rev string) webhook.Change {
	d := *c.Delivery
	from := d.Rev
	d.Rev, d.Status, d.SettledAt = rev, webhook.Failed, created
	return webhook.Change{Delivery: &d, From: from}
}

func ignore(err, expected error) error {
	if errors.Is(err, expected) {
		return nil
	}
	return err
}
