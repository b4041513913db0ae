//go:build rehearse

package rehearse_test

import (
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/secretsmanager"
	"github.com/aws/aws-sdk-go-v2/service/sqs"
	"github.com/aws/aws-sdk-go-v2/service/sqs/types"

	"github.com/jobhook/jobhook/internal/emulators"
	"github.com/jobhook/jobhook/internal/rehearse"
	"github.com/jobhook/jobhook/shared/deliver"
	"github.com/jobhook/jobhook/shared/dynamo"
	"github.com/jobhook/jobhook/shared/intake"
	"github.com/jobhook/jobhook/shared/secrets"
	manager "github.com/jobhook/jobhook/shared/secretsmanager"
	"github.com/jobhook/jobhook/shared/signing"
	"github.com/jobhook/jobhook/shared/sqsqueue"
	"github.com/jobhook/jobhook/shared/webhook"
)

// patience bounds each wait for something that must happen: seconds when nothing
// else runs, more on a loaded machine. A mutant gets less, for there it is the
// common end of a wait.
const patience, mutantPatience = 40 * time.Second, 12 * time.Second

// parameters make the rehearsed stack quick, and all of its resources there.
func parameters(bus string) map[string]string {
	return map[string]string{
		"Schedule": "1s,1s", "SendTimeoutSeconds": "2", "RetryAfterMax": "1s", "Receive": "enabled",
		"CreateEventBus": "true", "EventBusName": bus, "AlarmEmail": "ops@example.com",
		"BatchJobs": "enabled", "TranscribeJobs": "enabled", "SageMakerJobs": "enabled", "BedrockJobs": "enabled",
		"TranslateJobs": "enabled", "StepFunctionsJobs": "enabled", "MediaConvertJobs": "enabled",
	}
}

// play is a deployed stack with those who use it.
type play struct {
	testing.TB
	cloud    *rehearse.Cloud
	stack    *rehearse.Stack
	bus      string
	store    *dynamo.Store
	ring     *secrets.Ring
	customer *receiver
}

func deploy(t testing.TB, source rehearse.Source) *play {
	t.Helper()
	bus := emulators.Name("bus")
	return deployWith(t, source, bus, parameters(bus))
}

func deployWith(t testing.TB, source rehearse.Source, bus string, given map[string]string) *play {
	t.Helper()
	p := &play{TB: t, cloud: rehearse.NewCloud(t), bus: bus, customer: newReceiver(t)}
	if err := rehearse.CheckSettings(source.Directory, nil); err != nil {
		t.Fatalf("without any setting: %v", err)
	}
	var err error
	if p.stack, err = p.cloud.Deploy(t.Context(), source, given); err != nil {
		t.Fatal(err)
	}
	p.store = dynamo.New(p.cloud.DynamoDB, dynamo.Tables{
		Endpoints: p.stack.Physical("EndpointsTable"), Deliveries: p.stack.Physical("DeliveriesTable"),
	}, time.Now)
	p.ring = secrets.NewRing(manager.New(p.cloud.Secrets, manager.Options{}), secrets.Names{
		Signing: p.stack.Physical("SigningSecret"), Sealing: p.stack.Physical("SealingKey"),
	})
	return p
}

// put sends a completion over the bus, as one message of its account's group, and
// returns the event that it must become. An empty account is named in none.
func (p *play) put(account, job, path string) webhook.Event {
	p.Helper()
	detail := map[string]any{"id": job, "status": "success", "type": "fine_tune", "account": account}
	if path != "" {
		detail["callback_url"] = p.customer.URL + path
	}
	event := rehearse.Completion("event-"+job, detail)
	if account == "" {
		delete(detail, "account")
		account = webhook.DefaultAccount
	}
	if groups, err := p.cloud.PutEvent(p.Context(), p.bus, event); err != nil || !slices.Equal(groups, []string{account}) {
		p.Fatalf("the completion %s of %s went to targets with the groups %q: %v", job, account, groups, err)
	}
	text, err := json.Marshal(event)
	if err != nil {
		p.Fatal(err)
	}
	return p.parse(text)
}

