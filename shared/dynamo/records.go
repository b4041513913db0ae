package dynamo

import (
	"encoding/json"
	"fmt"
	"time"

	"github.com/jobhook/jobhook/shared/webhook"
)

// eventRecord is an event's item. What its key or another attribute tells is
// not stored; names are short, since an item is paid for by the kilobyte.
type eventRecord struct {
	PK      string `dynamodbav:"pk"`
	SK      string `dynamodbav:"sk"`
	Layout  int    `dynamodbav:"v"`
	Rev     string `dynamodbav:"rev"`
	Expires int64  `dynamodbav:"x,omitempty"`

	Account    string  `dynamodbav:"a,omitempty"`
	JobID      string  `dynamodbav:"j,omitempty"`
	JobStatus  string  `dynamodbav:"js,omitempty"`
	JobType    string  `dynamodbav:"jt,omitempty"`
	EventID    *string `dynamodbav:"e,omitempty"` // unless webhook.DefaultEventID
	Type       *string `dynamodbav:"t,omitempty"` // unless job type and status, joined by a dot
	AcceptedAt int64   `dynamodbav:"c,omitempty"`
	OccurredAt *string `dynamodbav:"o,omitempty"` // RFC 3339; unless AcceptedAt

	Result          packed   `dynamodbav:"r,omitempty"`
	Error           packed   `dynamodbav:"er,omitempty"`
	ResultOmitted   bool     `dynamodbav:"ro,omitempty"`
	CallbackURL     string   `dynamodbav:"cu,omitempty"`
	CallbackProfile string   `dynamodbav:"cp,omitempty"`
	Hash            string   `dynamodbav:"h,omitempty"`
	Targets         []string `dynamodbav:"tg,omitempty"` // an empty list is kept: claimed, and nobody wants it
	HandedOver      []string `dynamodbav:"ho,omitempty"`
	LeaseMessage    string   `dynamodbav:"lm,omitempty"`
	LeaseUntil      int64    `dynamodbav:"lu,omitempty"`
}

// What a replacement writes: of an event what webhook.Event.Claim changes (the
// payload only where it ends), of a delivery everything.
var (
	claimAttributes    = []string{"tg", "ho", "lm", "lu", attrRev}
	unwantedAttributes = append(claimAttributes[:5:5], "r", "er")
	deliveryAttributes = attributes[deliveryRecord](attrPK, attrSK)
)

func newEventRecord(e webhook.Event, k key) eventRecord {
	r := eventRecord{
		PK: k.partition, SK: k.sort, Layout: webhook.Layout, Rev: e.Rev, Expires: seconds(e.ExpiresAt),
		Account: e.Account, JobID: e.Job.ID, JobStatus: e.Job.Status, JobType: e.Job.Type,
		AcceptedAt: millis(e.AcceptedAt), OccurredAt: unless(e.OccurredAt.UTC().Format(time.RFC3339Nano), e.AcceptedAt.UTC().Format(time.RFC3339Nano)),
		Result: packed(e.Result), Error: packed(e.Error), ResultOmitted: e.ResultOmitted,
		CallbackURL: e.CallbackURL, CallbackProfile: string(e.CallbackProfile), Hash: e.Hash,
		Targets: e.Targets, HandedOver: e.HandedOver, LeaseMessage: e.Lease.Message, LeaseUntil: millis(e.Lease.Until),
	}
	r.Type = unless(e.Type, r.defaultType())
	r.EventID = unless(e.EventID, webhook.DefaultEventID(e.Type, e.Job.ID, e.Job.Status))
	return r
}

func (r eventRecord) defaultType() string { return r.JobType + "." + r.JobStatus }

func (r eventRecord) event() (webhook.Event, error) {
	e := webhook.Event{
		Type: derive(r.Type, r.defaultType()), Account: r.Account,
		Job:        webhook.Job{ID: r.JobID, Status: r.JobStatus, Type: r.JobType},
		AcceptedAt: readMillis(r.AcceptedAt), ExpiresAt: readSeconds(r.Expires),
		Result: json.RawMessage(r.Result), Error: json.RawMessage(r.Error), ResultOmitted: r.ResultOmitted,
		CallbackURL: r.CallbackURL, CallbackProfile: webhook.Profile(r.CallbackProfile), Hash: r.Hash,
		Targets: r.Targets, HandedOver: r.HandedOver, Lease: webhook.Lease{Message: r.LeaseMessage, Until: readMillis(r.LeaseUntil)}, Rev: r.Rev,
	}
	e.EventID = derive(r.EventID, webhook.DefaultEventID(e.Type, r.JobID, r.JobStatus))
	e.MessageID = webhook.MessageID(e.Account, e.Job.ID, e.EventID)
	e.OccurredAt = e.AcceptedAt
	if r.OccurredAt != nil {
		at, err := time.Parse(time.RFC3339Nano, *r.OccurredAt)
		if err != nil {
			return webhook.Event{}, fmt.Errorf("event %s: its time of occurrence is not RFC 3339", e.MessageID)
		}
		e.OccurredAt = at.UTC()
	}
	return e, nil
}

