package dynamo_test

import (
	"context"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/aws/smithy-go"

	"github.com/jobhook/jobhook/shared/dynamo"
	"github.com/jobhook/jobhook/shared/webhook"
)

// breaker is a connection to DynamoDB that breaks once, before the call lands
// or after, whenever it is armed.
type breaker struct {
	armed  atomic.Bool
	before bool
	broke  atomic.Int64
}

func (b *breaker) Do(request *http.Request) (*http.Response, error) {
	breaks := b.armed.CompareAndSwap(true, false)
	if breaks && b.before {
		b.broke.Add(1)
		return nil, errors.New("connection reset before the call")
	}
	response, err := http.DefaultClient.Do(request)
	if err == nil && breaks {
		b.broke.Add(1)
		_ = response.Body.Close()
		return nil, errors.New("connection reset after the call")
	}
	return response, err
}

// TestLostAnswer: the SDK repeats a call whose answer did not come; whether the
// first one landed or not, the write is done and nobody else was first.
func TestLostAnswer(t *testing.T) {
	for _, before := range []bool{true, false} {
		b := &breaker{before: before}
		store, _ := open(t, time.Now, b)
		for n, write := range writes(t.Context(), store) {
			b.armed.Store(true)
			if err := write.do(); err != nil {
				t.Errorf("broken before the call landed: %t, %s: %v", before, write.name, err)
			}
			if got := b.broke.Load(); got != int64(n+1) {
				t.Fatalf("%s: broke %d times, want %d", write.name, got, n+1)
			}
		}
	}
}

type namedWrite struct {
	name string
	do   func() error
}

// writes are all conditional writes, in an order in which each succeeds.
func writes(ctx context.Context, store *dynamo.Store) []namedWrite {
	event, delivery, endpoint := sampleEvent("job-1"), sampleDelivery("job-1"), sampleEndpoint()
	nextDelivery, nextEndpoint := delivery, endpoint
	nextDelivery.Rev, nextEndpoint.Rev = "r2", "r2"
	return []namedWrite{
		{"InsertEvent", func() error { _, err := store.InsertEvent(ctx, event); return err }},
		{"LeaseEvent", func() error {
			got, err := store.LeaseEvent(ctx, event.MessageID, "r1", webhook.Claim{Targets: []string{}, Rev: "r2"})
			if err == nil && (got.Rev != "r2" || string(got.Result) != string(event.Result)) {
				return fmt.Errorf("answer is %+v", got)
			}
			return err
		}},
		{"InsertDelivery", func() error { return store.InsertDelivery(ctx, delivery) }},
		{"ReplaceDelivery", func() error { return store.ReplaceDelivery(ctx, "r1", nextDelivery) }},
		{"InsertEndpoint", func() error { return store.InsertEndpoint(ctx, endpoint) }},
		{"ReplaceEndpoint", func() error { return store.ReplaceEndpoint(ctx, "r1", nextEndpoint) }},
	}
}

// refusing answers every call with one of AWS's errors.
type refusing struct{ kind string }

func (r refusing) Do(*http.Request) (*http.Response, error) {
	body := fmt.Sprintf(`{"__type":"com.amazonaws.dynamodb.v20120810#%s","message":"no"}`, r.kind)
	header := http.Header{}
	header.Set("Content-Type", "application/x-amz-json-1.0")
	header.Set("X-Amz-Crc32", fmt.Sprint(crc32.ChecksumIEEE([]byte(body))))
	return &http.Response{StatusCode: http.StatusBadRequest, Header: header, Body: io.NopCloser(strings.NewReader(body))}, nil
}

// TestRefusals: what AWS refuses is an error of ours, neither a lost race nor a
// missing record, and keeps its type.
func TestRefusals(t *testing.T) {
	for _, kind := range []string{"ValidationException", "AccessDeniedException", "ResourceNotFoundException"} {
		store, _ := open(t, time.Now, refusing{kind})
		calls := append(writes(t.Context(), store),
			namedWrite{"LoadEvent", func() error { _, _, err := store.LoadEvent(t.Context(), "msg_1"); return err }},
			namedWrite{"LoadDelivery", func() error {
				_, err := store.LoadDelivery(t.Context(), "msg_1", account, endpointID)
				return err
			}},
			namedWrite{"Endpoint", func() error { _, err := store.Endpoint(t.Context(), account, endpointID); return err }},
			namedWrite{"AccountEndpoints", func() error { _, err := store.AccountEndpoints(t.Context(), account); return err }},
			namedWrite{"ListEndpoints", func() error { _, _, err := store.ListEndpoints(t.Context(), account, 1, ""); return err }},
			namedWrite{"DeleteEndpoint", func() error { return store.DeleteEndpoint(t.Context(), account, endpointID) }},
			namedWrite{"EndpointDeliveries", func() error {
				_, _, err := store.EndpointDeliveries(t.Context(), account, endpointID, "", 1, "")
				return err
			}},
		)
		for _, call := range calls {
			err := call.do()
			var refusal smithy.APIError
			if !errors.As(err, &refusal) || refusal.ErrorCode() != kind {
				t.Errorf("%s: got %v, want %s wrapped", call.name, err, kind)
			}
			if errors.Is(err, webhook.ErrLost) || errors.Is(err, webhook.ErrNotFound) {
				t.Errorf("%s: %v is taken for an answer", call.name, err)
			}
		}
	}
}
