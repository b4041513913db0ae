package dynamo_test

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"

	"github.com/jobhook/jobhook/shared/dynamo"
	"github.com/jobhook/jobhook/shared/webhook"
)

// throttled serves one key of a BatchGetItem per call, up to a number of keys
// in all.
type throttled struct {
	dynamo.API

	serves, calls int
}

func (f *throttled) BatchGetItem(_ context.Context, in *dynamodb.BatchGetItemInput, _ ...func(*dynamodb.Options)) (*dynamodb.BatchGetItemOutput, error) {
	f.calls++
	out := &dynamodb.BatchGetItemOutput{
		Responses:       map[string][]map[string]types.AttributeValue{},
		UnprocessedKeys: map[string]types.KeysAndAttributes{},
	}
	for table, asked := range in.RequestItems {
		for _, key := range asked.Keys {
			if f.serves > 0 && len(out.Responses) == 0 {
				f.serves--
				key["account"] = &types.AttributeValueMemberS{Value: account}
				out.Responses[table] = append(out.Responses[table], key)
				continue
			}
			left := out.UnprocessedKeys[table]
			left.Keys = append(left.Keys, key)
			out.UnprocessedKeys[table] = left
		}
	}
	return out, nil
}

func TestBatchAsksAgain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		api := &throttled{serves: 3}
		store := dynamo.New(api, dynamo.Tables{Endpoints: "E", Deliveries: "D"}, time.Now)
		loaded, err := store.LoadDelivery(t.Context(), "msg_1", account, endpointID)
		if err != nil || loaded.Event.MessageID == "" || loaded.Delivery.MessageID == "" || loaded.Endpoint == nil || api.calls != 3 {
			t.Errorf("got %+v, %v after %d calls, want all three records after 3", loaded, err, api.calls)
		}
	})
}

func TestBatchGivesUp(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		api := &throttled{serves: 1}
		store := dynamo.New(api, dynamo.Tables{Endpoints: "E", Deliveries: "D"}, time.Now)
		started := time.Now()
		_, err := store.LoadDelivery(t.Context(), "msg_1", account, endpointID)
		var left *dynamo.UnprocessedError
		if !errors.As(err, &left) || left.Keys != 2 || errors.Is(err, webhook.ErrNotFound) {
			t.Errorf("got %v, want an UnprocessedError of 2 keys", err)
		}
		if took := time.Since(started); took > time.Second {
			t.Errorf("took %s, want less than a second", took)
		}
	})
}

func TestBatchHeedsItsContext(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithTimeout(t.Context(), 30*time.Millisecond)
		defer cancel()
		store := dynamo.New(&throttled{}, dynamo.Tables{Endpoints: "E", Deliveries: "D"}, time.Now)
		if _, err := store.LoadDelivery(ctx, "msg_1", account, endpointID); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("got %v, want %v", err, context.DeadlineExceeded)
		}
	})
}
