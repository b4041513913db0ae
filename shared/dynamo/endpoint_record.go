package dynamo

import (
	"github.com/jobhook/jobhook/shared/webhook"
)

// endpointRecord is an endpoint's item, or the account's job record. The latter
// has attrGen too, which other endpoints' changes raise: an item without a
// layout is nothing but that.
type endpointRecord struct {
	Account string `dynamodbav:"account"`
	ID      string `dynamodbav:"endpoint_id"`
	Layout  int    `dynamodbav:"v"`
	Rev     string `dynamodbav:"rev"`
	Expires int64  `dynamodbav:"x,omitempty"`

	URL            string            `dynamodbav:"url,omitempty"`
	Events         []string          `dynamodbav:"events,omitempty"`
	Profile        string            `dynamodbav:"profile,omitempty"`
	IncludeResult  bool              `dynamodbav:"include_result,omitempty"`
	Headers        map[string]string `dynamodbav:"headers,omitempty"`
	Description    string            `dynamodbav:"description,omitempty"`
	Schedule       string            `dynamodbav:"schedule,omitempty"`
	Enabled        bool              `dynamodbav:"enabled,omitempty"`
	DisabledReason string            `dynamodbav:"disabled_reason,omitempty"`
	Secrets        []secretRecord    `dynamodbav:"secrets,omitempty"`
	CreatedAt      int64             `dynamodbav:"created_at,omitempty"`
	UpdatedAt      int64             `dynamodbav:"updated_at,omitempty"`
	RemovedAt      int64             `dynamodbav:"removed_at,omitempty"`

	healthRecord
}

// healthRecord is the part that SetHealth writes.
type healthRecord struct {
	Failing      string `dynamodbav:"failing,omitempty"` // with FailingSince
	FailingSince string `dynamodbav:"failing_since,omitempty"`
	SlowUntil    int64  `dynamodbav:"slow_until,omitempty"`
	PausedUntil  int64  `dynamodbav:"paused_until,omitempty"`
}

type secretRecord struct {
	Sealed    string `dynamodbav:"sealed,omitempty"`
	Ref       string `dynamodbav:"ref,omitempty"`
	CreatedAt int64  `dynamodbav:"created_at,omitempty"`
	ExpiresAt int64  `dynamodbav:"expires_at,omitempty"`
}

func newEndpointRecord(e webhook.Endpoint) endpointRecord {
	r := endpointRecord{
		Account: e.Account, ID: e.ID, Layout: webhook.Layout, Rev: e.Rev, Expires: seconds(e.ExpiresAt),
		URL: e.URL, Events: e.Events, Profile: string(e.Profile), IncludeResult: e.IncludeResult, Headers: e.Headers,
		Description: e.Description, Schedule: e.Schedule, Enabled: e.Enabled, DisabledReason: e.DisabledReason,
		CreatedAt: millis(e.CreatedAt), UpdatedAt: millis(e.UpdatedAt), RemovedAt: millis(e.RemovedAt),
		healthRecord: newHealthRecord(e.Account, e.ID, e.Health),
	}
	for _, s := range e.Secrets {
		r.Secrets = append(r.Secrets, secretRecord{s.Sealed, s.Ref, millis(s.CreatedAt), millis(s.ExpiresAt)})
	}
	return r
}

func newHealthRecord(account, id string, h webhook.Health) healthRecord {
	r := healthRecord{FailingSince: stamp(h.FailingSince), SlowUntil: millis(h.SlowUntil), PausedUntil: millis(h.PausedUntil)}
	if r.FailingSince != "" {
		r.Failing = failingPartition(shard(account+"#"+id, failingShards))
	}
	return r
}

func failingPartition(shard string) string { return attrFailing + "#" + shard }

func decodeEndpoint(i item) (webhook.Endpoint, error) {
	r, err := decode[endpointRecord](i)
	if err != nil {
		return webhook.Endpoint{}, err
	}
	failingSince, err := readStamp(r.FailingSince)
	e := webhook.Endpoint{
		ID: r.ID, Account: r.Account, URL: r.URL, Events: r.Events, Profile: webhook.Profile(r.Profile),
		IncludeResult: r.IncludeResult, Headers: r.Headers, Description: r.Description, Schedule: r.Schedule,
		Enabled: r.Enabled, DisabledReason: r.DisabledReason,
		Health:    webhook.Health{FailingSince: failingSince, SlowUntil: readMillis(r.SlowUntil), PausedUntil: readMillis(r.PausedUntil)},
		CreatedAt: readMillis(r.CreatedAt), UpdatedAt: readMillis(r.UpdatedAt),
		RemovedAt: readMillis(r.RemovedAt), ExpiresAt: readSeconds(r.Expires), Rev: r.Rev,
	}
	for _, s := range r.Secrets {
		e.Secrets = append(e.Secrets, webhook.SealedSecret{Sealed: s.Sealed, Ref: s.Ref, CreatedAt: readMillis(s.CreatedAt), ExpiresAt: readMillis(s.ExpiresAt)})
	}
	return e, err
}
