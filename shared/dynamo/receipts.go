package dynamo

import (
	"context"
	"fmt"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"

	"github.com/jobhook/jobhook/shared/receipt"
	"github.com/jobhook/jobhook/shared/webhook"
)

// Names of the Receipts table's attributes. TTLAttribute is its TTL too.
const (
	attrSource    = "source"     // partition key
	attrWebhookID = "webhook_id" // sort key
	attrState     = "state"
	attrOwner     = "owner"
	attrUntil     = "until" // end of the lease, epoch milliseconds
	attrDigest    = "digest"
)

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
// A source is one partition: DynamoDB takes 1,000 writes a second there, which
// is 500 webhooks of one source, before it splits the partition by their ids.
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
		AttributeDefinitions: texts(attrSource, attrWebhookID),
		KeySchema:            keys(attrSource, attrWebhookID),
	}
}

// Claim stores r unless one stands that is done or whose lease holds at now:
// then the answer is webhook.ErrLost and the receipt that stands.
func (s *Receipts) Claim(ctx context.Context, r receipt.Receipt, now time.Time) (receipt.Receipt, error) {
	_, err := s.api.PutItem(ctx, &dynamodb.PutItemInput{
		TableName: aws.String(s.table),
		Item:      receiptItem(r),
		ConditionExpression: aws.String("attribute_not_exists(#id) OR #expires <= :seconds" +
			" OR (#state = :processing AND #until <= :millis)"),
		ExpressionAttributeNames: map[string]string{
			"#id": attrWebhookID, "#expires": TTLAttribute, "#state": attrState, "#until": attrUntil,
		},
		ExpressionAttributeValues: item{
			":seconds": numeral(now.Unix()), ":millis": numeral(now.UnixMilli()), ":processing": text(string(receipt.Processing)),
		},
		ReturnValuesOnConditionCheckFailure: types.ReturnValuesOnConditionCheckFailureAllOld,
	})
	standing, lost := lostTo(err)
	switch {
	case err == nil || lost && standing.text(attrOwner) == r.Owner: // landed before: its answer was lost
		return receipt.Receipt{}, nil
	case lost:
		return readReceipt(standing), webhook.ErrLost
	}
	return receipt.Receipt{}, fmt.Errorf("put the receipt: %w", err)
}

// Complete makes a receipt done, or answers webhook.ErrLost when owner no
// longer holds it.
func (s *Receipts) Complete(ctx context.Context, k receipt.Key, owner string) error {
	_, err := s.api.UpdateItem(ctx, &dynamodb.UpdateItemInput{
		TableName:                 aws.String(s.table),
		Key:                       receiptKey(k),
		UpdateExpression:          aws.String("SET #state = :done REMOVE #until"),
		ConditionExpression:       aws.String("#owner = :owner"),
		ExpressionAttributeNames:  map[string]string{"#state": attrState, "#until": attrUntil, "#owner": attrOwner},
		ExpressionAttributeValues: item{":done": text(string(receipt.Done)), ":owner": text(owner)},
	})
	return settledReceipt(err, "complete")
}

// Release removes the receipt that owner holds and has not completed, or
// answers webhook.ErrLost when another holds it or it is done.
func (s *Receipts) Release(ctx context.Context, k receipt.Key, owner string) error {
	_, err := s.api.DeleteItem(ctx, &dynamodb.DeleteItemInput{
		TableName:                 aws.String(s.table),
		Key:                       receiptKey(k),
		ConditionExpression:       aws.String("attribute_not_exists(#id) OR (#owner = :owner AND #state = :processing)"),
		ExpressionAttributeNames:  map[string]string{"#id": attrWebhookID, "#owner": attrOwner, "#state": attrState},
		ExpressionAttributeValues: item{":owner": text(owner), ":processing": text(string(receipt.Processing))},
	})
	return settledReceipt(err, "release")
}

func settledReceipt(err error, what string) error {
	if _, lost := lostTo(err); lost {
		return webhook.ErrLost
	}
	return wrap(err, "%s the receipt", what)
}

func receiptKey(k receipt.Key) item {
	return item{attrSource: text(k.Source), attrWebhookID: text(k.ID)}
}

func receiptItem(r receipt.Receipt) item {
	i := receiptKey(r.Key)
	i.setText(attrState, string(r.State))
	i.setText(attrOwner, r.Owner)
	i.setText(attrDigest, r.Digest)
	if !r.Until.IsZero() {
		i[attrUntil] = numeral(r.Until.UnixMilli())
	}
	i[TTLAttribute] = numeral(r.ExpiresAt.Unix())
	return i
}

func readReceipt(i item) receipt.Receipt {
	r := receipt.Receipt{
		Key:   receipt.Key{Source: i.text(attrSource), ID: i.text(attrWebhookID)},
		State: receipt.State(i.text(attrState)), Owner: i.text(attrOwner), Digest: i.text(attrDigest),
		ExpiresAt: time.Unix(i.number(TTLAttribute), 0).UTC(),
	}
	if _, there := i[attrUntil]; there {
		r.Until = time.UnixMilli(i.number(attrUntil)).UTC()
	}
	return r
}
