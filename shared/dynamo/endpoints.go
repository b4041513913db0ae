package dynamo

import (
	"context"
	"time"

	"github.com/jobhook/jobhook/shared/webhook"
)

// endpointRecord is an endpoint's item, or the account's job record. The latter
// has attrGen too, which other endpoints' changes raise: an item without a
// layout is nothing but that.
type endpointRecord struct {
	Account string    `dynamodbav:"account"`
	ID      string    `dynamodbav:"endpoint_id"`
	Layout  int       `dynamodbav:"v"`
	Rev     string    `dynamodbav:"rev"`
	Expires time.Time `dynamodbav:"x,omitempty,unixtime"`

	URL            string            `dynamodbav:"url,omitempty"`
	Events         []string          `dynamodbav:"events,omitempty"`
	Profile        webhook.Profile   `dynamodbav:"profile,omitempty"`
	IncludeResult  bool              `dynamodbav:"include_result,omitempty"`
	Headers        map[string]string `dynamodbav:"headers,omitempty"`
	Description    string            `dynamodbav:"description,omitempty"`
	Schedule       string            `dynamodbav:"schedule,omitempty"`
	Enabled        bool              `dynamodbav:"enabled,omitempty"`
	DisabledReason string            `dynamodbav:"disabled_reason,omitempty"`
	Secrets        []secretRecord    `dynamodbav:"secrets,omitempty"`
	CreatedAt      time.Time         `dynamodbav:"created_at,omitempty"`
	UpdatedAt      time.Time         `dynamodbav:"updated_at,omitempty"`
	RemovedAt      time.Time         `dynamodbav:"removed_at,omitempty"`

	healthRecord
}

// healthRecord is the part that SetHealth writes.
type healthRecord struct {
	Failing      string    `dynamodbav:"failing,omitempty"` // with FailingSince
	FailingSince string    `dynamodbav:"failing_since,omitempty"`
	SlowUntil    time.Time `dynamodbav:"slow_until,omitempty"`
	PausedUntil  time.Time `dynamodbav:"paused_until,omitempty"`
}

// secretRecord is a webhook.SealedSecret.
type secretRecord struct {
	Sealed    string    `dynamodbav:"sealed,omitempty"`
	Ref       string    `dynamodbav:"ref,omitempty"`
	CreatedAt time.Time `dynamodbav:"created_at,omitempty"`
	ExpiresAt time.Time `dynamodbav:"expires_at,omitempty"`
}

func newEndpointRecord(e webhook.Endpoint) endpointRecord {
	r := endpointRecord{
		Account: e.Account, ID: e.ID, Layout: webhook.Layout, Rev: e.Rev, Expires: e.ExpiresAt,
		URL: e.URL, Events: e.Events, Profile: e.Profile, IncludeResult: e.IncludeResult, Headers: e.Headers,
		Description: e.Description, Schedule: e.Schedule, Enabled: e.Enabled, DisabledReason: e.DisabledReason,
		CreatedAt: e.CreatedAt, UpdatedAt: e.UpdatedAt, RemovedAt: e.RemovedAt, healthRecord: newHealthRecord(e.Account, e.ID, e.Health),
	}
	for _, s := range e.Secrets {
		r.Secrets = append(r.Secrets, secretRecord(s))
	}
	return r
}

func newHealthRecord(account, id string, h webhook.Health) healthRecord {
	r := healthRecord{FailingSince: stamp(h.FailingSince), SlowUntil: h.SlowUntil, PausedUntil: h.PausedUntil}
	if r.FailingSince != "" {
		r.Failing = shard(attrFailing, account+"#"+id, failingShards)
	}
	return r
}

func decodeEndpoint(i item) (webhook.Endpoint, error) {
	r, err := decode[endpointRecord](i)
	if err != nil {
		return webhook.Endpoint{}, err
	}
	failingSince, err := readStamp(r.FailingSince)
	e := webhook.Endpoint{
		ID: r.ID, Account: r.Account, URL: r.URL, Events: r.Events, Profile: r.Profile, IncludeResult: r.IncludeResult, Headers: r.Headers,
		Description: r.Description, Schedule: r.Schedule, Enabled: r.Enabled, DisabledReason: r.DisabledReason,
		Health:    webhook.Health{FailingSince: failingSince, SlowUntil: r.SlowUntil, PausedUntil: r.PausedUntil},
		CreatedAt: r.CreatedAt, UpdatedAt: r.UpdatedAt, RemovedAt: r.RemovedAt, ExpiresAt: r.Expires.UTC(), Rev: r.Rev,
	}
	for _, s := range r.Secrets {
		e.Secrets = append(e.Secrets, webhook.SealedSecret(s))
	}
	return e, err
}

// Endpoint reads one endpoint, see webhook.Store.
func (s *Store) Endpoint(ctx context.Context, account, id string) (webhook.Endpoint, error) {
	e, err := one(ctx, s, s.endpointKey(account, id), decodeEndpoint)
	if e.Removed() && err == nil {
		e, err = webhook.Endpoint{}, webhook.ErrNotFound
	}
	return e, wrap(err, "endpoint %.80q", id)
}

// AccountEndpoints reads all of an account's endpoints, see webhook.Store: one
// call, more only beyond 1 MB.
func (s *Store) AccountEndpoints(ctx context.Context, account string) ([]webhook.Endpoint, error) {
	var endpoints []webhook.Endpoint
	l := s.accountList(account, MaxPage)
	for cursor := ""; ; {
		page, next, err := pageOf(ctx, s, l, cursor, decodeEndpoint)
		if err != nil {
			return nil, wrap(err, "endpoints of account %.80q", account)
		}
		if endpoints, cursor = append(endpoints, page...), next; next == "" {
			return endpoints, nil
		}
	}
}

// ListEndpoints lists an account's endpoints, see webhook.Store.
func (s *Store) ListEndpoints(ctx context.Context, account string, limit int, cursor string) ([]webhook.Endpoint, string, error) {
	l := s.accountList(account, limit)
	l.filter += " AND attribute_not_exists(#removed_at)"
	l.low, l.high, l.mark = "ep_", "ep_~", mark("endpoints", account) // not the job record
	page, next, err := pageOf(ctx, s, l, cursor, decodeEndpoint)
	return page, next, wrap(err, "endpoints of account %.80q", account)
}

func (s *Store) accountList(account string, limit int) list {
	return list{
		table: s.tables.Endpoints, partition: attrAccount, partitions: []string{account}, rank: attrEndpointID, limit: limit,
		filter: "attribute_exists(#v)",
	}
}

// Failing lists the endpoints that fail, see webhook.Store.
func (s *Store) Failing(ctx context.Context, limit int, cursor string) ([]webhook.Endpoint, string, error) {
	page, next, err := pageOf(ctx, s, list{
		table: s.tables.Endpoints, index: FailingIndex, partition: attrFailing, rank: attrFailingSince, limit: limit,
		partitions: shards(attrFailing, failingShards),
		id:         func(row item) string { return row.text(attrAccount) + " " + row.text(attrEndpointID) },
		mark:       mark("failing"),
	}, cursor, decodeEndpoint)
	return page, next, wrap(err, "failing endpoints")
}