func (p *play) parse(body []byte) webhook.Event {
	p.Helper()
	parsed, err := intake.Parse(body, "", time.Now(), intake.Rules{Retention: time.Hour * 24 * 30})
	if err != nil {
		p.Fatal(err)
	}
	return parsed.Event
}

// accept stores an event and tells dispatch of it, as the API does.
func (p *play) accept(account, job, path string) webhook.Event {
	p.Helper()
	text, err := json.Marshal(map[string]any{
		"id": job, "status": "success", "type": "fine_tune", "account": account, "callback_url": p.customer.URL + path,
	})
	if err != nil {
		p.Fatal(err)
	}
	e := p.parse(text)
	completions := sqsqueue.New(p.cloud.SQS, p.stack.Physical("CompletionsQueue"))
	publisher := deliver.Publisher{
		Acceptor: deliver.InSteps{Store: p.store, Completions: completions}, Store: p.store, Completions: completions, Token: rand.Text,
	}
	if _, err := publisher.Publish(p.Context(), e); err != nil {
		p.Fatal(err)
	}
	return e
}

// register adds an endpoint that wants everything, with a sealed secret unless it has another.
func (p *play) register(account, id, path string, secret webhook.SealedSecret) {
	p.Helper()
	now := time.Now().UTC().Truncate(time.Millisecond)
	e := webhook.Endpoint{
		ID: id, Account: account, URL: p.customer.URL + path, Events: []string{"*"}, Profile: webhook.Standard, IncludeResult: true,
		Enabled: true, CreatedAt: now, UpdatedAt: now, Rev: rand.Text(),
	}
	if secret == (webhook.SealedSecret{}) {
		secret, _ = p.sealed(account, id)
	}
	e.Secrets = []webhook.SealedSecret{secret}
	if err := p.store.InsertEndpoint(p.Context(), e); err != nil {
		p.Fatal(err)
	}
}

// sealed seals a new secret with the stack's sealing key.
func (p *play) sealed(account, endpoint string) (webhook.SealedSecret, string) {
	p.Helper()
	text := newSecret()
	sealed, err := p.ring.Seal(p.Context(), rand.Reader, account, endpoint, text, time.Now())
	if err != nil {
		p.Fatal(err)
	}
	return sealed, text
}

// named makes a Secrets Manager secret that an endpoint may name.
func (p *play) named(name string) (webhook.SealedSecret, string) {
	p.Helper()
	full, text := emulators.Name(p.stack.Parameter("EndpointSecretPrefix")+name), newSecret()
	made, err := p.cloud.Secrets.CreateSecret(p.Context(), &secretsmanager.CreateSecretInput{Name: aws.String(full), SecretString: aws.String(text)})
	if err != nil {
		p.Fatal(err)
	}
	p.cloud.Gate.AddSecret(full, *made.ARN)
	return webhook.SealedSecret{Ref: full}, text
}

func newSecret() string { return "whsec_" + "MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw" }

func (p *play) secret(id string) string {
	p.Helper()
	got, err := p.cloud.Secrets.GetSecretValue(p.Context(), &secretsmanager.GetSecretValueInput{SecretId: aws.String(id)})
	if err != nil {
		p.Fatal(err)
	}
	return *got.SecretString
}

// await waits until check has nothing to say, and else says it.
func (p *play) await(check func() error) {
	p.Helper()
	wait := patience
	if mutant, is := p.TB.(*subject); is {
		wait = mutant.patience
	}
	deadline := time.After(wait)
	tick := time.NewTicker(30 * time.Millisecond)
	defer tick.Stop()
	for {
		err := check()
		if err == nil {
			return
		}
		select {
		case <-tick.C:
		case <-deadline:
			p.Fatal(errors.Join(err, fmt.Errorf("refused: %v; queues: %s", p.refused(), p.depths())))
		}
	}
}

// ends waits until an event's delivery to a target is in this state after so
// many attempts.
func (p *play) ends(e webhook.Event, target string, status webhook.Status, attempts int) {
	p.Helper()
	p.await(func() error {
		d, err := p.delivery(e, target)
		if err == nil && (d.Status != status || len(d.Attempts) != attempts) {
			err = fmt.Errorf("delivery of %s to %q is %s after %d attempts, want %s after %d", e.EventID, target, d.Status, len(d.Attempts), status, attempts)
		}
		return err
	})
}

