package dynamo_test

import (
	"context"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"

	"github.com/jobhook/jobhook/shared/dynamo"
	"github.com/jobhook/jobhook/shared/webhook"
)

// endless is an index in which nothing has the status asked for.
type endless struct {
	dynamo.API

	calls, evaluated int
	start            string
}

func (e *endless) Query(_ context.Context, in *dynamodb.QueryInput, _ ...func(*dynamodb.Options)) (*dynamodb.QueryOutput, error) {
	e.calls++
	e.evaluated += int(aws.ToInt32(in.Limit))
	if s, ok := in.ExclusiveStartKey["sort"].(*types.AttributeValueMemberS); ok {
		e.start = s.Value
	}
	return &dynamodb.QueryOutput{LastEvaluatedKey: map[string]types.AttributeValue{
		"sort": &types.AttributeValueMemberS{Value: "2040-01-01T00:00:00.000000000Zmsg_a"},
	}}, nil
}

// TestRareStatus: a call that looks for what is not there ends, and the next
// one goes on where it ended.
func TestRareStatus(t *testing.T) {
	api := &endless{}
	store := dynamo.New(api, dynamo.Tables{}, time.Now)
	page, next, err := store.EndpointDeliveries(t.Context(), account, endpointID, webhook.Held, 20, "")
	if err != nil || len(page) != 0 || next == "" {
		t.Fatalf("got %d entries, cursor %q, %v: want none, and a cursor", len(page), next, err)
	}
	if api.calls > 8 || api.evaluated < 1000 || api.evaluated > 40_000 {
		t.Errorf("%d calls over %d entries", api.calls, api.evaluated)
	}
	*api = endless{}
	if _, _, err := store.EndpointDeliveries(t.Context(), account, endpointID, webhook.Held, 20, next); err != nil {
		t.Fatal(err)
	}
	if api.start != "2040-01-01T00:00:00.000000000Zmsg_a" {
		t.Errorf("went on at %q", api.start)
	}
}