// deliveryRecord is a delivery's item. Account, endpoint, message and time of
// acceptance are its key.
type deliveryRecord struct {
	PK      string `dynamodbav:"pk"`
	SK      string `dynamodbav:"sk"`
	Layout  int    `dynamodbav:"v"`
	Rev     string `dynamodbav:"rev"`
	Expires int64  `dynamodbav:"x,omitempty"`

	Status        string   `dynamodbav:"st,omitempty"`
	Rec           string   `dynamodbav:"rec,omitempty"`        // with SettledAt while failed or held
	SettledAt     string   `dynamodbav:"settled_at,omitempty"` // a stamp
	EventID       string   `dynamodbav:"e,omitempty"`
	URL           string   `dynamodbav:"u,omitempty"`
	BodyURL       *string  `dynamodbav:"bu,omitempty"` // unless URL
	Profile       string   `dynamodbav:"p,omitempty"`
	IncludeResult bool     `dynamodbav:"ir,omitempty"`
	Reason        string   `dynamodbav:"rs,omitempty"`
	Attempts      attempts `dynamodbav:"at,omitempty"`
	NextAttemptAt int64    `dynamodbav:"n,omitempty"`
	Postponed     int64    `dynamodbav:"ps,omitempty"` // since when
	SignedBy      []string `dynamodbav:"sb,omitempty"`
	LeaseMessage  string   `dynamodbav:"lm,omitempty"`
	LeaseUntil    int64    `dynamodbav:"lu,omitempty"`
}

func newDeliveryRecord(d webhook.Delivery, k key) deliveryRecord {
	r := deliveryRecord{
		PK: k.partition, SK: k.sort, Layout: webhook.Layout, Rev: d.Rev, Expires: seconds(d.ExpiresAt),
		Status: string(d.Status), EventID: d.EventID, URL: d.URL, BodyURL: unless(d.BodyURL, d.URL),
		Profile: string(d.Profile), IncludeResult: d.IncludeResult, Reason: string(d.Reason), Attempts: d.Attempts,
		NextAttemptAt: millis(d.NextAttemptAt), Postponed: millis(d.PostponedSince), SignedBy: d.SignedBy,
		LeaseMessage: d.Lease.Message, LeaseUntil: millis(d.Lease.Until),
	}
	if d.Status == webhook.Failed || d.Status == webhook.Held {
		r.Rec, r.SettledAt = recoverablePartition(d.Account, shard(d.ID(), recoverableShards)), stamp(d.SettledAt)
	}
	return r
}

func recoverablePartition(account, shard string) string { return account + "#" + shard }

func (r deliveryRecord) delivery() (webhook.Delivery, error) {
	k, err := readDeliveryKey(r.PK, r.SK)
	if err != nil {
		return webhook.Delivery{}, err
	}
	settled, err := readStamp(r.SettledAt)
	return webhook.Delivery{
		DeliveryKey: k, EventID: r.EventID, URL: r.URL, Status: webhook.Status(r.Status), Reason: webhook.Reason(r.Reason),
		Attempts: r.Attempts, NextAttemptAt: readMillis(r.NextAttemptAt), PostponedSince: readMillis(r.Postponed), SettledAt: settled, ExpiresAt: readSeconds(r.Expires),
		Profile: webhook.Profile(r.Profile), IncludeResult: r.IncludeResult, BodyURL: derive(r.BodyURL, r.URL),
		SignedBy: r.SignedBy, Lease: webhook.Lease{Message: r.LeaseMessage, Until: readMillis(r.LeaseUntil)}, Rev: r.Rev,
	}, err
}

func decodeEvent(i item) (webhook.Event, error) {
	r, err := decode[eventRecord](i)
	if err != nil {
		return webhook.Event{}, err
	}
	return r.event()
}

func decodeDelivery(i item) (webhook.Delivery, error) {
	r, err := decode[deliveryRecord](i)
	if err != nil {
		return webhook.Delivery{}, err
	}
	return r.delivery()
}
