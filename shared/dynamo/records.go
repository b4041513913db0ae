package dynamo

import (
	"encoding/json"
	"fmt"
	"time"

	"github.com/jobhook/jobhook/shared/webhook"
)

// head begins every item of the Deliveries table.
type head struct {
	PK      string    `dynamodbav:"pk"`
	SK      string    `dynamodbav:"sk"`
	Layout  int       `dynamodbav:"v"`
	Rev     string    `dynamodbav:"rev"`
	Expires time.Time `dynamodbav:"x,omitempty,unixtime"`
}

// leaseRecord is a webhook.Lease.
type leaseRecord struct {
	Message string    `dynamodbav:"lm,omitempty"`
	Until   time.Time `dynamodbav:"lu,omitempty"`
}

// jobRecord is a webhook.Job.
type jobRecord struct {
	ID     string `dynamodbav:"j,omitempty"`
	Status string `dynamodbav:"js,omitempty"`
	Type   string `dynamodbav:"jt,omitempty"`
}

// eventRecord is an event's item. What its key or another attribute tells is
// not stored; names are short, since an item is paid for by the kilobyte.
type eventRecord struct {
	head
	jobRecord

	Account    string    `dynamodbav:"a,omitempty"`
	EventID    *string   `dynamodbav:"e,omitempty"` // unless webhook.DefaultEventID
	EventType  *string   `dynamodbav:"t,omitempty"` // unless job type and status, joined by a dot
	AcceptedAt time.Time `dynamodbav:"c,omitempty"`
	OccurredAt *string   `dynamodbav:"o,omitempty"` // RFC 3339; unless AcceptedAt

	Result          packed          `dynamodbav:"r,omitempty"`
	Error           packed          `dynamodbav:"er,omitempty"`
	ResultOmitted   bool            `dynamodbav:"ro,omitempty"`
	CallbackURL     string          `dynamodbav:"cu,omitempty"`
	CallbackProfile webhook.Profile `dynamodbav:"cp,omitempty"`
	Hash            string          `dynamodbav:"h,omitempty"`
	Targets         []string        `dynamodbav:"tg,omitempty"` // an empty list is kept: claimed, and nobody wants it
	HandedOver      []string        `dynamodbav:"ho,omitempty"`

	leaseRecord
}

// What a replacement writes: of an event what webhook.Event.Claim changes (the
// payload only where it ends), of a delivery everything.
var (
	claimAttributes    = []string{"tg", "ho", "lm", "lu", attrRev}
	unwantedAttributes = append(claimAttributes[:5:5], "r", "er")
	deliveryAttributes = attributes[deliveryRecord](attrPK, attrSK)
)

func newEventRecord(e webhook.Event, k key) eventRecord {
	const form = time.RFC3339Nano
	return eventRecord{
		head: head{k.partition, k.sort, webhook.Layout, e.Rev, e.ExpiresAt}, jobRecord: jobRecord(e.Job), Account: e.Account,
		EventID:    unless(e.EventID, webhook.DefaultEventID(e.Type, e.Job.ID, e.Job.Status)),
		EventType:  unless(e.Type, e.Job.Type+"."+e.Job.Status),
		AcceptedAt: e.AcceptedAt, OccurredAt: unless(e.OccurredAt.UTC().Format(form), e.AcceptedAt.UTC().Format(form)),
		Result: packed(e.Result), Error: packed(e.Error), ResultOmitted: e.ResultOmitted,
		CallbackURL: e.CallbackURL, CallbackProfile: e.CallbackProfile, Hash: e.Hash,
		Targets: e.Targets, HandedOver: e.HandedOver, leaseRecord: leaseRecord(e.Lease),
	}
}

func decodeEvent(i item) (webhook.Event, error) {
	r, err := decode[eventRecord](i)
	if err != nil {
		return webhook.Event{}, err
	}
	e := webhook.Event{
		Type: derive(r.EventType, r.Type+"."+r.Status), Account: r.Account, Job: webhook.Job(r.jobRecord),
		OccurredAt: r.AcceptedAt, AcceptedAt: r.AcceptedAt, ExpiresAt: r.Expires.UTC(),
		Result: json.RawMessage(r.Result), Error: json.RawMessage(r.Error), ResultOmitted: r.ResultOmitted,
		CallbackURL: r.CallbackURL, CallbackProfile: r.CallbackProfile, Hash: r.Hash,
		Targets: r.Targets, HandedOver: r.HandedOver, Lease: webhook.Lease(r.leaseRecord), Rev: r.Rev,
	}
	e.EventID = derive(r.EventID, webhook.DefaultEventID(e.Type, e.Job.ID, e.Job.Status))
	e.MessageID = webhook.MessageID(e.Account, e.Job.ID, e.EventID)
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
	head

	Status        webhook.Status  `dynamodbav:"st,omitempty"`
	Rec           string          `dynamodbav:"rec,omitempty"`        // with SettledAt while failed or held
	SettledAt     string          `dynamodbav:"settled_at,omitempty"` // a stamp
	EventID       string          `dynamodbav:"e,omitempty"`
	URL           string          `dynamodbav:"u,omitempty"`
	BodyURL       *string         `dynamodbav:"bu,omitempty"` // unless URL
	Profile       webhook.Profile `dynamodbav:"p,omitempty"`
	IncludeResult bool            `dynamodbav:"ir,omitempty"`
	Reason        webhook.Reason  `dynamodbav:"rs,omitempty"`
	Attempts      attempts        `dynamodbav:"at,omitempty"`
	NextAttemptAt time.Time       `dynamodbav:"n,omitempty"`
	Postponed     time.Time       `dynamodbav:"ps,omitempty"` // since when
	SignedBy      []string        `dynamodbav:"sb,omitempty"`

	leaseRecord
}

func newDeliveryRecord(d webhook.Delivery, k key) deliveryRecord {
	r := deliveryRecord{
		head: head{k.partition, k.sort, webhook.Layout, d.Rev, d.ExpiresAt}, Status: d.Status, EventID: d.EventID, URL: d.URL, BodyURL: unless(d.BodyURL, d.URL),
		Profile: d.Profile, IncludeResult: d.IncludeResult, Reason: d.Reason, Attempts: d.Attempts,
		NextAttemptAt: d.NextAttemptAt, Postponed: d.PostponedSince, SignedBy: d.SignedBy, leaseRecord: leaseRecord(d.Lease),
	}
	if d.Status == webhook.Failed || d.Status == webhook.Held {
		r.Rec, r.SettledAt = shard(d.Account, d.ID(), recoverableShards), stamp(d.SettledAt)
	}
	return r
}

func decodeDelivery(i item) (webhook.Delivery, error) {
	r, err := decode[deliveryRecord](i)
	if err != nil {
		return webhook.Delivery{}, err
	}
	k, err := readDeliveryKey(r.PK, r.SK)
	if err != nil {
		return webhook.Delivery{}, err
	}
	settled, err := readStamp(r.SettledAt)
	return webhook.Delivery{
		DeliveryKey: k, EventID: r.EventID, URL: r.URL, Status: r.Status, Reason: r.Reason, Attempts: r.Attempts,
		NextAttemptAt: r.NextAttemptAt, PostponedSince: r.Postponed, SettledAt: settled, ExpiresAt: r.Expires.UTC(),
		Profile: r.Profile, IncludeResult: r.IncludeResult, BodyURL: derive(r.BodyURL, r.URL),
		SignedBy: r.SignedBy, Lease: webhook.Lease(r.leaseRecord), Rev: r.Rev,
	}, err
}
