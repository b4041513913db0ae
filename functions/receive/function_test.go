package main

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-lambda-go/events"
	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/secretsmanager"
	"github.com/aws/aws-sdk-go-v2/service/sqs"
	"github.com/aws/aws-sdk-go-v2/service/sqs/types"

	"github.com/jobhook/jobhook/functions/receive/endpoint"
	"github.com/jobhook/jobhook/internal/emulators"
	"github.com/jobhook/jobhook/internal/runtimeapi"
	"github.com/jobhook/jobhook/shared/dynamo"
	"github.com/jobhook/jobhook/shared/receiving"
	"github.com/jobhook/jobhook/shared/telemetry"
)

const sources = `{"sources":{"gh":{"scheme":"github","secrets":["It's a Secret to Everybody"]}}}`

// stack is what the function needs of AWS, in emulators.
type stack struct {
	table, queue, secret string
	sqs                  *sqs.Client
	secrets              *secretsmanager.Client
}

func newStack(t *testing.T, queueAttributes map[string]string) stack {
	t.Helper()
	s := stack{
		table:   emulators.Name("Receipts"),
		sqs:     sqs.NewFromConfig(emulators.Config(emulators.SQS(t))),
		secrets: secretsmanager.NewFromConfig(emulators.Config(emulators.SecretsManager(t))),
	}
	db := dynamodb.NewFromConfig(emulators.Config(emulators.DynamoDB(t)))
	if _, err := db.CreateTable(t.Context(), dynamo.ReceiptsDefinition(s.table)); err != nil {
		t.Fatal(err)
	}
	name := emulators.Name("inbox")
	if queueAttributes != nil {
		name += ".fifo"
	}
	queue, err := s.sqs.CreateQueue(t.Context(), &sqs.CreateQueueInput{QueueName: aws.String(name), Attributes: queueAttributes})
	if err != nil {
		t.Fatal(err)
	}
	s.queue = aws.ToString(queue.QueueUrl)
	secret, err := s.secrets.CreateSecret(t.Context(), &secretsmanager.CreateSecretInput{
		Name: aws.String(emulators.Name("sources")), SecretString: aws.String(sources),
	})
	if err != nil {
		t.Fatal(err)
	}
	s.secret = aws.ToString(secret.ARN)
	return s
}

func (s stack) received(t *testing.T) []types.Message {
	t.Helper()
	got, err := s.sqs.ReceiveMessage(t.Context(), &sqs.ReceiveMessageInput{
		QueueUrl: aws.String(s.queue), MaxNumberOfMessages: 10, MessageAttributeNames: []string{"All"},
		MessageSystemAttributeNames: []types.MessageSystemAttributeName{types.MessageSystemAttributeNameAll},
		AttributeNames:              []types.QueueAttributeName{types.QueueAttributeNameAll}, //nolint:staticcheck // the emulator asks for both
	})
	if err != nil {
		t.Fatal(err)
	}
	return got.Messages
}

func hello(id string) events.LambdaFunctionURLRequest {
	e := events.LambdaFunctionURLRequest{
		Version: "2.0", RawPath: "/gh", Body: "Hello, World!",
		Headers: map[string]string{
			"x-hub-signature-256": "sha256=757107ea0eb2509fc211221cce984b8a37570b6d7586c22c46f4379c8b043e17",
			"x-github-delivery":   id, "x-github-event": "push", "content-type": "text/plain",
		},
	}
	e.RequestContext.HTTP.Method, e.RequestContext.HTTP.SourceIP = "POST", "198.51.100.7"
	return e
}

// The binary that Lambda runs, over a DynamoDB, an SQS and a Secrets Manager.
func TestBootstrapReceives(t *testing.T) {
	s := newStack(t, nil)
	function := runtimeapi.New(t, runtimeapi.Options{
		Bootstrap: runtimeapi.Build(t, "github.com/jobhook/jobhook/functions/receive"), Name: "receive", Timeout: 20 * time.Second,
		Env: append(emulators.Environment(emulators.DynamoDB(t), emulators.SQS(t), emulators.SecretsManager(t)),
			"SOURCES_SECRET_ID="+s.secret, "RECEIPTS_TABLE="+s.table, "INBOX_QUEUE_URL="+s.queue),
	})
	invoke := func(e events.LambdaFunctionURLRequest) events.LambdaFunctionURLResponse {
		t.Helper()
		payload, err := json.Marshal(e)
		if err != nil {
			t.Fatal(err)
		}
		answer, err := function.Invoke(t.Context(), payload)
		if err != nil {
			t.Fatal(err)
		}
		var r events.LambdaFunctionURLResponse
		if err := json.Unmarshal(answer, &r); err != nil {
			t.Fatal(err)
		}
		return r
	}
	tampered := hello("guid-0")
	tampered.Body += "?"
	for _, step := range []struct {
		name  string
		event events.LambdaFunctionURLRequest
		want  string
	}{
		{"tampered", tampered, `401 {"error":"not verified"}`},
		{"the first", hello("guid-1"), `200 {"duplicate":false}`},
		{"again", hello("guid-1"), `200 {"duplicate":true}`},
		{"another", hello("guid-2"), `200 {"duplicate":false}`},
	} {
		r := invoke(step.event)
		if got := fmt.Sprint(r.StatusCode, " ", r.Body); got != step.want {
			t.Errorf("%s: %s, want %s", step.name, got, step.want)
		}
	}
	function.Crash() // what is done must outlive the process
	if r := invoke(hello("guid-2")); r.Body != `{"duplicate":true}` {
		t.Errorf("after a crash: %s", r.Body)
	}
	messages := s.received(t)
	if len(messages) != 2 {
		t.Fatalf("%d messages, want two", len(messages))
	}
	for _, m := range messages {
		var e receiving.Envelope
		if err := json.Unmarshal([]byte(aws.ToString(m.Body)), &e); err != nil || *e.Body != "Hello, World!" || e.Headers["x-github-event"] != "push" {
			t.Errorf("%s: %v", aws.ToString(m.Body), err)
		}
		if aws.ToString(m.MessageAttributes["source"].StringValue) != "gh" || aws.ToString(m.MessageAttributes["id"].StringValue) != e.ID ||
			m.Attributes["MessageGroupId"] != "gh" {
			t.Errorf("attributes %v, system attributes %v", m.MessageAttributes, m.Attributes)
		}
	}
}

