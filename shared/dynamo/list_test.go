package dynamo_test

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"

	"github.com/jobhook/jobhook/internal/emulators"
	"github.com/jobhook/jobhook/shared/dynamo"
	"github.com/jobhook/jobhook/shared/webhook"
)

// endless is a log in which nothing has the status asked for.
type endless struct {
	dynamo.API

	mu               sync.Mutex
	calls, evaluated int
	from             string // where the latest call began
}

func (e *endless) Query(_ context.Context, in *dynamodb.QueryInput, _ ...func(*dynamodb.Options)) (*dynamodb.QueryOutput, error) {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.calls++
	e.evaluated += int(aws.ToInt32(in.Limit))
	from := created
	if start := cmp.Or(textOf(in.ExclusiveStartKey["sk"]), textOf(in.ExpressionAttributeValues[":high"])); start != "" {
		e.from, _, _ = strings.Cut(start, "#")
		from, _ = time.Parse(stampForm, e.from)
	}
	edge := from.Add(-time.Hour).Format(stampForm) + "#msg_a"
	return &dynamodb.QueryOutput{LastEvaluatedKey: record{"sk": &types.AttributeValueMemberS{Value: edge}}}, nil
}

const stampForm = "20060102T150405.000Z"

// TestRareStatus: a call that looks for what is not there ends, and the next
// one goes on where it ended.
func TestRareStatus(t *testing.T) {
	api := &endless{}
	store := dynamo.New(api, dynamo.Tables{}, time.Now)
	q := webhook.LogQuery{Account: account, EndpointID: endpointID, Status: webhook.Held, Limit: 20}
	page, next, err := store.EndpointDeliveries(t.Context(), q)
	if err != nil || len(page) != 0 || next == "" {
		t.Fatalf("got %d entries, cursor %q, %v: want none, and a cursor", len(page), next, err)
	}
	if api.calls > 4*8 || api.evaluated < 4*1000 || api.evaluated > 4*40_000 {
		t.Errorf("%d calls over %d entries", api.calls, api.evaluated)
	}
	q.Cursor = next
	_, _, err = store.EndpointDeliveries(t.Context(), q)
	if want := created.Add(-15 * time.Hour).Format(stampForm); err != nil || api.from != want {
		t.Errorf("two pages of 8 calls ended from %s, %v, want %s", api.from, err, want)
	}
}

// TestEqualRanks: many deliveries that settled in one millisecond, spread over
// the partitions, are each listed once, whatever the page's size.
func TestEqualRanks(t *testing.T) {
	store, _ := open(t, clock, nil)
	want := map[string]bool{}
	var changes []webhook.Change
	for i := range 60 {
		d := sampleDelivery(fmt.Sprintf("job-%d", i))
		d.Status, d.SettledAt = webhook.Held, created.Add(time.Duration(i/25)*time.Millisecond)
		changes = append(changes, webhook.Change{Delivery: &d})
		want[d.ID()] = true
	}
	allLanded(t, store.Write(t.Context(), changes...))
	for _, endpoint := range []string{"", endpointID} {
		for _, limit := range []int{1, 7, 24, 25, 26, 59, 60, 100} {
			q := webhook.LogQuery{Account: account, EndpointID: endpoint, Limit: limit}
			var all []webhook.Delivery
			for range 100 {
				page, next, err := store.Recoverable(t.Context(), q)
				if err != nil || len(page) > limit {
					t.Fatalf("limit %d: a page of %d, %v", limit, len(page), err)
				}
				all = append(all, page...)
				if q.Cursor = next; next == "" {
					break
				}
			}
			listed := map[string]bool{}
			for _, d := range all {
				listed[d.ID()] = true
			}
			if len(all) != len(want) || len(listed) != len(want) {
				t.Errorf("endpoint %q, limit %d: %d listed, %d different, want %d", endpoint, limit, len(all), len(listed), len(want))
			}
			if !slices.IsSortedFunc(all, func(a, b webhook.Delivery) int { return cmp.Compare(b.SettledAt.UnixMilli(), a.SettledAt.UnixMilli()) }) {
				t.Errorf("endpoint %q, limit %d: not by time", endpoint, limit)
			}
		}
	}
}

// TestSparse: the indexes hold what failed or is held, and no longer.
func TestSparse(t *testing.T) {
	store, tables := open(t, clock, nil)
	client := dynamodb.NewFromConfig(emulators.Config(emulators.DynamoDB(t)))
	indexed := func(index string) int {
		out, err := client.Scan(t.Context(), &dynamodb.ScanInput{TableName: aws.String(tables.Deliveries), IndexName: aws.String(index)})
		if err != nil {
			t.Fatal(err)
		}
		return len(out.Items)
	}
	c := insertsOf(1)[0]
	allLanded(t, store.Write(t.Context(), c))
	for n, status := range []webhook.Status{webhook.Failed, webhook.Retrying, webhook.Held, webhook.Delivered, webhook.Failed, webhook.Canceled} {
		c = replaced(c, fmt.Sprintf("r%d", n+2))
		c.Delivery.Status = status
		want := 1
		if status != webhook.Failed && status != webhook.Held {
			c.Delivery.SettledAt, want = time.Time{}, 0
		}
		allLanded(t, store.Write(t.Context(), c))
		for _, index := range []string{dynamo.RecoverableIndex, dynamo.EndpointRecoverableIndex} {
			if got := indexed(index); got != want {
				t.Errorf("%s: %d in %s, want %d", status, got, index, want)
			}
		}
	}
}

// FuzzCursor: a cursor comes from anybody. It is a position in its own list or
// webhook.ErrCursor, never a panic.
func FuzzCursor(f *testing.F) {
	for _, seed := range []string{"", "x", "ZTE6ZXBfYQ", strings.Repeat("A", 2000)} {
		f.Add(seed)
	}
	again, _ := dynamo.ReadCursor("a", "")
	f.Add(again)
	f.Fuzz(func(t *testing.T, cursor string) {
		again, err := dynamo.ReadCursor("a", cursor)
		_, other := dynamo.ReadCursor("b", cursor)
		switch {
		case cursor == "" && err == nil:
		case err == nil && (again != cursor && !strings.ContainsAny(cursor, "\r\n") || other == nil):
			t.Errorf("%q is read as %q, by another list with %v", cursor, again, other)
		case err != nil && !errors.Is(err, webhook.ErrCursor):
			t.Errorf("got %v", err)
		}
	})
}
