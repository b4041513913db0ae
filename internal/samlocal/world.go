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
	slowQueue       = "SlowQueue"
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
	receive := func(ctx context.Context) error { return w.receive(ctx, out) }
	for _, step := range []func(context.Context) error{w.start, w.makeTables, w.makeQueues, w.makeSecrets, receive, w.register, w.wait} {
		if err := step(ctx); err != nil {
			w.stop()
			return nil, err
		}
	}
	return w, nil
}

func (w *world) stop() {
	for _, stop := range w.stops {
		stop()
	}
}

func (w *world) start(ctx context.Context) error {
	for port, start := range map[string]func(context.Context, string) (*emulators.Emulator, error){
		dynamoDBPort: emulators.StartDynamoDB, sqsPort: emulators.StartSQS, secretsPort: emulators.StartSecretsManager,
	} {
		emulator, err := start(ctx, net.JoinHostPort(w.host, port))
		if err != nil {
			return err
		}
		w.stops = append(w.stops, emulator.Stop)
	}
	w.db = dynamodb.NewFromConfig(emulators.Config(w.url(dynamoDBPort)))
	w.store = dynamo.New(w.db, dynamo.Tables{Endpoints: endpointsTable, Deliveries: deliveriesTable}, time.Now)
	w.sqs = sqs.NewFromConfig(emulators.Config(w.url(sqsPort)))
	w.secrets = secretsmanager.NewFromConfig(emulators.Config(w.url(secretsPort)))
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
	for _, name := range []string{sourceQueue, retryQueue, slowQueue, rejectedQueue, inboxQueue} {
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

// drain takes all messages off a queue, those still delayed for up to 2 s too:
// env.json's first delay is 1 s, lengthened by a tenth at most and rounded up.
func (w *world) drain(ctx context.Context, name string) ([]string, error) {
	in := &sqs.ReceiveMessageInput{QueueUrl: aws.String(w.queueURL(name)), MaxNumberOfMessages: 10}
	if name == retryQueue {
		in.WaitTimeSeconds = 3
	}
	for bodies := []string(nil); ; {
		got, err := w.sqs.ReceiveMessage(ctx, in)
		if err != nil {
			return nil, fmt.Errorf("read %s: %w", name, err)
		}
		if len(got.Messages) == 0 {
			return bodies, nil
		}
		for _, m := range got.Messages {
			bodies = append(bodies, aws.ToString(m.Body))
			if _, err := w.sqs.DeleteMessage(ctx, &sqs.DeleteMessageInput{QueueUrl: in.QueueUrl, ReceiptHandle: m.ReceiptHandle}); err != nil {
				return nil, fmt.Errorf("read %s: %w", name, err)
			}
		}
	}
}
