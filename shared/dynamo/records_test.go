package dynamo_test

import (
	"encoding/json"
	"errors"
	"maps"
	"math/rand/v2"
	"slices"
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

// put stores a record as something else than the store would.
func put(t *testing.T, table string, r record) {
	t.Helper()
	client := dynamodb.NewFromConfig(emulators.Config(emulators.DynamoDB(t)))
	if _, err := client.PutItem(t.Context(), &dynamodb.PutItemInput{TableName: aws.String(table), Item: r}); err != nil {
		t.Fatal(err)
	}
}

const unit = 1024 // bytes of a write unit

// lasting are a job's event and its delivery as long as they usually are:
// UUIDs, 26 random characters as Rev, a URL of 100 bytes.
func lasting(accountName string) (webhook.Event, webhook.Delivery) {
	e := sampleEvent("bf68dd27-6ce5-4a3d-a7f7-0e4e8ed6f6aa")
	e.Account, e.Rev = accountName, "Q2LTZJX4FYWGJ5DSAVB3H6KQNE"
	e.Type, e.Job.Type = "content_translate.success", "content_translate"
	e.EventID = webhook.DefaultEventID(e.Type, e.Job.ID, e.Job.Status)
	e.MessageID = webhook.MessageID(e.Account, e.Job.ID, e.EventID)
	e.OccurredAt = e.AcceptedAt.Add(-1234567891)
	e.Hash = strings.Repeat("h", 32)
	e.Lease.Message = "8d1b3c1e-5a0f-4a52-9f7c-1f7d1d0a7b11"
	d := sampleDelivery(e.Job.ID)
	d.DeliveryKey, d.EventID, d.Rev = e.Key(endpointID), e.EventID, e.Rev
	d.URL = "https://example.com/" + strings.Repeat("u", 80)
	d.BodyURL, d.Lease.Message, d.IncludeResult = d.URL, e.Lease.Message, true
	d.SignedBy = []string{"0123456789abcdef", "fedcba9876543210"}
	return e, d
}

// TestUsualRecordsFitOneWriteUnit: a write costs by the kilobyte begun.
func TestUsualRecordsFitOneWriteUnit(t *testing.T) {
	for _, accountName := range []string{"default", "bf68dd27-6ce5-4a3d-a7f7-0e4e8ed6f6aa"} {
		e, d := lasting(accountName)
		e.Result = json.RawMessage(`{"text":"` + prose(1000) + `"}`)
		fits(t, "an event with 1 KB of JSON", webhook.Change{Event: &e})
		fits(t, "a delivery that succeeds at once", webhook.Change{Delivery: &d})
		d.Attempts = nil
		for n, reason := range []webhook.Reason{webhook.ReasonTimeout, webhook.ReasonBadResponse, webhook.ReasonConnection, webhook.ReasonHTTPStatus} {
			for i := range d.Attempts {
				d.Attempts[i].Response = ""
			}
			d.Attempts = append(d.Attempts, webhook.Attempt{
				Number: n + 1, At: created.Add(time.Duration(n) * time.Minute), Duration: 9999 * time.Millisecond,
				StatusCode: 503, Reason: reason, Response: strings.Repeat("r", webhook.MaxRefusedResponse),
			})
			d.Status, d.NextAttemptAt, d.Lease.Until = webhook.Retrying, created.Add(time.Hour), created.Add(time.Minute)
			fits(t, "a delivery that failed "+string(rune('1'+n))+" times", webhook.Change{Delivery: &d})
		}
		d.Status, d.NextAttemptAt, d.Lease.Until, d.SettledAt = webhook.Failed, time.Time{}, time.Time{}, created
		fits(t, "a delivery that failed for good", webhook.Change{Delivery: &d})
	}
}

// fits counts absent attributes too: a replacement leaves NULL in their place.
func fits(t *testing.T, what string, c webhook.Change) {
	t.Helper()
	item, err := dynamo.Item(c)
	if err != nil {
		t.Fatal(err)
	}
	size := dynamo.SizeOf(item)
	if c.Delivery != nil {
		for _, name := range []string{"rs", "n", "bu", "sb", "lm", "lu", "ir"} {
			if _, ok := item[name]; !ok {
				size += len(name) + 1
			}
		}
		if _, ok := item["rec"]; !ok { // it may have been failed before
			size += len("rec") + len(c.Delivery.Account) + len("#15")
		}
	}
	t.Logf("%s: %d bytes", what, size)
	if size > unit {
		t.Errorf("%s has %d bytes, want at most %d", what, size, unit)
	}
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

// TestNothingDerivableIsStored lists what the usual records have.
func TestNothingDerivableIsStored(t *testing.T) {
	e, d := lasting(account)
	e.OccurredAt = e.AcceptedAt
	for _, c := range []struct {
		name   string
		change webhook.Change
		want   string
	}{
		{"event", webhook.Change{Event: &e}, "a c h j js jt lm lu pk r rev sk tg v x"},
		{"delivery", webhook.Change{Delivery: &d}, "at e ir lm p pk rev sb sk st u v x"},
	} {
		item, err := dynamo.Item(c.change)
		if err != nil {
			t.Fatal(err)
		}
		if got := names(item); got != c.want {
			t.Errorf("%s has %s, want %s", c.name, got, c.want)
		}
	}
}

// TestSizeIsDynamoDBs: the largest record that the store lets pass is one that
// DynamoDB accepts, and one that is hardly larger it refuses.
func TestSizeIsDynamoDBs(t *testing.T) {
	const slack = 16 // DynamoDB calls its own rule for numbers approximate
	store, tables := open(t, clock, nil)
	d := sampleDelivery("job-1")
	d.BodyURL = "x"
	item, err := dynamo.Item(webhook.Change{Delivery: &d})
	if err != nil {
		t.Fatal(err)
	}
	d.BodyURL = strings.Repeat("x", dynamo.MaxItem-dynamo.SizeOf(item)+1)
	if err := store.Write(t.Context(), webhook.Change{Delivery: &d})[0]; err != nil {
		t.Errorf("a record of exactly %d bytes: %v", dynamo.MaxItem, err)
	}
	d.BodyURL += "x"
	err = store.Write(t.Context(), webhook.Change{Delivery: &d})[0]
	var tooLarge *dynamo.TooLargeError
	if !errors.As(err, &tooLarge) || tooLarge.Size != dynamo.MaxItem+1 || !errors.Is(err, webhook.ErrTooLarge) {
		t.Errorf("a record of one byte more: %v", err)
	}
	item["bu"] = &types.AttributeValueMemberS{Value: d.BodyURL + strings.Repeat("x", slack)}
	client := dynamodb.NewFromConfig(emulators.Config(emulators.DynamoDB(t)))
	if _, err := client.PutItem(t.Context(), &dynamodb.PutItemInput{TableName: aws.String(tables.Deliveries), Item: item}); err == nil {
		t.Errorf("DynamoDB accepts %d bytes", dynamo.SizeOf(item))
	}
}

// FuzzDecode: a record that something else wrote is an error or a record, never
// a panic.
func FuzzDecode(f *testing.F) {
	f.Add("pk", byte(0), "acct#ep#0", "1")
	f.Add("at", byte(3), "x", "2")
	f.Add("r", byte(2), "\x1f\x8b", "0")
	f.Add("o", byte(0), "yesterday", "-1")
	f.Add("secrets", byte(4), "x", "9")
	f.Fuzz(func(t *testing.T, name string, kind byte, value, number string) {
		for _, c := range []string{"event", "delivery"} {
			e, d := sampleEvent("job-1"), sampleDelivery("job-1")
			change := webhook.Change{Event: &e}
			if c == "delivery" {
				change = webhook.Change{Delivery: &d}
			}
			item, err := dynamo.Item(change)
			if err != nil {
				t.Fatal(err)
			}
			n := &types.AttributeValueMemberN{Value: number}
			item[name] = []types.AttributeValue{
				&types.AttributeValueMemberS{Value: value}, n, &types.AttributeValueMemberB{Value: []byte(value)},
				&types.AttributeValueMemberL{Value: []types.AttributeValue{&types.AttributeValueMemberL{Value: []types.AttributeValue{n, n, n, n}}}},
				&types.AttributeValueMemberM{Value: record{value: n}}, &types.AttributeValueMemberNULL{Value: true},
				&types.AttributeValueMemberBOOL{Value: true},
			}[kind%7]
			dynamo.Decode(item)
		}
	})
}

func names(r record) string { return strings.Join(slices.Sorted(maps.Keys(r)), " ") }