// At most two DynamoDB calls and one SQS call for each accepted webhook.
func TestCallsPerWebhook(t *testing.T) {
	s := newStack(t, nil)
	db, queue, secret := new(emulators.Calls), new(emulators.Calls), new(emulators.Calls)
	config := func(endpoint string, calls *emulators.Calls) aws.Config {
		c := emulators.Config(endpoint)
		c.HTTPClient = calls
		return c
	}
	log := telemetry.Logger(t.Output(), 0, "receive")
	n := 0
	function := endpoint.Endpoint{Receiver: &receiving.Receiver{Deps: receiving.Deps{
		Sources: receiving.NewCache(sourcesSecret{secretsmanager.NewFromConfig(config(emulators.SecretsManager(t), secret)), s.secret},
			time.Minute, time.Now, log),
		Receipts: dynamo.NewReceipts(dynamodb.NewFromConfig(config(emulators.DynamoDB(t), db)), s.table),
		Inbox:    inboxQueue{sqs.NewFromConfig(config(emulators.SQS(t), queue)), s.queue},
		Log:      log, Now: time.Now, Token: func() string { n++; return fmt.Sprint("owner", n) },
	}}}
	const webhooks = 5
	for i := range webhooks {
		if r, err := function.Handle(t.Context(), hello(fmt.Sprint("guid-", i))); err != nil || r.StatusCode != 200 {
			t.Fatal(r, err)
		}
	}
	if db.Total() != 2*webhooks || queue.Total() != webhooks || secret.Total() != 1 {
		t.Errorf("%d webhooks: %d DynamoDB, %d SQS, %d Secrets Manager calls; want 2 and 1 for each, and 1 in all",
			webhooks, db.Total(), queue.Total(), secret.Total())
	}
	if r, _ := function.Handle(t.Context(), hello("guid-0")); r.StatusCode != 200 || db.Total() != 2*webhooks+1 || queue.Total() != webhooks {
		t.Errorf("a duplicate: %d, %d DynamoDB, %d SQS calls; want one call", r.StatusCode, db.Total(), queue.Total())
	}
	refused := hello("guid-9")
	refused.Body = "x"
	if r, _ := function.Handle(t.Context(), refused); r.StatusCode != 401 || db.Total() != 2*webhooks+1 {
		t.Errorf("a refusal: %d, %d calls; want none", r.StatusCode, db.Total())
	}
}

// On a FIFO inbox even a send whose answer was lost queues once.
func TestAFIFOInboxDropsWhatComesTwice(t *testing.T) {
	s := newStack(t, map[string]string{"FifoQueue": "true"})
	q := inboxQueue{s.sqs, s.queue}
	m := receiving.Message{Source: "gh", ID: "guid", DedupID: strings.Repeat("a", 64), Body: []byte("{}")}
	for range 2 {
		if err := q.Send(t.Context(), m); err != nil {
			t.Fatal(err)
		}
	}
	if got := s.received(t); len(got) != 1 {
		t.Errorf("%d messages, want one", len(got))
	}
}

func TestSettingsReportAllFaultsTogether(t *testing.T) {
	for _, name := range []string{"SOURCES_SECRET_ID", "RECEIPTS_TABLE", "INBOX_QUEUE_URL"} {
		t.Setenv(name, "")
	}
	_, err := load()
	for _, want := range []string{"SOURCES_SECRET_ID", "RECEIPTS_TABLE", "INBOX_QUEUE_URL"} {
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%v names no %s", err, want)
		}
		t.Setenv(want, "x")
	}
	t.Setenv("MAX_BODY_BYTES", "2000000")
	t.Setenv("SECRET_CACHE", "0s")
	if _, err := load(); err == nil || !strings.Contains(err.Error(), "MAX_BODY_BYTES is 2000000") || !strings.Contains(err.Error(), "SECRET_CACHE is 0s") {
		t.Errorf("got %v", err)
	}
	t.Setenv("MAX_BODY_BYTES", "1024")
	t.Setenv("SECRET_CACHE", "1m")
	if s, err := load(); err != nil || s.MaxBodyBytes != 1024 || s.SecretCache != time.Minute {
		t.Errorf("got %+v, %v", s, err)
	}
}
