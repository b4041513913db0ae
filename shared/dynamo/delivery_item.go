package dynamo

import (
	"time"

	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"

	"github.com/jobhook/jobhook/shared/payload"
	"github.com/jobhook/jobhook/shared/webhook"
)

func deliveryKey(messageID, endpointID string) item {
	return item{attrMessageID: text(messageID), attrItem: text(itemDelivery + endpointID)}
}

func deliveryItem(d webhook.Delivery) item {
	i := deliveryKey(d.MessageID, d.EndpointID)
	i.setText("event_id", d.EventID)
	i.setText(attrAccount, d.Account)
	i.setText(attrEndpointID, d.EndpointID)
	i.setText("url", d.URL)
	i.setText(attrStatus, string(d.Status))
	i.setText("reason", d.Reason)
	if len(d.Attempts) > 0 {
		i["attempts"] = attempts(d.Attempts)
	}
	i.setTime("next_attempt_at", d.NextAttemptAt)
	i.setTime("created_at", d.CreatedAt)
	i.setExpiry(d.ExpiresAt)
	i.setText("profile", string(d.Profile))
	i.setFlag("include_result", d.IncludeResult)
	i.setText("body_url", d.BodyURL)
	i.setNumber("queued", int64(d.Queued))
	i.setLease(d.Lease)
	i.setText(attrRev, d.Rev)
	i.setIndexKeys(d)
	return i
}

// setIndexKeys puts the delivery into the indexes that it belongs to.
func (i item) setIndexKeys(d webhook.Delivery) {
	registered, failed := d.EndpointID != webhook.JobTarget, d.Status == webhook.Failed
	if registered {
		i[attrEndpointKey] = text(endpointKey(d.Account, d.EndpointID))
	}
	if failed {
		i[attrAttention] = text(d.Account)
	}
	if registered || failed {
		i[attrSort] = text(sortKey(d.CreatedAt, d.MessageID))
	}
}

// endpointKey is unambiguous: no endpoint's id has a "#".
func endpointKey(account, endpointID string) string { return account + "#" + endpointID }

// sortLayout has a fixed width, so that its texts sort as the times do.
const sortLayout = "2006-01-02T15:04:05.000000000Z"

func sortKey(created time.Time, messageID string) string {
	return created.UTC().Format(sortLayout) + messageID
}

func attempts(made []webhook.Attempt) types.AttributeValue {
	values := make([]types.AttributeValue, 0, len(made))
	for _, a := range made {
		i := item{"number": numeral(int64(a.Number))}
		i.setTime("at", a.At)
		i.setNumber("duration_ns", int64(a.Duration))
		i.setNumber("status_code", int64(a.StatusCode))
		i.setText("reason", a.Reason)
		i.setText("response", a.Response)
		values = append(values, &types.AttributeValueMemberM{Value: i})
	}
	return &types.AttributeValueMemberL{Value: values}
}

func readDelivery(i item) webhook.Delivery {
	return webhook.Delivery{
		MessageID:     i.text(attrMessageID),
		EventID:       i.text("event_id"),
		Account:       i.text(attrAccount),
		EndpointID:    i.text(attrEndpointID),
		URL:           i.text("url"),
		Status:        webhook.Status(i.text(attrStatus)),
		Reason:        i.text("reason"),
		Attempts:      readAttempts(i.items("attempts")),
		NextAttemptAt: i.time("next_attempt_at"),
		CreatedAt:     i.time("created_at"),
		ExpiresAt:     i.expiry(),
		Profile:       payload.Profile(i.text("profile")),
		IncludeResult: i.flag("include_result"),
		BodyURL:       i.text("body_url"),
		Queued:        int(i.number("queued")),
		Lease:         i.lease(),
		Rev:           i.text(attrRev),
	}
}

func readAttempts(items []item) []webhook.Attempt {
	var made []webhook.Attempt
	for _, i := range items {
		made = append(made, webhook.Attempt{
			Number:     int(i.number("number")),
			At:         i.time("at"),
			Duration:   time.Duration(i.number("duration_ns")),
			StatusCode: int(i.number("status_code")),
			Reason:     i.text("reason"),
			Response:   i.text("response"),
		})
	}
	return made
}
