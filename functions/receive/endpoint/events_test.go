package endpoint_test

import (
	"bytes"
	"encoding/json"
	"flag"
	"os"
	"testing"
	"time"

	"github.com/aws/aws-lambda-go/events"
)

var update = flag.Bool("update", false, "write events/inbox-consumer.json anew")

// The events in events/ are for this configuration (docs/receiving.md).
const sampleSources = `{"sources":{
	"github":{"scheme":"github","secrets":["It's a Secret to Everybody"]},
	"sharpapi":{"scheme":"sharpapi","secrets":["It's a Secret to Everybody"]}}}`

var sampleTime = time.Date(2026, 11, 20, 12, 0, 0, 0, time.UTC)

func TestSampleEvents(t *testing.T) {
	for name, want := range map[string]int{
		"receive-github": 200, "receive-sharpapi": 200, "receive-tampered": 401, "receive-unsigned": 400, "receive-unknown": 404,
	} {
		raw, err := os.ReadFile("../../../events/" + name + ".json")
		if err != nil {
			t.Fatal(err)
		}
		var event events.LambdaFunctionURLRequest
		if err := json.Unmarshal(raw, &event); err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		function, q := receive(sampleSources, func() time.Time { return sampleTime })
		got, err := function.Handle(t.Context(), event)
		if err != nil || got.StatusCode != want {
			t.Errorf("%s: %d %s, %v; want %d", name, got.StatusCode, got.Body, err, want)
		}
		if name == "receive-github" {
			checkConsumer(t, q)
		}
	}
}

// checkConsumer: the consumer's sample is what comes of receive's sample.
func checkConsumer(t *testing.T, q *inbox) {
	t.Helper()
	m := q.messages[0]
	want, err := json.MarshalIndent(map[string]any{"Records": []map[string]any{{
		"messageId": "059f36b4-87a3-44ab-83d2-661975830a7d", "receiptHandle": "AQEBwJnKyrHigUMZj6rYigCgxlaS3SLy0a",
		"body": string(m.Body),
		"attributes": map[string]string{
			"ApproximateReceiveCount": "1", "SentTimestamp": "1795176000000", "SenderId": "AIDAIENQZJOLO23YVJ4VO",
			"ApproximateFirstReceiveTimestamp": "1795176000001", "MessageGroupId": m.Source,
		},
		"messageAttributes": map[string]any{
			"source": map[string]string{"stringValue": m.Source, "dataType": "String"},
			"id":     map[string]string{"stringValue": m.ID, "dataType": "String"},
		},
		"eventSource": "aws:sqs", "eventSourceARN": "arn:aws:sqs:us-east-1:123456789012:inbox", "awsRegion": "us-east-1",
	}}}, "", "  ")
	if err != nil {
		t.Fatal(err)
	}
	const path = "../../../events/inbox-consumer.json"
	want = append(want, '\n')
	if *update {
		if err := os.WriteFile(path, want, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	if got, err := os.ReadFile(path); err != nil || !bytes.Equal(got, want) {
		t.Errorf("%s is not what receive makes of receive-github.json (%v): go test ./functions/receive/endpoint -update", path, err)
	}
}
