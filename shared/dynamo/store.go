// Package dynamo keeps endpoints, events, deliveries and notes in DynamoDB. It
// passes shared/storetest.
//
// An event and each of its deliveries is one item of at most 1 KB, when they
// are of the usual size: one write unit per record. Changes go to DynamoDB
// joined, up to 25 in one BatchExecuteStatement, each with its own condition
// (on the record's rev) and its own answer. When the SDK repeats a call whose
// answer was lost, or a statement is answered with an internal error after it
// landed, the standing record carries the write's own rev: that is a success.
//
// Nothing here scans a table: every read names its partitions. An endpoint's
// deliveries spread over 4, what is recoverable of an account over 16, and
// lists merge them.
//
// What has expired counts as gone though DynamoDB deletes it up to two days
// late.
package dynamo

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"

	"github.com/jobhook/jobhook/shared/webhook"
)

// API is what the store uses of the SDK's DynamoDB client; a function's role
// needs no more.
type API interface {
	BatchExecuteStatement(ctx context.Context, in *dynamodb.BatchExecuteStatementInput, opts ...func(*dynamodb.Options)) (*dynamodb.BatchExecuteStatementOutput, error)
	BatchGetItem(ctx context.Context, in *dynamodb.BatchGetItemInput, opts ...func(*dynamodb.Options)) (*dynamodb.BatchGetItemOutput, error)
	Query(ctx context.Context, in *dynamodb.QueryInput, opts ...func(*dynamodb.Options)) (*dynamodb.QueryOutput, error)
	PutItem(ctx context.Context, in *dynamodb.PutItemInput, opts ...func(*dynamodb.Options)) (*dynamodb.PutItemOutput, error)
	UpdateItem(ctx context.Context, in *dynamodb.UpdateItemInput, opts ...func(*dynamodb.Options)) (*dynamodb.UpdateItemOutput, error)
	TransactWriteItems(ctx context.Context, in *dynamodb.TransactWriteItemsInput, opts ...func(*dynamodb.Options)) (*dynamodb.TransactWriteItemsOutput, error)
}

// Store keeps everything in two tables. It is a webhook.Store, safe for
// concurrent use.
type Store struct {
	api    API
	tables Tables
	now    func() time.Time
}

var _ webhook.Store = (*Store)(nil)

// New returns a store over existing tables (see Definitions). now tells what
// has expired.
func New(api API, tables Tables, now func() time.Time) *Store {
	return &Store{api: api, tables: tables, now: now}
}

// lostTo says whether an error is a condition that failed, and on which record.
func lostTo(err error) (standing item, lost bool) {
	var failed *types.ConditionalCheckFailedException
	if !errors.As(err, &failed) {
		return nil, false
	}
	return failed.Item, true
}

// wrap says what was tried; nil stays nil.
func wrap(err error, format string, args ...any) error {
	if err == nil {
		return nil
	}
	return fmt.Errorf(format+": %w", append(args, err)...)
}

const (
	firstPause   = 25 * time.Millisecond // before the second try; then doubled
	longestPause = time.Second
)

// pause waits before try n, from 2, with jitter: callers that were throttled
// together must not return together.
func pause(ctx context.Context, n int) error {
	d := min(firstPause<<min(n-2, 10), longestPause)
	timer := time.NewTimer(d/2 + rand.N(d/2)) //nolint:gosec // jitter, no secret
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-ctx.Done():
		return fmt.Errorf("waiting to try again: %w", context.Cause(ctx))
	}
}
