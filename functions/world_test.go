// Package functions_test runs the real binaries of dispatch and retry, over
// the Lambda Runtime API, against emulators that speak AWS's protocols.
package functions_test

import (
	"context"
	"crypto/rand"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"sync"
	"testing"
	"time"

	"github.com/aws/aws-lambda-go/events"
	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/secretsmanager"
	"github.com/aws/aws-sdk-go-v2/service/sqs"
	"github.com/aws/aws-sdk-go-v2/service/sqs/types"

	"github.com/jobhook/jobhook/internal/emulators"
	"github.com/jobhook/jobhook/internal/runtimeapi"
	"github.com/jobhook/jobhook/shared/dynamo"
	"github.com/jobhook/jobhook/shared/secrets"
	manager "github.com/jobhook/jobhook/shared/secretsmanager"
	"github.com/jobhook/jobhook/shared/signing"
	"github.com/jobhook/jobhook/shared/webhook"
)

const (
	signingSecret = `{"prefix":"whsec_","key":"AbCdEfGhIjKlMnOpQrStUvWxYz012345"}` // as the template generates it
	endpointText  = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"                       // of every endpoint
	jobText       = "whsec_YKj6/mXox82RkCkSJMq8Q6h1eCs8V+C4licfLUwGJIc="           // derived from sealingKey for acme, see secrets.Ring
	sealingKey    = "0123456789abcdefghijklmnopqrstuv"
	root          = "github.com/jobhook/jobhook/functions/"
)

func TestMain(m *testing.M) {
	code := m.Run()
	emulators.Stop()
	os.Exit(code)
}

// stack is what template.yaml makes, in emulators.
type stack struct {
	t                                    *testing.T
	sqs                                  *sqs.Client
	store                                *dynamo.Store
	ring                                 *secrets.Ring
	completions, retries, slow, rejected string // queue URLs
	dispatch, retry                      *runtimeapi.Function
}

func newStack(t *testing.T, environment ...string) *stack {
	t.Helper()
	db := dynamodb.NewFromConfig(emulators.Config(emulators.DynamoDB(t)))
	tables := dynamo.Tables{Endpoints: emulators.Name("Endpoints"), Deliveries: emulators.Name("Deliveries")}
	for _, table := range dynamo.Definitions(tables) {
		if _, err := db.CreateTable(t.Context(), table); err != nil {
			t.Fatal(err)
		}
	}
	s := &stack{t: t, sqs: sqs.NewFromConfig(emulators.Config(emulators.SQS(t))), store: dynamo.New(db, tables, time.Now)}
	for queue, name := range map[*string]string{&s.completions: "completions", &s.retries: "retries", &s.slow: "slow", &s.rejected: "rejected"} {
		made, err := s.sqs.CreateQueue(t.Context(), &sqs.CreateQueueInput{
			QueueName: aws.String(emulators.Name(name)), Attributes: map[string]string{"VisibilityTimeout": "360"},
		})
		if err != nil {
			t.Fatal(err)
		}
		*queue = aws.ToString(made.QueueUrl)
	}
	signer, sealer := secret(t, "signing", signingSecret), secret(t, "sealing", sealingKey)
	source := manager.New(secretsmanager.NewFromConfig(emulators.Config(emulators.SecretsManager(t))), manager.Options{})
	s.ring = secrets.NewRing(source, secrets.Names{Signing: signer, Sealing: sealer})
	env := append(emulators.Environment(emulators.DynamoDB(t), emulators.SQS(t), emulators.SecretsManager(t)),
		"ENDPOINTS_TABLE="+tables.Endpoints, "DELIVERIES_TABLE="+tables.Deliveries,
		"COMPLETIONS_QUEUE_URL="+s.completions, "RETRY_QUEUE_URL="+s.retries, "SLOW_QUEUE_URL="+s.slow, "REJECTED_QUEUE_URL="+s.rejected,
		"SIGNING_SECRET_ID="+signer, "SEALING_KEY_ID="+sealer,
		"SCHEDULE=1s,1s,1s", "AWS_SAM_LOCAL=true", "LOCAL_ADDRESSES=127.0.0.1/32")
	env = append(env, environment...)
	s.dispatch = runtimeapi.New(t, runtimeapi.Options{Bootstrap: runtimeapi.Build(t, root+"dispatch"), Env: env, Name: "dispatch", Timeout: time.Minute})
	s.retry = runtimeapi.New(t, runtimeapi.Options{Bootstrap: runtimeapi.Build(t, root+"retry"), Env: env, Name: "retry", Timeout: time.Minute})
	return s
}

func secret(t *testing.T, name, value string) string {
	t.Helper()
	client := secretsmanager.NewFromConfig(emulators.Config(emulators.SecretsManager(t)))
	made, err := client.CreateSecret(t.Context(), &secretsmanager.CreateSecretInput{
		Name: aws.String(emulators.Name(name)), SecretString: aws.String(value),
	})
	if err != nil {
		t.Fatal(err)
	}
	return aws.ToString(made.ARN)
}

func (s *stack) endpoint(id, url string) {
	s.t.Helper()
	now := time.Now().UTC()
	sealed, err := s.ring.Seal(s.t.Context(), rand.Reader, "acme", id, endpointText, now)
	if err == nil {
		err = s.store.InsertEndpoint(s.t.Context(), webhook.Endpoint{
			ID: id, Account: "acme", URL: url, Events: []string{"*"}, Profile: webhook.Standard, Secrets: []webhook.SealedSecret{sealed},
			IncludeResult: true, Enabled: true, CreatedAt: now, UpdatedAt: now, Rev: "made",
		})
	}
	if err != nil {
		s.t.Fatal(err)
	}
}

