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
	"testing/synctest"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
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
		store, _ := open(t, clock, b)
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

type namedCall struct {
	name string
	do   func() error
}

// writes are all conditional writes, in an order in which each succeeds.
func writes(ctx context.Context, store *dynamo.Store) []namedCall {
	event, endpoint := sampleEvent("job-0"), sampleEndpoint()
	_, claim := event.Claim(nil, webhook.Lease{Message: "m2"}, "r2")
	insert := insertsOf(1)[0]
	job := webhook.JobDefaults(account, webhook.Standard)
	job.Rev = "r1"
	note := webhook.Note{Kind: webhook.NoteAudit, Owner: account, ID: "1", Rev: "r1"}
	next, nextJob, nextNote := endpoint, job, note
	next.Rev, nextJob.Rev, nextNote.Rev = "r2", "r2", "r2"
	write := func(c webhook.Change) func() error {
		return func() error { return store.Write(ctx, c)[0] }
	}
	return []namedCall{
		{"insert an event", write(webhook.Change{Event: &event})},
		{"claim an event", write(claim)},
		{"insert a delivery", write(insert)},
		{"replace a delivery", write(replaced(insert, "r2"))},
		{"InsertEndpoint", func() error { return store.InsertEndpoint(ctx, endpoint) }},
		{"ReplaceEndpoint", func() error { return store.ReplaceEndpoint(ctx, "r1", next) }},
		{"InsertEndpoint of the job record", func() error { return store.InsertEndpoint(ctx, job) }},
		{"ReplaceEndpoint of the job record", func() error { return store.ReplaceEndpoint(ctx, "r1", nextJob) }},
		{"SetHealth", func() error { return store.SetHealth(ctx, account, endpointID, webhook.Health{FailingSince: created}) }},
		{"RemoveEndpoint", func() error { return store.RemoveEndpoint(ctx, account, endpointID, created, created.Add(time.Hour)) }},
		{"InsertNote", func() error { return store.InsertNote(ctx, note) }},
		{"ReplaceNote", func() error { return store.ReplaceNote(ctx, "r1", nextNote) }},
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

// TestRefusals: what AWS refuses is an internal error, neither a lost race nor a
// missing record, and keeps its type.
func TestRefusals(t *testing.T) {
	q := webhook.LogQuery{Account: account, EndpointID: endpointID, Limit: 1}
	for _, kind := range []string{"ValidationException", "AccessDeniedException", "ResourceNotFoundException"} {
		store, _ := open(t, clock, refusing{kind})
		ctx := t.Context()
		calls := append(
			writes(ctx, store),
			namedCall{"Arrivals", func() error { _, _, err := store.Arrivals(ctx, nil, []string{account}); return err }},
			namedCall{"JobEvents", func() error { _, err := store.JobEvents(ctx, account, "job"); return err }},
			namedCall{"Deliveries", func() error { _, err := store.Deliveries(ctx, sampleDelivery("a").DeliveryKey); return err }},
			namedCall{"Load", func() error { _, err := store.Load(ctx, sampleDelivery("a").DeliveryKey); return err }},
			namedCall{"EndpointDeliveries", func() error { _, _, err := store.EndpointDeliveries(ctx, q); return err }},
			namedCall{"Recoverable", func() error { _, _, err := store.Recoverable(ctx, q); return err }},
			namedCall{"AccountEndpoints", func() error { _, err := store.AccountEndpoints(ctx, account); return err }},
			namedCall{"Endpoint", func() error { _, err := store.Endpoint(ctx, account, endpointID); return err }},
			namedCall{"ListEndpoints", func() error { _, _, err := store.ListEndpoints(ctx, account, 1, ""); return err }},
			namedCall{"Failing", func() error { _, _, err := store.Failing(ctx, 1, ""); return err }},
			namedCall{"Note", func() error { _, err := store.Note(ctx, webhook.NoteAudit, account, "1"); return err }},
			namedCall{"Notes", func() error { _, _, err := store.Notes(ctx, webhook.NoteAudit, account, 1, ""); return err }},
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

// canceling cancels transactions for a reason, and then no more.
type canceling struct {
	dynamo.API

	times, calls int
	reasons      []string
}

func (c *canceling) TransactWriteItems(_ context.Context, in *dynamodb.TransactWriteItemsInput, _ ...func(*dynamodb.Options)) (*dynamodb.TransactWriteItemsOutput, error) {
	if c.calls++; c.calls > c.times {
		return &dynamodb.TransactWriteItemsOutput{}, nil
	}
	canceled := &types.TransactionCanceledException{}
	for i := range in.TransactItems {
		canceled.CancellationReasons = append(canceled.CancellationReasons, types.CancellationReason{Code: aws.String(c.reasons[i])})
	}
	return nil, canceled
}

// TestTransactions: an endpoint's change meets others of its account at the
// counter, and is tried again; what can't pass is not.
func TestTransactions(t *testing.T) {
	for _, c := range []struct {
		name    string
		times   int
		reasons []string
		calls   int
		ok      bool
		is      error
	}{
		{"conflict at the counter", 4, []string{"None", "TransactionConflict"}, 5, true, nil},
		{"conflict at the endpoint", 1, []string{"TransactionConflict", "None"}, 2, true, nil},
		{"throttled", 2, []string{"ThrottlingError", "None"}, 3, true, nil},
		{"conflict for ever", 1000, []string{"None", "TransactionConflict"}, 8, false, nil},
		{"lost", 1000, []string{"ConditionalCheckFailed", "None"}, 1, false, webhook.ErrLost},
		{"lost, with a conflict", 1000, []string{"ConditionalCheckFailed", "TransactionConflict"}, 1, false, webhook.ErrLost},
		{"invalid", 1000, []string{"ValidationError", "None"}, 1, false, nil},
	} {
		t.Run(c.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				api := &canceling{times: c.times, reasons: c.reasons}
				err := dynamo.New(api, dynamo.Tables{Endpoints: "E"}, clock).ReplaceEndpoint(t.Context(), "r0", sampleEndpoint())
				if (err == nil) != c.ok || c.is != nil && !errors.Is(err, c.is) || c.is == nil && errors.Is(err, webhook.ErrLost) {
					t.Errorf("got %v", err)
				}
				if api.calls != c.calls {
					t.Errorf("%d calls, want %d", api.calls, c.calls)
				}
			})
		})
	}
}