// delivery reads an event's delivery to a target.
func (p *play) delivery(e webhook.Event, target string) (webhook.Delivery, error) {
	events, err := p.store.Events(p.Context(), e.MessageID)
	if err == nil && events[0] == nil {
		err = webhook.ErrNotFound
	}
	if err != nil {
		return webhook.Delivery{}, fmt.Errorf("event %s: %w", e.EventID, err)
	}
	found, err := p.store.Deliveries(p.Context(), events[0].Key(target))
	if err == nil && found[0] == nil {
		err = webhook.ErrNotFound
	}
	if err != nil {
		return webhook.Delivery{}, fmt.Errorf("delivery of %s to %q: %w", e.EventID, target, err)
	}
	return *found[0], nil
}

// posts checks what came to a path: so many, signed with the secret, each with
// the same id and body.
func (p *play) posts(path string, want int, secret string) {
	p.Helper()
	key, err := signing.ParseSecret(secret)
	if err != nil {
		p.Fatal(err)
	}
	scheme, err := signing.Lookup("standard")
	if err != nil {
		p.Fatal(err)
	}
	got := p.customer.to(path)
	if len(got) != want {
		p.Errorf("%s: %d posts, want %d", path, len(got), want)
	}
	for _, one := range got {
		if _, err := signing.Verify(scheme, []signing.Secret{key}, one.header, one.body, time.Now(), 0); err != nil {
			p.Errorf("%s: %v", path, err)
		}
		if one.header.Get("Webhook-Id") != got[0].header.Get("Webhook-Id") || string(one.body) != string(got[0].body) {
			p.Errorf("%s: its attempts differ", path)
		}
	}
}

// jobSecret signs the jobs' own URLs of an account.
func (p *play) jobSecret(account string) string {
	p.Helper()
	valid, _, err := p.ring.For(p.Context(), webhook.JobDefaults(account, webhook.Standard), time.Now())
	if err != nil {
		p.Fatal(err)
	}
	return valid[0].Reveal()
}

// stackSecret is the signing secret that the stack generated. It signs the jobs'
// own URLs of account default.
func (p *play) stackSecret() string {
	p.Helper()
	var stored struct{ Prefix, Key string }
	if err := json.Unmarshal([]byte(p.secret(p.stack.Physical("SigningSecret"))), &stored); err != nil {
		p.Fatal(err)
	}
	return stored.Prefix + stored.Key
}

// holds takes what a queue holds and expects so many messages.
func (p *play) holds(url string, want int) []types.Message {
	p.Helper()
	got, err := p.cloud.SQS.ReceiveMessage(p.Context(), &sqs.ReceiveMessageInput{
		QueueUrl: aws.String(url), MaxNumberOfMessages: 10, MessageAttributeNames: []string{"All"},
	})
	if err != nil {
		p.Fatal(err)
	}
	if len(got.Messages) != want {
		p.Errorf("%s holds %d messages, want %d", url, len(got.Messages), want)
	}
	return got.Messages
}

// refused lists what the gate has refused so far.
func (p *play) refused() []string {
	var list []string
	for _, d := range p.cloud.Gate.Journal() {
		if !d.Allowed {
			list = append(list, d.Action+" on "+p.stack.Label(d.Resource)+" "+d.By)
		}
	}
	return list
}

// depths says what each queue holds: visible, in flight, delayed.
func (p *play) depths() string {
	var out []string
	for _, queue := range []string{"CompletionsQueue", "RetryQueue", "SlowQueue", "CompletionsDeadLetters", "RetryDeadLetters", "RejectedQueue"} {
		got, err := p.cloud.SQS.GetQueueAttributes(p.Context(), &sqs.GetQueueAttributesInput{
			QueueUrl: aws.String(p.stack.Physical(queue)), AttributeNames: []types.QueueAttributeName{types.QueueAttributeNameAll},
		})
		if err != nil {
			return err.Error()
		}
		a := got.Attributes
		out = append(out, fmt.Sprint(queue, " ", a["ApproximateNumberOfMessages"], "/", a["ApproximateNumberOfMessagesNotVisible"], "/", a["ApproximateNumberOfMessagesDelayed"]))
	}
	return strings.Join(out, ", ")
}
