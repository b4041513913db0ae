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

// Names of the Receipts table's attributes that conditions use. TTLAttribute is
// its TTL too.
const (
	attrReceipt = "receipt" // the key: source#webhook_id
	attrState   = "state"
	attrOwner   = "owner"
	attrUntil   = "until"
)

// receiptRecord is a receipt's item.
type receiptRecord struct {
	Receipt string `dynamodbav:"receipt"`
	State   string `dynamodbav:"state"`
	Owner   string `dynamodbav:"owner"`
	Until   int64  `dynamodbav:"until,omitempty"` // end of the lease, epoch milliseconds
	Expires int64  `dynamodbav:"x"`
	Digest  string `dynamodbav:"digest,omitempty"`
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
	return &dynamodb.CreateTableInput{
		TableName:            aws.String(table),
		BillingMode:          types.BillingModePayPerRequest,
		AttributeDefinitions: texts(attrReceipt),
		KeySchema:            schema(attrReceipt),
	}
}

// Claim stores r unless one stands that is done or whose lease holds at now:
// then the answer is webhook.ErrLost and the receipt that stands.
func (s *Receipts) Claim(ctx context.Context, r webhook.Receipt, now time.Time) (webhook.Receipt, error) {
	record, err := encode(receiptRecord{
		Receipt: receiptID(r.Key), State: string(r.State), Owner: r.Owner, Until: millis(r.Until),
		Expires: r.ExpiresAt.Unix(), Digest: r.Digest,
	})
	if err != nil {
		return webhook.Receipt{}, err
	}
	_, err = s.api.PutItem(ctx, &dynamodb.PutItemInput{
		TableName: aws.String(s.table),
		Item:      record,
		ConditionExpression: aws.String("attribute_not_exists(#id) OR #expires <= :seconds" +
			" OR (#state = :processing AND #until <= :millis)"),
		ExpressionAttributeNames: map[string]string{
			"#id": attrReceipt, "#expires": TTLAttribute, "#state": attrState, "#until": attrUntil,
		},
		ExpressionAttributeValues: item{
			":seconds": numeral(now.Unix()), ":millis": numeral(now.UnixMilli()), ":processing": text(string(webhook.ReceiptProcessing)),
		},
		ReturnValuesOnConditionCheckFailure: types.ReturnValuesOnConditionCheckFailureAllOld,
	})
	standing, lost := lostTo(err)
	switch {
	case err == nil || lost && standing.text(attrOwner) == r.Owner: // landed before: its answer was lost
		return webhook.Receipt{}, nil
	case !lost:
		return webhook.Receipt{}, fmt.Errorf("put the receipt: %w", err)
	}
	stands, err := decode[receiptRecord](standing)
	if err != nil {
		return webhook.Receipt{}, fmt.Errorf("read the receipt: %w", err)
	}
	return webhook.Receipt{
		Key: r.Key, State: webhook.ReceiptState(stands.State), Owner: stands.Owner, Digest: stands.Digest,
		Until: readMillis(stands.Until), ExpiresAt: readSeconds(stands.Expires),
	}, webhook.ErrLost
}

// Complete makes a receipt done, or answers webhook.ErrLost when owner no
// longer holds it.
func (s *Receipts) Complete(ctx context.Context, k webhook.ReceiptKey, owner string) error {
	_, err := s.api.UpdateItem(ctx, &dynamodb.UpdateItemInput{
		TableName:                 aws.String(s.table),
		Key:                       receiptKey(k),
		UpdateExpression:          aws.String("SET #state = :done REMOVE #until"),
		ConditionExpression:       aws.String("#owner = :owner"),
		ExpressionAttributeNames:  map[string]string{"#state": attrState, "#until": attrUntil, "#owner": attrOwner},
		ExpressionAttributeValues: item{":done": text(string(webhook.ReceiptDone)), ":owner": text(owner)},
	})
	return settledReceipt(err, "complete")
}

// Release removes the receipt that owner holds and has not completed, or
// answers webhook.ErrLost when another holds it or it is done.
func (s *Receipts) Release(ctx context.Context, k webhook.ReceiptKey, owner string) error {
	_, err := s.api.DeleteItem(ctx, &dynamodb.DeleteItemInput{
		TableName:                 aws.String(s.table),
		Key:                       receiptKey(k),
		ConditionExpression:       aws.String("attribute_not_exists(#id) OR (#owner = :owner AND #state = :processing)"),
		ExpressionAttributeNames:  map[string]string{"#id": attrReceipt, "#owner": attrOwner, "#state": attrState},
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
