package dynamo

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"

	"github.com/jobhook/jobhook/shared/webhook"
)

// API is what the store uses of the SDK's DynamoDB client; a function's role
// needs no more.
type API interface {
	GetItem(ctx context.Context, in *dynamodb.GetItemInput, opts ...func(*dynamodb.Options)) (*dynamodb.GetItemOutput, error)
	BatchGetItem(ctx context.Context, in *dynamodb.BatchGetItemInput, opts ...func(*dynamodb.Options)) (*dynamodb.BatchGetItemOutput, error)
	Query(ctx context.Context, in *dynamodb.QueryInput, opts ...func(*dynamodb.Options)) (*dynamodb.QueryOutput, error)
	PutItem(ctx context.Context, in *dynamodb.PutItemInput, opts ...func(*dynamodb.Options)) (*dynamodb.PutItemOutput, error)
	UpdateItem(ctx context.Context, in *dynamodb.UpdateItemInput, opts ...func(*dynamodb.Options)) (*dynamodb.UpdateItemOutput, error)
	DeleteItem(ctx context.Context, in *dynamodb.DeleteItemInput, opts ...func(*dynamodb.Options)) (*dynamodb.DeleteItemOutput, error)
}

// Store keeps everything in two tables. Its methods are those of
// storetest.Store. It is safe for concurrent use.
type Store struct {
	api    API
	tables Tables
	now    func() time.Time
}

// New returns a store over existing tables (see Definitions). now tells what
// has expired.
func New(api API, tables Tables, now func() time.Time) *Store {
	return &Store{api: api, tables: tables, now: now}
}

// condition is a condition expression with its names and values.
type condition struct {
	expression string
	names      map[string]string
	values     item
}

// absent: there is no record under this key, or it has expired. key is the
// table's partition key.
func (s *Store) absent(key string) condition {
	return condition{
		"attribute_not_exists(#key) OR #expires <= :now",
		map[string]string{"#key": key, "#expires": TTLAttribute},
		item{":now": numeral(s.now().Unix())},
	}
}

// at: the record is there, has this rev and has not expired.
func (s *Store) at(rev string) condition {
	return condition{
		"#rev = :rev AND (attribute_not_exists(#expires) OR #expires > :now)",
		map[string]string{"#rev": attrRev, "#expires": TTLAttribute},
		item{":rev": text(rev), ":now": numeral(s.now().Unix())},
	}
}

// put writes a whole record under a condition. If it fails, the answer is
// webhook.ErrLost and the record that stands (nil when there is none), unless
// that one is the very same write.
func (s *Store) put(ctx context.Context, table string, record item, only condition) (standing item, err error) {
	if err := checkSize(record); err != nil {
		return nil, err
	}
	_, err = s.api.PutItem(ctx, &dynamodb.PutItemInput{
		TableName:                           aws.String(table),
		Item:                                record,
		ConditionExpression:                 aws.String(only.expression),
		ExpressionAttributeNames:            only.names,
		ExpressionAttributeValues:           only.values,
		ReturnValuesOnConditionCheckFailure: types.ReturnValuesOnConditionCheckFailureAllOld,
	})
	standing, lost := lostTo(err)
	switch {
	case !lost:
		return nil, err
	case standing.text(attrRev) == record.text(attrRev):
		return nil, nil //nolint:nilnil // landed before: nothing else stands
	}
	return standing, webhook.ErrLost
}

// lostTo says whether an error is a condition that failed, and on which record.
func lostTo(err error) (standing item, lost bool) {
	var failed *types.ConditionalCheckFailedException
	if !errors.As(err, &failed) {
		return nil, false
	}
	return failed.Item, true
}

// alive says whether a record with this end still counts.
func (s *Store) alive(expires time.Time) bool {
	return expires.IsZero() || s.now().Before(expires)
}

// wrap says what was tried; nil stays nil.
func wrap(err error, format string, args ...any) error {
	if err == nil {
		return nil
	}
	return fmt.Errorf(format+": %w", append(args, err)...)
}
