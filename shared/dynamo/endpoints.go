package dynamo

import (
	"context"
	"fmt"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"

	"github.com/jobhook/jobhook/shared/webhook"
)

// InsertEndpoint stores e, or answers webhook.ErrLost when its id is taken.
func (s *Store) InsertEndpoint(ctx context.Context, e webhook.Endpoint) error {
	_, err := s.put(ctx, s.tables.Endpoints, endpointItem(e), s.absent(attrAccount))
	return wrap(err, "insert endpoint %s", e.ID)
}

// ReplaceEndpoint stores e in place of the record whose Rev is rev, or answers
// webhook.ErrLost.
func (s *Store) ReplaceEndpoint(ctx context.Context, rev string, e webhook.Endpoint) error {
	_, err := s.put(ctx, s.tables.Endpoints, endpointItem(e), s.at(rev))
	return wrap(err, "replace endpoint %s", e.ID)
}

// Endpoint returns one endpoint, read strongly consistently, or
// webhook.ErrNotFound.
func (s *Store) Endpoint(ctx context.Context, account, id string) (webhook.Endpoint, error) {
	out, err := s.api.GetItem(ctx, &dynamodb.GetItemInput{
		TableName:      aws.String(s.tables.Endpoints),
		Key:            endpointTableKey(account, id),
		ConsistentRead: aws.Bool(true),
	})
	if err == nil && len(out.Item) == 0 {
		err = webhook.ErrNotFound
	}
	if err != nil {
		return webhook.Endpoint{}, fmt.Errorf("endpoint %s: %w", id, err)
	}
	return readEndpoint(out.Item), nil
}

// DeleteEndpoint removes an endpoint, or answers webhook.ErrNotFound: also when
// the SDK had to repeat a call that had removed it.
func (s *Store) DeleteEndpoint(ctx context.Context, account, id string) error {
	out, err := s.api.DeleteItem(ctx, &dynamodb.DeleteItemInput{
		TableName:    aws.String(s.tables.Endpoints),
		Key:          endpointTableKey(account, id),
		ReturnValues: types.ReturnValueAllOld,
	})
	if err == nil && len(out.Attributes) == 0 {
		err = webhook.ErrNotFound
	}
	return wrap(err, "delete endpoint %s", id)
}

// AccountEndpoints returns all of an account's endpoints, read strongly
// consistently: one call, more only beyond 1 MB.
func (s *Store) AccountEndpoints(ctx context.Context, account string) ([]webhook.Endpoint, error) {
	records, err := s.query(ctx, s.accountQuery(account))
	if err != nil {
		return nil, fmt.Errorf("endpoints of %s: %w", account, err)
	}
	return readEndpoints(records), nil
}

func (s *Store) accountQuery(account string) *dynamodb.QueryInput {
	return &dynamodb.QueryInput{
		TableName:                 aws.String(s.tables.Endpoints),
		KeyConditionExpression:    aws.String("#key = :key"),
		ExpressionAttributeNames:  map[string]string{"#key": attrAccount},
		ExpressionAttributeValues: item{":key": text(account)},
		ConsistentRead:            aws.Bool(true),
	}
}

// ListEndpoints returns a page of an account's endpoints by id, up to limit,
// with the cursor of the next page; webhook.ErrCursor for a cursor of nobody's.
func (s *Store) ListEndpoints(ctx context.Context, account string, limit int, cursor string) ([]webhook.Endpoint, string, error) {
	after, err := endpointCursor.read(cursor)
	if err != nil {
		return nil, "", err
	}
	in := s.accountQuery(account)
	in.Limit = aws.Int32(int32(clamp(limit)) + 1) // one more tells whether any follow
	if after != "" {
		in.ExclusiveStartKey = endpointTableKey(account, after)
	}
	out, err := s.api.Query(ctx, in)
	if err != nil {
		return nil, "", fmt.Errorf("endpoints of %s: %w", account, err)
	}
	page := make([]item, 0, len(out.Items))
	for _, record := range out.Items {
		page = append(page, record)
	}
	switch {
	case len(page) > clamp(limit):
		page = page[:clamp(limit)]
	case len(out.LastEvaluatedKey) == 0: // else a page ended at 1 MB
		return readEndpoints(page), "", nil
	}
	return readEndpoints(page), endpointCursor.write(page[len(page)-1].text(attrEndpointID)), nil
}
