package dynamo

import (
	"fmt"

	"github.com/jobhook/jobhook/shared/payload"
	"github.com/jobhook/jobhook/shared/webhook"
)

func eventKey(messageID string) item {
	return item{attrMessageID: text(messageID), attrItem: text(itemEvent)}
}

func eventItem(e webhook.Event) item {
	i := eventKey(e.MessageID)
	i.setText("event_id", e.EventID)
	i.setText("type", e.Type)
	i.setText(attrAccount, e.Account)
	i.setText("job_id", e.Job.ID)
	i.setText("job_status", e.Job.Status)
	i.setText("job_type", e.Job.Type)
	i.setTime("occurred_at", e.OccurredAt)
	i.setTime("accepted_at", e.AcceptedAt)
	i.setExpiry(e.ExpiresAt)
	if len(e.Result) > 0 {
		i["result"] = pack(e.Result)
	}
	if len(e.Error) > 0 {
		i["error"] = pack(e.Error)
	}
	i.setText("callback_url", e.CallbackURL)
	i.setText("callback_profile", string(e.CallbackProfile))
	i.setText("hash", e.Hash)
	if e.Targets != nil {
		i[attrTargets] = list(e.Targets)
	}
	i.setLease(e.Lease)
	i.setText(attrRev, e.Rev)
	return i
}

const (
	attrTargets      = "targets"
	attrLeaseMessage = "lease_message"
	attrLeaseUntil   = "lease_until"
)

func (i item) setLease(l webhook.Lease) {
	i.setText(attrLeaseMessage, l.Message)
	i.setTime(attrLeaseUntil, l.Until)
}

func (i item) lease() webhook.Lease {
	return webhook.Lease{Message: i.text(attrLeaseMessage), Until: i.time(attrLeaseUntil)}
}

func readEvent(i item) (webhook.Event, error) {
	result, err := unpack(i["result"])
	if err != nil {
		return webhook.Event{}, fmt.Errorf("result: %w", err)
	}
	fault, err := unpack(i["error"])
	if err != nil {
		return webhook.Event{}, fmt.Errorf("error: %w", err)
	}
	return webhook.Event{
		MessageID:       i.text(attrMessageID),
		EventID:         i.text("event_id"),
		Type:            i.text("type"),
		Account:         i.text(attrAccount),
		Job:             payload.Job{ID: i.text("job_id"), Status: i.text("job_status"), Type: i.text("job_type")},
		OccurredAt:      i.time("occurred_at"),
		AcceptedAt:      i.time("accepted_at"),
		ExpiresAt:       i.expiry(),
		Result:          result,
		Error:           fault,
		CallbackURL:     i.text("callback_url"),
		CallbackProfile: payload.Profile(i.text("callback_profile")),
		Hash:            i.text("hash"),
		Targets:         i.texts(attrTargets),
		Lease:           i.lease(),
		Rev:             i.text(attrRev),
	}, nil
}
