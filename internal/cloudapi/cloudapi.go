// Package cloudapi serves the API over a deployed stack's own tables and
// queue, with the credentials of whoever runs it.
package cloudapi

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/config"
	"github.com/aws/aws-sdk-go-v2/service/cloudformation"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/secretsmanager"
	"github.com/aws/aws-sdk-go-v2/service/sqs"

	"github.com/jobhook/jobhook/shared/api"
	"github.com/jobhook/jobhook/shared/deliver"
	"github.com/jobhook/jobhook/shared/dynamo"
	"github.com/jobhook/jobhook/shared/intake"
	"github.com/jobhook/jobhook/shared/secrets"
	manager "github.com/jobhook/jobhook/shared/secretsmanager"
	"github.com/jobhook/jobhook/shared/sqsqueue"
	"github.com/jobhook/jobhook/shared/webhook"
)

// Settings name the stack's parts; template.yaml's outputs have them.
type Settings struct {
	EndpointsTable      string                `env:"ENDPOINTS_TABLE,required,notEmpty"`
	DeliveriesTable     string                `env:"DELIVERIES_TABLE,required,notEmpty"`
	CompletionsQueueURL string                `env:"COMPLETIONS_QUEUE_URL,required,notEmpty"`
	SigningSecretID     string                `env:"SIGNING_SECRET_ID,required,notEmpty"`
	SealingKeyID        string                `env:"SEALING_KEY_ID,required,notEmpty"`
	Retention           time.Duration         `env:"RETENTION" envDefault:"720h"`
	SendTimeout         time.Duration         `env:"SEND_TIMEOUT" envDefault:"10s"`
	RetryAfterMax       time.Duration         `env:"RETRY_AFTER_MAX" envDefault:"1h"`
	MaxResultBytes      int                   `env:"MAX_RESULT_BYTES" envDefault:"262144"`
	OversizeResult      intake.OversizeResult `env:"OVERSIZE_RESULT" envDefault:"omit"`
	CallbackProfile     webhook.Profile       `env:"DEFAULT_CALLBACK_PROFILE" envDefault:"standard"`
}

// Open finds credentials and region as the AWS CLI does, checks that the
// stack's tables and secrets can be read, and returns the API over them. key is
// the bearer key that it asks for; empty for none.
func Open(ctx context.Context, s Settings, key string, log *slog.Logger) (http.Handler, error) {
	if err := api.CheckKey(key); err != nil {
		return nil, err
	}
	cfg, err := Config(ctx)
	if err != nil {
		return nil, err
	}
	store := dynamo.New(dynamodb.NewFromConfig(cfg), dynamo.Tables{Endpoints: s.EndpointsTable, Deliveries: s.DeliveriesTable}, time.Now)
	source := manager.New(secretsmanager.NewFromConfig(cfg), manager.Options{})
	ring := secrets.NewRing(source, secrets.Names{Signing: s.SigningSecretID, Sealing: s.SealingKeyID})
	if err := check(ctx, s, store, ring); err != nil {
		return nil, err
	}
	completions := sqsqueue.New(sqs.NewFromConfig(cfg), s.CompletionsQueueURL)
	return api.New(api.Deps{
		Store: store,
		Publisher: &deliver.Publisher{
			Acceptor: deliver.InSteps{Store: store, Completions: completions}, Store: store, Completions: completions, Token: rand.Text,
		},
		Seal: func(account, endpointID, secret string, createdAt time.Time) (webhook.SealedSecret, error) {
			return ring.Seal(ctx, rand.Reader, account, endpointID, secret, createdAt)
		},
		Open: func(account, endpointID string, sealed webhook.SealedSecret) (string, error) {
			return ring.Open(ctx, account, endpointID, sealed, time.Now())
		},
		CallbackProfile: s.CallbackProfile, SendTimeout: s.SendTimeout, RetryAfterMax: s.RetryAfterMax,
		Rules: intake.Rules{MaxResult: s.MaxResultBytes, Oversize: s.OversizeResult, Retention: s.Retention},
		Key:   key, Log: log,
	}), nil
}

// check reads a little of everything, so that a wrong name or a missing right
// shows at the start.
func check(ctx context.Context, s Settings, store *dynamo.Store, ring *secrets.Ring) error {
	if _, _, err := store.ListEndpoints(ctx, webhook.DefaultAccount, 1, ""); err != nil {
		return fmt.Errorf("read the endpoints table: %w", err)
	}
	if _, _, err := ring.For(ctx, webhook.JobDefaults(webhook.DefaultAccount, s.CallbackProfile), time.Now()); err != nil {
		return fmt.Errorf("read the secrets: %w", err)
	}
	return nil
}

// outputs of template.yaml and the variables that Settings reads them from.
var outputs = map[string]string{
	"EndpointsTableName": "ENDPOINTS_TABLE", "DeliveriesTableName": "DELIVERIES_TABLE",
	"CompletionsQueueUrl": "COMPLETIONS_QUEUE_URL", "SigningSecretArn": "SIGNING_SECRET_ID", "SealingKeyArn": "SEALING_KEY_ID",
}

// StackEnvironment names a deployed stack's parts as environment variables do,
// read off its outputs with the credentials of whoever runs it (they need
// cloudformation:DescribeStacks). An error says which outputs it lacks.
func StackEnvironment(ctx context.Context, stack string) (map[string]string, error) {
	cfg, err := Config(ctx)
	if err != nil {
		return nil, err
	}
	out, err := cloudformation.NewFromConfig(cfg).DescribeStacks(ctx, &cloudformation.DescribeStacksInput{StackName: aws.String(stack)})
	if err != nil {
		return nil, fmt.Errorf("read the outputs of stack %s: %w", stack, err)
	}
	missing, environment := maps.Clone(outputs), map[string]string{}
	for _, s := range out.Stacks {
		for _, o := range s.Outputs {
			if variable, ok := outputs[aws.ToString(o.OutputKey)]; ok {
				environment[variable] = aws.ToString(o.OutputValue)
				delete(missing, aws.ToString(o.OutputKey))
			}
		}
	}
	if len(missing) > 0 {
		return nil, fmt.Errorf("stack %s has no output %s: it is not one of jobhook's template.yaml",
			stack, strings.Join(slices.Sorted(maps.Keys(missing)), ", "))
	}
	return environment, nil
}

// Config finds credentials and region as the AWS CLI does.
func Config(ctx context.Context) (aws.Config, error) {
	cfg, err := config.LoadDefaultConfig(ctx)
	if err != nil {
		return cfg, fmt.Errorf("AWS configuration: %w", err)
	}
	if cfg.Region == "" {
		return cfg, errors.New("no region: set AWS_DEFAULT_REGION to the stack's, like eu-central-1")
	}
	return cfg, nil
}
