package dynamo

import (
	"context"
	"fmt"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"

	"github.com/jobhook/jobhook/shared/webhook"
)

const attrReceipt = "receipt" // the Receipts table's key: source#webhook_id

// receiptRecord is a receipt's item. TTLAttribute is this table's TTL too.
type receiptRecord struct {
	Receipt string               `dynamodbav:"receipt"`
	State   webhook.ReceiptState `dynamodbav:"state"`
	Owner   string               `dynamodbav:"owner"`
	Until   time.Time            `dynamodbav:"until,omitempty"` // end of the lease
	Expires time.Time            `dynamodbav:"x,unixtime"`
	Digest  string               `dynamodbav:"digest,omitempty"`
}

// ReceiptsAPI is what Receipts uses of the SDK's DynamoDB client; receive's
// role needs no more.
type ReceiptsAPI interface {
	PutItem(ctx context.Context, in *dynamodb.PutItemInput, opts ...func(*dynamodb.Options)) (*dynamodb.PutItemOutput, error)
	UpdateItem(ctx context.Context, in *dynamodb.UpdateItemInput, opts ...func(*dynamodb.Options)) (*dynamodb.UpdateItemOutput, error)
	DeleteItem(ctx context.Context, in *dynamodb.DeleteItemInput, opts ...func(*dynamodb.Options)) (*dynamodb.DeleteItemOutput, error)
}

// Receipts keeps receive's idempotency keys. Each call is one round trip and
// one write unit. It is safe for concurrent use.
//
// Source and webhook id together are the partition key, so a source has no
// limit of its own.
type Receipts struct {
	api   ReceiptsAPI
	table string
}

// NewReceipts returns a store over an existing table (see ReceiptsDefinition).
func NewReceipts(api ReceiptsAPI, table string) *Receipts { return &Receipts{api, table} }

// ReceiptsDefinition is the table as CreateTable takes it; template.yaml adds
// the TTL on TTLAttribute, recovery and encryption.
func ReceiptsDefinition(table string) *dynamodb.CreateTableInput {
	return definition(table, schema(attrReceipt))
}

// Claim stores r unless one stands that is done or whose lease holds at now:
// then the answer is webhook.ErrLost and the receipt that stands.
func (s *Receipts) Claim(ctx context.Context, r webhook.Receipt, now time.Time) (webhook.Receipt, error) {
	record, err := encode(receiptRecord{receiptID(r.Key), r.State, r.Owner, r.Until, r.ExpiresAt, r.Digest})
	if err != nil {
		return webhook.Receipt{}, err
	}
	const free = "attribute_not_exists(#receipt) OR #x <= :seconds OR (#state = :processing AND #until <= :millis)"
	_, err = s.api.PutItem(ctx, &dynamodb.PutItemInput{
		TableName: aws.String(s.table), Item: record,
		ConditionExpression: aws.String(free), ExpressionAttributeNames: names(free),
		ExpressionAttributeValues: item{
			":seconds": numeral(now.Unix()), ":millis": numeral(now.UnixMilli()), ":processing": text(string(webhook.ReceiptProcessing)),
		},
		ReturnValuesOnConditionCheckFailure: types.ReturnValuesOnConditionCheckFailureAllOld,
	})
	standing, lost := lostTo(err)
	switch {
	case err == nil || lost && standing.text("owner") == r.Owner: // landed before: its answer was lost
		return webhook.Receipt{}, nil
	case !lost:
		return webhook.Receipt{}, fmt.Errorf("put the receipt: %w", err)
	}
	stands, err := decode[receiptRecord](standing)
	if err != nil {
		return webhook.Receipt{}, fmt.Errorf("read the receipt: %w", err)
	}
	return webhook.Receipt{
		Key: r.Key, State: stands.State, Owner: stands.Owner, Until: stands.Until, ExpiresAt: stands.Expires.UTC(), Digest: stands.Digest,
	}, webhook.ErrLost
}

// Complete makes a receipt done, or answers webhook.ErrLost when owner no
// longer holds it.
func (s *Receipts) Complete(ctx context.Context, k webhook.ReceiptKey, owner string) error {
	const done, held = "SET #state = :done REMOVE #until", "#owner = :owner"
	_, err := s.api.UpdateItem(ctx, &dynamodb.UpdateItemInput{
		TableName: aws.String(s.table), Key: receiptKey(k), UpdateExpression: aws.String(done),
		ConditionExpression: aws.String(held), ExpressionAttributeNames: names(done, held),
		ExpressionAttributeValues: item{":done": text(string(webhook.ReceiptDone)), ":owner": text(owner)},
	})
	return settledReceipt(err, "complete")
}

// Release removes the receipt that owner holds and has not completed, or
// answers webhook.ErrLost when another holds it or it is done.
func (s *Receipts) Release(ctx context.Context, k webhook.ReceiptKey, owner string) error {
	const held = "attribute_not_exists(#receipt) OR (#owner = :owner AND #state = :processing)"
	_, err := s.api.DeleteItem(ctx, &dynamodb.DeleteItemInput{
		TableName: aws.String(s.table), Key: receiptKey(k),
		ConditionExpression: aws.String(held), ExpressionAttributeNames: names(held),
		ExpressionAttributeValues: item{":owner": text(owner), ":processing": text(string(webhook.ReceiptProcessing))},
	})
	return settledReceipt(err, "release")
}

func settledReceipt(err error, what string) error {
	if _, lost := lostTo(err); lost {
		return webhook.ErrLost
	}
	return wrap(err, "%s the receipt", what)
}

func receiptKey(k webhook.ReceiptKey) item { return item{attrReceipt: text(receiptID(k))} }

// receiptID is unambiguous: no source's name has a "#".
func receiptID(k webhook.ReceiptKey) string { return k.Source + "#" + k.ID }
