package dynamo_test

import (
	"context"
	"encoding/json"
	"errors"
	"math/rand/v2"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"

	"github.com/jobhook/jobhook/internal/emulators"
	"github.com/jobhook/jobhook/shared/dynamo"
	"github.com/jobhook/jobhook/shared/webhook"
)

// recorder keeps what was put, and answers that it landed.
type recorder struct {
	dynamo.API

	put *dynamodb.PutItemInput
}

func (r *recorder) PutItem(_ context.Context, in *dynamodb.PutItemInput, _ ...func(*dynamodb.Options)) (*dynamodb.PutItemOutput, error) {
	r.put = in
	return &dynamodb.PutItemOutput{}, nil
}

// TestUsualRecordsFitOneWriteUnit: a write costs by the kilobyte begun. The
// sizes are DynamoDB's, counted here by hand for flat records.
func TestUsualRecordsFitOneWriteUnit(t *testing.T) {
	api := &recorder{}
	store := dynamo.New(api, dynamo.Tables{}, time.Now)
	event := sampleEvent("bf68dd27-6ce5-4a3d-a7f7-0e4e8ed6f6aa:success")
	event.Result = json.RawMessage(`{"text":"` + prose(1000) + `"}`)
	if _, err := store.InsertEvent(t.Context(), event); err != nil {
		t.Fatal(err)
	}
	wantOneUnit(t, "event with 1 KB of text", api.put.Item)
	if err := store.InsertDelivery(t.Context(), sampleDelivery(event.EventID)); err != nil {
		t.Fatal(err)
	}
	wantOneUnit(t, "delivery with one attempt", api.put.Item)
}

// prose is so many bytes of words, no more repetitive than a language is.
func prose(size int) string {
	words := strings.Fields("the job has translated a document of nine pages from German into English and " +
		"kept its layout tables footnotes numbers while terminology followed your glossary where one was given")
	random := rand.New(rand.NewPCG(1, 2))
	var text strings.Builder
	for text.Len() < size {
		text.WriteString(words[random.IntN(len(words))] + " ")
	}
	return text.String()[:size]
}

func wantOneUnit(t *testing.T, what string, record map[string]types.AttributeValue) {
	t.Helper()
	size := dynamo.SizeOf(record)
	t.Logf("%s: %d bytes", what, size)
	if size > 1024 {
		t.Errorf("%s has %d bytes, want at most 1024", what, size)
	}
}

func TestTooLarge(t *testing.T) {
	store := dynamo.New(&recorder{}, dynamo.Tables{}, time.Now)
	d := sampleDelivery("job-1")
	d.URL = strings.Repeat("x", dynamo.MaxItem)
	err := store.InsertDelivery(t.Context(), d)
	var tooLarge *dynamo.TooLargeError
	if !errors.As(err, &tooLarge) || tooLarge.Size <= dynamo.MaxItem {
		t.Fatalf("got %v, want a TooLargeError", err)
	}
	if len(err.Error()) > 300 {
		t.Errorf("the error is %d bytes long: it must not hold the record", len(err.Error()))
	}
}

// slack: DynamoDB calls its own rule for numbers approximate.
const slack = 16

// TestSizeIsDynamoDBs: the largest record that we let pass is one that DynamoDB
// takes, and one that is hardly larger it refuses.
func TestSizeIsDynamoDBs(t *testing.T) {
	store, tables := open(t, func() time.Time { return created }, nil)
	d := sampleDelivery("job-1")
	api := &recorder{}
	if err := dynamo.New(api, tables, time.Now).InsertDelivery(t.Context(), d); err != nil {
		t.Fatal(err)
	}
	d.BodyURL = "x"
	room := dynamo.MaxItem - dynamo.SizeOf(api.put.Item) - len("body_url")
	d.BodyURL = strings.Repeat("x", room)
	if err := store.InsertDelivery(t.Context(), d); err != nil {
		t.Errorf("a record of exactly %d bytes: %v", dynamo.MaxItem, err)
	}
	record := api.put.Item
	record["body_url"] = &types.AttributeValueMemberS{Value: d.BodyURL + strings.Repeat("x", slack)}
	client := dynamodb.NewFromConfig(emulators.Config(emulators.DynamoDB(t)))
	if _, err := client.PutItem(t.Context(), &dynamodb.PutItemInput{TableName: aws.String(tables.Deliveries), Item: record}); err == nil {
		t.Errorf("DynamoDB takes %d bytes", dynamo.SizeOf(record))
	}
}

// TestNeedingAttention: the sparse index holds a delivery while it is failed
// and no longer, a job's own URL too.
func TestNeedingAttention(t *testing.T) {
	store, tables := open(t, func() time.Time { return created }, nil)
	client := dynamodb.NewFromConfig(emulators.Config(emulators.DynamoDB(t)))
	listed := func() int {
		out, err := client.Query(t.Context(), &dynamodb.QueryInput{
			TableName: aws.String(tables.Deliveries), IndexName: aws.String(dynamo.NeedingAttention),
			KeyConditionExpression:    aws.String("attention = :account"),
			ExpressionAttributeValues: map[string]types.AttributeValue{":account": &types.AttributeValueMemberS{Value: account}},
		})
		if err != nil {
			t.Fatal(err)
		}
		return len(out.Items)
	}
	d, job := sampleDelivery("job-1"), sampleDelivery("job-2")
	job.EndpointID, job.Status = webhook.JobTarget, webhook.Failed
	for _, first := range []webhook.Delivery{d, job} {
		if err := store.InsertDelivery(t.Context(), first); err != nil {
			t.Fatal(err)
		}
	}
	for n, status := range []webhook.Status{webhook.Failed, webhook.Failed, webhook.Retrying, webhook.Failed, webhook.Delivered} {
		old := d.Rev
		d.Rev, d.Status = old+string(rune('a'+n)), status
		if err := store.ReplaceDelivery(t.Context(), old, d); err != nil {
			t.Fatal(err)
		}
		want := 1
		if status == webhook.Failed {
			want = 2
		}
		if got := listed(); got != want {
			t.Errorf("%s: %d listed, want %d", status, got, want)
		}
	}
}
