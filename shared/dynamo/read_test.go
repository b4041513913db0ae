package dynamo_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"

	"github.com/jobhook/jobhook/shared/dynamo"
	"github.com/jobhook/jobhook/shared/webhook"
)

// throttled serves one key of a BatchGetItem per call, up to a number of keys
// in all, and counts the keys asked for.
type throttled struct {
	dynamo.API

	serves, calls int
	asked         []int
}

func (f *throttled) BatchGetItem(_ context.Context, in *dynamodb.BatchGetItemInput, _ ...func(*dynamodb.Options)) (*dynamodb.BatchGetItemOutput, error) {
	f.calls++
	out := &dynamodb.BatchGetItemOutput{Responses: map[string][]record{}, UnprocessedKeys: map[string]types.KeysAndAttributes{}}
	asked := 0
	for table, want := range in.RequestItems {
		asked += len(want.Keys)
		for _, key := range want.Keys {
			if f.serves > 0 && len(out.Responses) == 0 {
				f.serves--
				key["v"] = &types.AttributeValueMemberN{Value: "1"}
				out.Responses[table] = append(out.Responses[table], key)
				continue
			}
			left := out.UnprocessedKeys[table]
			left.Keys = append(left.Keys, key)
			out.UnprocessedKeys[table] = left
		}
	}
	f.asked = append(f.asked, asked)
	return out, nil
}

func twoKeys() []webhook.DeliveryKey {
	return []webhook.DeliveryKey{sampleDelivery("a").DeliveryKey, sampleDelivery("b").DeliveryKey, sampleDelivery("a").DeliveryKey}
}

func TestReadAsksAgain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		api := &throttled{serves: 2}
		found, err := dynamo.New(api, dynamo.Tables{Endpoints: "E", Deliveries: "D"}, time.Now).Deliveries(t.Context(), twoKeys()...)
		if err != nil || found[0] == nil || found[1] == nil || found[2] == nil {
			t.Errorf("got %v, %v, want all three", found, err)
		}
		if fmt.Sprint(api.asked) != "[2 1]" {
			t.Errorf("calls asked for %v keys, want [2 1]: equal keys are one", api.asked)
		}
	})
}

func TestReadGivesUp(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		api := &throttled{}
		started := time.Now()
		_, err := dynamo.New(api, dynamo.Tables{Endpoints: "E", Deliveries: "D"}, time.Now).Deliveries(t.Context(), twoKeys()...)
		var left *dynamo.UnprocessedError
		if !errors.As(err, &left) || left.Keys != 2 || errors.Is(err, webhook.ErrNotFound) {
			t.Errorf("got %v, want an UnprocessedError of 2 keys", err)
		}
		if took := time.Since(started); took > time.Second {
			t.Errorf("took %s, want less than a second", took)
		}
	})
}

func TestReadHeedsItsContext(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithTimeout(t.Context(), 30*time.Millisecond)
		defer cancel()
		store := dynamo.New(&throttled{}, dynamo.Tables{Endpoints: "E", Deliveries: "D"}, time.Now)
		if _, err := store.Load(ctx, twoKeys()...); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("got %v, want %v", err, context.DeadlineExceeded)
		}
	})
}

func TestReadsComeInHundreds(t *testing.T) {
	var ids []string
	for i := range 250 {
		ids = append(ids, sampleEvent(fmt.Sprint(i)).MessageID)
	}
	count := &counting{}
	if _, err := dynamo.New(count, dynamo.Tables{}, time.Now).Events(t.Context(), append(ids, ids...)...); err != nil {
		t.Fatal(err)
	}
	if fmt.Sprint(count.asked) != "[100 100 50]" {
		t.Errorf("calls asked for %v keys, want [100 100 50]", count.asked)
	}
}

// counting finds nothing.
type counting struct {
	dynamo.API

	asked []int
}

func (c *counting) BatchGetItem(_ context.Context, in *dynamodb.BatchGetItemInput, _ ...func(*dynamodb.Options)) (*dynamodb.BatchGetItemOutput, error) {
	n := 0
	for _, asked := range in.RequestItems {
		n += len(asked.Keys)
		if !aws.ToBool(asked.ConsistentRead) {
			return nil, errors.New("not a consistent read")
		}
	}
	c.asked = append(c.asked, n)
	return &dynamodb.BatchGetItemOutput{}, nil
}

// TestNewerLayout: what a newer build wrote is an internal error, wherever it
// is read.
func TestNewerLayout(t *testing.T) {
	newer := map[string]types.AttributeValue{"v": &types.AttributeValueMemberN{Value: fmt.Sprint(webhook.Layout + 1)}, "at": &types.AttributeValueMemberS{Value: "of another type"}}
	for i, err := range dynamo.Decode(newer) {
		if err == nil || !strings.Contains(err.Error(), "newer version of jobhook") {
			t.Errorf("kind %d: got %v, want the layout's error", i, err)
		}
	}
	store, tables := open(t, clock, nil)
	event := sampleEvent("job-1")
	stored, err := dynamo.Item(webhook.Change{Event: &event})
	if err != nil {
		t.Fatal(err)
	}
	stored["v"] = newer["v"]
	put(t, tables.Deliveries, stored)
	for name, read := range map[string]func() error{
		"Events":    func() error { _, err := store.Events(t.Context(), event.MessageID); return err },
		"JobEvents": func() error { _, err := store.JobEvents(t.Context(), account, event.Job.ID); return err },
		"Load":      func() error { _, err := store.Load(t.Context(), event.Key(endpointID)); return err },
	} {
		err := read()
		if err == nil || !strings.Contains(err.Error(), "deploy that version again") || errors.Is(err, webhook.ErrNotFound) {
			t.Errorf("%s: got %v, want the layout's error", name, err)
		}
	}
}

// TestForeignRecord: a record in an event's place that is not of its account,
// job and event id is not found.
func TestForeignRecord(t *testing.T) {
	store, tables := open(t, clock, nil)
	event := sampleEvent("job-1")
	stored, err := dynamo.Item(webhook.Change{Event: &event})
	if err != nil {
		t.Fatal(err)
	}
	stored["a"] = &types.AttributeValueMemberS{Value: "acct-2"}
	put(t, tables.Deliveries, stored)
	if found, err := store.Events(t.Context(), event.MessageID); err != nil || found[0] != nil {
		t.Errorf("Events: %+v, %v, want none", found[0], err)
	}
	if found, err := store.JobEvents(t.Context(), account, event.Job.ID); err != nil || len(found) != 0 {
		t.Errorf("JobEvents: %+v, %v, want none", found, err)
	}
	if found, err := store.Load(t.Context(), event.Key(endpointID)); err != nil || found[0].Event != nil {
		t.Errorf("Load: %+v, %v, want none", found[0].Event, err)
	}
}
