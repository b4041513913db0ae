package dynamo_test

import (
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"

	"github.com/jobhook/jobhook/internal/emulators"
	"github.com/jobhook/jobhook/shared/dynamo"
	"github.com/jobhook/jobhook/shared/receiving"
	"github.com/jobhook/jobhook/shared/storetest"
	"github.com/jobhook/jobhook/shared/webhook"
)

func openReceipts(t testing.TB, through aws.HTTPClient) *dynamo.Receipts {
	t.Helper()
	config := emulators.Config(emulators.DynamoDB(t))
	table := emulators.Name("Receipts")
	if _, err := dynamodb.NewFromConfig(config).CreateTable(t.Context(), dynamo.ReceiptsDefinition(table)); err != nil {
		t.Fatal(err)
	}
	if through != nil {
		config.HTTPClient = through
	}
	return dynamo.NewReceipts(dynamodb.NewFromConfig(config), table)
}

func TestReceiptsContract(t *testing.T) {
	storetest.Receipts(t, func(t testing.TB) receiving.Receipts { return openReceipts(t, nil) })
}

func TestReceiptsTakeOneCallEach(t *testing.T) {
	calls := new(emulators.Calls)
	store := openReceipts(t, calls)
	now := time.Date(2026, 11, 20, 12, 0, 0, 0, time.UTC)
	r := webhook.Receipt{
		Key: webhook.ReceiptKey{Source: "s", ID: "1"}, State: webhook.ReceiptProcessing, Owner: "a",
		Until: now.Add(time.Second), ExpiresAt: now.Add(time.Hour),
	}
	if _, err := store.Claim(t.Context(), r, now); err != nil {
		t.Fatal(err)
	}
	if err := store.Complete(t.Context(), r.Key, "a"); err != nil {
		t.Fatal(err)
	}
	if calls.Total() != 2 || calls.Of("PutItem") != 1 || calls.Of("UpdateItem") != 1 {
		t.Errorf("%d calls, want one PutItem and one UpdateItem", calls.Total())
	}
}