func (s *stack) send(queue string, bodies ...string) {
	s.t.Helper()
	for _, body := range bodies {
		if _, err := s.sqs.SendMessage(s.t.Context(), &sqs.SendMessageInput{QueueUrl: aws.String(queue), MessageBody: aws.String(body)}); err != nil {
			s.t.Fatal(err)
		}
	}
}

// receive waits until the queue gives something out.
func (s *stack) receive(queue string) []types.Message {
	s.t.Helper()
	got, err := s.sqs.ReceiveMessage(s.t.Context(), &sqs.ReceiveMessageInput{
		QueueUrl: aws.String(queue), MaxNumberOfMessages: 10, WaitTimeSeconds: 10, MessageAttributeNames: []string{"All"},
		MessageSystemAttributeNames: []types.MessageSystemAttributeName{types.MessageSystemAttributeNameAll},
	})
	if err != nil {
		s.t.Fatal(err)
	}
	return got.Messages
}

// pump does one round of an event source mapping: receive, invoke, delete what
// the function did not give back. It returns how many messages there were and
// how many came back.
func (s *stack) pump(queue string, f *runtimeapi.Function) (taken, returned int) {
	s.t.Helper()
	messages := s.receive(queue)
	if len(messages) == 0 {
		return 0, 0
	}
	answer, err := f.Invoke(s.t.Context(), event(s.t, messages))
	if err != nil {
		s.t.Fatal(err)
	}
	return len(messages), s.settle(queue, messages, answer)
}

func (s *stack) settle(queue string, messages []types.Message, answer []byte) (returned int) {
	s.t.Helper()
	var response events.SQSEventResponse
	if err := json.Unmarshal(answer, &response); err != nil {
		s.t.Fatal(err)
	}
	kept := map[string]bool{}
	for _, f := range response.BatchItemFailures {
		kept[f.ItemIdentifier] = true
	}
	for _, m := range messages {
		if kept[aws.ToString(m.MessageId)] {
			continue
		}
		if _, err := s.sqs.DeleteMessage(s.t.Context(), &sqs.DeleteMessageInput{QueueUrl: aws.String(queue), ReceiptHandle: m.ReceiptHandle}); err != nil {
			s.t.Fatal(err)
		}
	}
	return len(kept)
}

func event(t *testing.T, messages []types.Message) []byte {
	t.Helper()
	var e events.SQSEvent
	for _, m := range messages {
		e.Records = append(e.Records, events.SQSMessage{
			MessageId: aws.ToString(m.MessageId), ReceiptHandle: aws.ToString(m.ReceiptHandle),
			Body: aws.ToString(m.Body), Attributes: m.Attributes, EventSource: "aws:sqs",
		})
	}
	encoded, err := json.Marshal(e)
	if err != nil {
		t.Fatal(err)
	}
	return encoded
}

// customer is an endpoint that verifies, and refuses the first so many posts.
type customer struct {
	*httptest.Server
	mu       sync.Mutex
	failures int
	secret   string
	posts    []string // webhook-ids, in order
	bodies   []string
	faults   []error
	arrived  func() // called within each post
}

func newCustomer(t *testing.T, failures int) *customer {
	t.Helper()
	c := &customer{failures: failures, secret: endpointText}
	c.Server = httptest.NewServer(c)
	t.Cleanup(c.Close)
	return c
}

func (c *customer) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(r.Body)
	if err == nil {
		err = verify(r.Header, body, c.secret)
	}
	c.mu.Lock()
	c.posts, c.bodies = append(c.posts, r.Header.Get("Webhook-Id")), append(c.bodies, string(body))
	if err != nil {
		c.faults = append(c.faults, err)
	}
	failed, arrived := len(c.posts) <= c.failures, c.arrived
	c.mu.Unlock()
	if arrived != nil {
		arrived()
	}
	if failed {
		w.WriteHeader(http.StatusServiceUnavailable)
	}
}

func verify(header http.Header, body []byte, secret string) error {
	scheme, err := signing.Lookup("standard")
	if err != nil {
		return err
	}
	key, err := signing.ParseSecret(secret)
	if err != nil {
		return err
	}
	_, err = signing.Verify(scheme, []signing.Secret{key}, header, body, time.Now(), 0)
	return err
}

// got returns the ids posted so far, after checking that all verified and that
// all attempts carried the same bytes.
func (c *customer) got(t *testing.T) []string {
	t.Helper()
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, err := range c.faults {
		t.Errorf("the customer refused a signature: %v", err)
	}
	return append([]string(nil), c.posts...)
}

func completion(id string) string {
	return fmt.Sprintf(`{"version":"0","id":"x","detail-type":"Job Completed","source":"acme.jobs","time":"2026-11-20T11:59:00Z",
		"detail":{"id":%q,"status":"success","type":"translate","account":"acme","result":{"text":"Guten Morgen"}}}`, id)
}

func messageID(id string) string {
	return webhook.MessageID("acme", id, webhook.DefaultEventID("translate.success", id, "success"))
}

func (s *stack) load(id string) (webhook.Event, []webhook.Delivery) {
	s.t.Helper()
	events, err := s.store.Events(context.Background(), messageID(id))
	if err != nil || events[0] == nil {
		s.t.Fatal("no event of job ", id, err)
	}
	found, err := s.store.Deliveries(context.Background(), events[0].Keys()...)
	if err != nil {
		s.t.Fatal(err)
	}
	var deliveries []webhook.Delivery
	for _, d := range found {
		if d == nil {
			s.t.Fatal("a delivery has no record of job ", id)
		}
		deliveries = append(deliveries, *d)
	}
	return *events[0], deliveries
}
