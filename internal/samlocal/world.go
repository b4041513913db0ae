package main

import (
	"context"
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/secretsmanager"
	"github.com/aws/aws-sdk-go-v2/service/sqs"

	"github.com/jobhook/jobhook/internal/emulators"
	"github.com/jobhook/jobhook/shared/dynamo"
	"github.com/jobhook/jobhook/shared/secrets"
	manager "github.com/jobhook/jobhook/shared/secretsmanager"
	"github.com/jobhook/jobhook/shared/signing"
	"github.com/jobhook/jobhook/shared/webhook"
)

// The ports, as env.json has them.
const (
	dynamoDBPort = "18000"
	sqsPort      = "18001"
	secretsPort  = "18002"
	receiverPort = "18003"
)

// bridge is the host's address on Docker's default network.
const bridge = "172.17.0.1"

// The names, as env.json has them.
const (
	endpointsTable  = "Endpoints"
	deliveriesTable = "Deliveries"
	receiptsTable   = "Receipts"
	sourceQueue     = "CompletionsQueue"
	retryQueue      = "RetryQueue"
	rejectedQueue   = "RejectedQueue"
	inboxQueue      = "InboxQueue"
	signingSecret   = "SigningSecret"
	sealingKey      = "SealingKey"
	sourcesSecret   = "SourcesSecret"
)

// sampleSources are whose webhooks events/receive-*.json are.
const sampleSources = `{"sources":{
	"github":{"scheme":"github","secrets":["It's a Secret to Everybody"]},
	"sharpapi":{"scheme":"sharpapi","secrets":["It's a Secret to Everybody"]}}}`

// world is all that the functions find in AWS, and a customer's server.
type world struct {
	host     string
	store    *dynamo.Store
	sqs      *sqs.Client
	secrets  *secretsmanager.Client
	db       *dynamodb.Client
	ring     *secrets.Ring
	receiver *receiver
	waiting  webhook.DeliveryKey // of the delivery that events/retry.json is about
	stops    []func()
}

func hostForContainers() string {
	listener, err := net.Listen("tcp", net.JoinHostPort(bridge, "0"))
	if err != nil {
		return "127.0.0.1"
	}
	_ = listener.Close()
	return bridge
}

// newWorld starts everything on host and fills it. On an error nothing is left.
func newWorld(ctx context.Context, host string, out io.Writer) (*world, error) {
	w := &world{host: host}
	for _, step := range []func(context.Context) error{w.start, w.makeTables, w.makeQueues, w.makeSecrets} {
		if err := step(ctx); err != nil {
			w.stop()
			return nil, err
		}
	}
	jobs, err := w.jobSecrets(ctx)
	if err == nil {
		w.receiver, err = newReceiver(ctx, net.JoinHostPort(host, receiverPort), jobs, out)
	}
	if err == nil {
		w.stops = append(w.stops, w.receiver.close)
		err = errors.Join(w.register(ctx), w.wait(ctx))
	}
	if err != nil {
		w.stop()
		return nil, err
	}
	return w, nil
}

func (w *world) stop() {
	for _, stop := range w.stops {
		stop()
	}
}

func (w *world) start(ctx context.Context) error {
	urls := map[string]string{}
	for port, start := range map[string]func(context.Context, string) (*emulators.Emulator, error){
		dynamoDBPort: emulators.StartDynamoDB, sqsPort: emulators.StartSQS, secretsPort: emulators.StartSecretsManager,
	} {
		emulator, err := start(ctx, net.JoinHostPort(w.host, port))
		if err != nil {
			return err
		}
		w.stops = append(w.stops, emulator.Stop)
		urls[port] = w.url(port)
	}
	w.db = dynamodb.NewFromConfig(emulators.Config(urls[dynamoDBPort]))
	w.store = dynamo.New(w.db, dynamo.Tables{Endpoints: endpointsTable, Deliveries: deliveriesTable}, time.Now)
	w.sqs = sqs.NewFromConfig(emulators.Config(urls[sqsPort]))
	w.secrets = secretsmanager.NewFromConfig(emulators.Config(urls[secretsPort]))
	return nil
}

func (w *world) url(port string) string { return "http://" + net.JoinHostPort(w.host, port) }

func (w *world) makeTables(ctx context.Context) error {
	tables := append(dynamo.Definitions(dynamo.Tables{Endpoints: endpointsTable, Deliveries: deliveriesTable}),
		dynamo.ReceiptsDefinition(receiptsTable))
	for _, table := range tables {
		if _, err := w.db.CreateTable(ctx, table); err != nil {
			return fmt.Errorf("create table %s: %w", aws.ToString(table.TableName), err)
		}
	}
	return nil
}

func (w *world) makeQueues(ctx context.Context) error {
	for _, name := range []string{sourceQueue, retryQueue, rejectedQueue, inboxQueue} {
		made, err := w.sqs.CreateQueue(ctx, &sqs.CreateQueueInput{QueueName: aws.String(name)})
		if err != nil {
			return fmt.Errorf("create queue %s: %w", name, err)
		}
		if url := aws.ToString(made.QueueUrl); url != w.queueURL(name) {
			return fmt.Errorf("queue %s is %s; env.json says %s", name, url, w.queueURL(name))
		}
	}
	return nil
}

func (w *world) queueURL(name string) string { return w.url(sqsPort) + "/123456789012/" + name }

// makeSecrets makes the stack's secrets in the form that template.yaml has them.
func (w *world) makeSecrets(ctx context.Context) error {
	made, err := signing.GenerateSecret(rand.Reader)
	if err != nil {
		return err
	}
	const prefix = "whsec_"
	value, err := json.Marshal(map[string]string{"prefix": prefix, "key": made.Reveal()[len(prefix):]})
	if err != nil {
		return err
	}
	var faults []error
	for name, text := range map[string]string{signingSecret: string(value), sealingKey: rand.Text() + rand.Text(), sourcesSecret: sampleSources} {
		_, err := w.secrets.CreateSecret(ctx, &secretsmanager.CreateSecretInput{Name: aws.String(name), SecretString: aws.String(text)})
		if err != nil {
			faults = append(faults, fmt.Errorf("create secret %s: %w", name, err))
		}
	}
	w.ring = secrets.NewRing(manager.New(w.secrets, manager.Options{}), secrets.Names{Signing: signingSecret, Sealing: sealingKey})
	return errors.Join(faults...)
}

// deliveries reads an event's deliveries, in the order of its targets.
func (w *world) deliveries(ctx context.Context, messageID string) ([]webhook.Delivery, error) {
	events, err := w.store.Events(ctx, messageID)
	if err != nil {
		return nil, err
	}
	if events[0] == nil {
		return nil, fmt.Errorf("there is no event %s", messageID)
	}
	found, err := w.store.Deliveries(ctx, events[0].Keys()...)
	if err != nil {
		return nil, err
	}
	var deliveries []webhook.Delivery
	for i, d := range found {
		if d == nil {
			return nil, fmt.Errorf("%s has no record", events[0].Keys()[i].ID())
		}
		deliveries = append(deliveries, *d)
	}
	return deliveries, nil
}
