package dynamo

import (
	"context"
	"fmt"

	"github.com/jobhook/jobhook/shared/webhook"
)

// Endpoint reads one endpoint, see webhook.Store.
func (s *Store) Endpoint(ctx context.Context, account, id string) (webhook.Endpoint, error) {
	k := s.endpointKey(account, id)
	found, err := s.read(ctx, nil, k)
	var e *webhook.Endpoint
	if err == nil {
		e, err = pick(found, k, decodeEndpoint)
	}
	switch {
	case err != nil:
		return webhook.Endpoint{}, wrap(err, "read endpoint %.80q", id)
	case e == nil || e.Removed():
		return webhook.Endpoint{}, fmt.Errorf("endpoint %.80q: %w", id, webhook.ErrNotFound)
	}
	return *e, nil
}

// AccountEndpoints reads all of an account's endpoints, see webhook.Store: one
// call, more only beyond 1 MB.
func (s *Store) AccountEndpoints(ctx context.Context, account string) ([]webhook.Endpoint, error) {
	l := s.accountList(account, MaxPage, "attribute_exists(#v)")
	var endpoints []webhook.Endpoint
	for cursor := ""; ; {
		page, next, err := s.endpointPage(ctx, l, cursor)
		if err != nil {
			return nil, wrap(err, "endpoints of account %.80q", account)
		}
		endpoints = append(endpoints, page...)
		if cursor = next; cursor == "" {
			return endpoints, nil
		}
	}
}

// ListEndpoints lists an account's endpoints, see webhook.Store.
func (s *Store) ListEndpoints(ctx context.Context, account string, limit int, cursor string) ([]webhook.Endpoint, string, error) {
	l := s.accountList(account, limit, "attribute_exists(#v) AND attribute_not_exists(#removed_at)", attrRemovedAt)
	l.low, l.mark = "ep_", mark("endpoints", account) // not the job record
	l.high = "ep_~"
	page, next, err := s.endpointPage(ctx, l, cursor)
	return page, next, wrap(err, "endpoints of account %.80q", account)
}

func (s *Store) accountList(account string, limit int, filter string, names ...string) list {
	return list{
		table: s.tables.Endpoints, partition: attrAccount, partitions: []string{account}, rank: attrEndpointID, limit: limit,
		filter: filter, filterNames: append(names, attrLayout),
	}
}

// Failing lists the endpoints that fail, see webhook.Store.
func (s *Store) Failing(ctx context.Context, limit int, cursor string) ([]webhook.Endpoint, string, error) {
	l := list{
		table: s.tables.Endpoints, index: FailingIndex, partition: attrFailing, rank: attrFailingSince, limit: limit,
		partitions: shards(failingShards, failingPartition),
		id:         func(row item) string { return row.text(attrAccount) + " " + row.text(attrEndpointID) },
		mark:       mark("failing"),
	}
	page, next, err := s.endpointPage(ctx, l, cursor)
	return page, next, wrap(err, "failing endpoints")
}

func (s *Store) endpointPage(ctx context.Context, l list, cursor string) ([]webhook.Endpoint, string, error) {
	rows, next, err := s.page(ctx, l, cursor)
	page := make([]webhook.Endpoint, len(rows))
	for i, row := range rows {
		if err == nil {
			page[i], err = decodeEndpoint(row)
		}
	}
	if err != nil {
		return nil, "", err
	}
	return page, next, nil
}
