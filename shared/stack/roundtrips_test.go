package stack

import (
	"context"
	"fmt"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"os"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/secretsmanager"

	"github.com/jobhook/jobhook/internal/emulators"
	"github.com/jobhook/jobhook/shared/deliver"
	"github.com/jobhook/jobhook/shared/dynamo"
	"github.com/jobhook/jobhook/shared/payload"
	"github.com/jobhook/jobhook/shared/queue"
	"github.com/jobhook/jobhook/shared/settings"
	"github.com/jobhook/jobhook/shared/webhook"
)

func TestMain(m *testing.M) {
	code := m.Run()
	emulators.Stop()
	os.Exit(code)
}

// counted is a dispatcher over the emulators whose calls are counted.
type counted struct {
	*deliver.Dispatcher
	db, secrets *emulators.Calls
	store       *dynamo.Store
}

func newCounted(t *testing.T, endpoints int) *counted {
	t.Helper()
	ctx := t.Context()
	customer := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) {}))
	t.Cleanup(customer.Close)
	c := &counted{db: &emulators.Calls{}, secrets: &emulators.Calls{}}
	s := settings.Delivery{
		EndpointsTable: emulators.Name("Endpoints"), DeliveriesTable: emulators.Name("Deliveries"),
		SigningSecretID: emulators.Name("signing"), SealingKeyID: emulators.Name("sealing"),
		SendTimeout: 10 * time.Second, Concurrency: 32, EndpointCache: time.Minute, Retention: time.Hour, MaxResultBytes: 1 << 18,
		SecretCache: time.Minute, LocalAddresses: []netip.Prefix{netip.MustParsePrefix("127.0.0.1/32")},
	}
	db := dynamodb.NewFromConfig(emulators.Config(emulators.DynamoDB(t)))
	for _, table := range dynamo.Definitions(dynamo.Tables{Endpoints: s.EndpointsTable, Deliveries: s.DeliveriesTable}) {
		if _, err := db.CreateTable(ctx, table); err != nil {
			t.Fatal(err)
		}
	}
	manager := secretsmanager.NewFromConfig(emulators.Config(emulators.SecretsManager(t)))
	if _, err := manager.CreateSecret(ctx, &secretsmanager.CreateSecretInput{
		Name: &s.SigningSecretID, SecretString: aws.String("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"),
	}); err != nil {
		t.Fatal(err)
	}
	dbConfig, secretsConfig := emulators.Config(emulators.DynamoDB(t)), emulators.Config(emulators.SecretsManager(t))
	dbConfig.HTTPClient, secretsConfig.HTTPClient = c.db, c.secrets
	deps := assemble(dbConfig, s, "", slog.New(slog.DiscardHandler))
	deps.Secrets = assemble(secretsConfig, s, "", slog.New(slog.DiscardHandler)).Secrets
	c.store = dynamo.New(db, dynamo.Tables{Endpoints: s.EndpointsTable, Deliveries: s.DeliveriesTable}, time.Now)
	for i := range endpoints {
		now := time.Now().UTC()
		if err := c.store.InsertEndpoint(ctx, webhook.Endpoint{
			ID: fmt.Sprint("ep_", i), Account: "acme", URL: customer.URL, Events: []string{"*"}, Profile: payload.Standard,
			Enabled: true, CreatedAt: now, UpdatedAt: now, Rev: "r",
		}); err != nil {
			t.Fatal(err)
		}
	}
	c.Dispatcher = deliver.NewDispatcher(deps, s.Config())
	return c
}

func (c *counted) dispatch(t *testing.T, bodies ...string) {
	t.Helper()
	messages := make([]deliver.Message, len(bodies))
	for i, body := range bodies {
		messages[i] = deliver.Message{ID: emulators.Name("m"), Body: []byte(body)}
	}
	err := deliver.Each(messages, func(m deliver.Message) error { return c.Dispatch(context.Background(), m) })
	if err != nil {
		t.Fatal(err)
	}
}

func job(id string) string {
	return fmt.Sprintf(`{"id":%q,"status":"success","type":"translate","account":"acme"}`, id)
}

// A delivery that succeeds at once costs two round trips to DynamoDB, its
// claim and its outcome, and none to Secrets Manager when the cache is warm. A
// cold function reads the account's endpoints and the signing secret besides.
func TestRoundTripsOfADelivery(t *testing.T) {
	for name, c := range map[string]struct {
		endpoints, events int
		most              int // calls to DynamoDB
	}{
		"one event, one endpoint":    {1, 1, 2},
		"one event, five endpoints":  {5, 1, 6},
		"ten events, one endpoint":   {1, 10, 20},
		"ten events, four endpoints": {4, 10, 50},
	} {
		t.Run(name, func(t *testing.T) {
			f := newCounted(t, c.endpoints)
			f.dispatch(t, job("warm"))
			coldCalls, coldSecrets := f.db.Total(), f.secrets.Total()
			var bodies []string
			for i := range c.events {
				bodies = append(bodies, job(fmt.Sprint("e", i)))
			}
			f.dispatch(t, bodies...)
			calls, deliveries := f.db.Total()-coldCalls, c.events*c.endpoints
			t.Logf("%d deliveries: %d calls to DynamoDB, %d to Secrets Manager (cold: %d and %d)",
				deliveries, calls, f.secrets.Total()-coldSecrets, coldCalls, coldSecrets)
			if calls > c.most || calls > 2*deliveries {
				t.Errorf("%d deliveries took %d calls to DynamoDB, at most %d are allowed", deliveries, calls, c.most)
			}
			if more := f.secrets.Total() - coldSecrets; more != 0 {
				t.Errorf("%d calls to Secrets Manager though its cache is warm", more)
			}
			ev, found, err := f.store.LoadEvent(t.Context(), webhook.MessageID("acme", "translate.success/e0/success"))
			if err != nil || len(found) != c.endpoints || !ev.Finished(found) || found[0].Status != webhook.Delivered {
				t.Errorf("the first event has %d deliveries (%v)", len(found), err)
			}
		})
	}
}

// An event that the API has stored is claimed by one write too.
func TestRoundTripsOfAnAcceptedEvent(t *testing.T) {
	f := newCounted(t, 1)
	f.dispatch(t, job("warm"))
	now := time.Now().UTC()
	ev := webhook.Event{
		MessageID: webhook.MessageID("acme", "e"), EventID: "e", Type: "translate.success", Account: "acme",
		Job: payload.Job{ID: "e", Status: "success", Type: "translate"}, OccurredAt: now, AcceptedAt: now,
		ExpiresAt: now.Add(time.Hour), Hash: "h", Rev: "accepted",
	}
	if _, err := f.store.InsertEvent(t.Context(), ev); err != nil {
		t.Fatal(err)
	}
	before := f.db.Total()
	f.dispatch(t, string(queue.Encode(queue.Accepted{
		Form: queue.AcceptedForm, MessageID: ev.MessageID, Account: "acme", EventType: ev.Type, Rev: ev.Rev,
	})))
	if calls := f.db.Total() - before; calls != 2 {
		t.Errorf("it took %d calls to DynamoDB, want 2", calls)
	}
	if _, found, err := f.store.LoadEvent(t.Context(), ev.MessageID); err != nil || len(found) != 1 || found[0].Status != webhook.Delivered {
		t.Errorf("%d deliveries (%v)", len(found), err)
	}
}
