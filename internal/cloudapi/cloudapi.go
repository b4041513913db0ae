// Package cloudapi serves the API over a deployed stack's own tables and
// queue, with the credentials of whoever runs it.
package cloudapi

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/config"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/secretsmanager"
	"github.com/aws/aws-sdk-go-v2/service/sqs"

	"github.com/jobhook/jobhook/shared/api"
	"github.com/jobhook/jobhook/shared/deliver"
	"github.com/jobhook/jobhook/shared/dynamo"
	"github.com/jobhook/jobhook/shared/intake"
	"github.com/jobhook/jobhook/shared/payload"
	"github.com/jobhook/jobhook/shared/sealing"
	"github.com/jobhook/jobhook/shared/secrets"
	manager "github.com/jobhook/jobhook/shared/secretsmanager"
	"github.com/jobhook/jobhook/shared/sqsqueue"
)

// Settings name the stack's parts; template.yaml's outputs have them.
type Settings struct {
	EndpointsTable      string          `env:"ENDPOINTS_TABLE,required,notEmpty"`
	DeliveriesTable     string          `env:"DELIVERIES_TABLE,required,notEmpty"`
	CompletionsQueueURL string          `env:"COMPLETIONS_QUEUE_URL,required,notEmpty"`
	SigningSecretID     string          `env:"SIGNING_SECRET_ID,required,notEmpty"`
	SealingKeyID        string          `env:"SEALING_KEY_ID,required,notEmpty"`
	Retention           time.Duration   `env:"RETENTION" envDefault:"720h"`
	MaxResultBytes      int             `env:"MAX_RESULT_BYTES" envDefault:"262144"`
	CallbackProfile     payload.Profile `env:"DEFAULT_CALLBACK_PROFILE" envDefault:"standard"`
}

// Open finds credentials and region as the AWS CLI does, checks that the
// stack's tables and secrets can be read, and returns the API over them. key is
// the bearer key that it asks for; empty for none.
func Open(ctx context.Context, s Settings, key string, log *slog.Logger) (http.Handler, error) {
	cfg, err := config.LoadDefaultConfig(ctx)
	if err != nil {
		return nil, fmt.Errorf("AWS configuration: %w", err)
	}
	if cfg.Region == "" {
		return nil, errors.New("no region: set AWS_REGION to the stack's, like eu-central-1")
	}
	return open(ctx, cfg, s, key, log)
}

func open(ctx context.Context, cfg aws.Config, s Settings, key string, log *slog.Logger) (http.Handler, error) {
	store := dynamo.New(dynamodb.NewFromConfig(cfg), dynamo.Tables{Endpoints: s.EndpointsTable, Deliveries: s.DeliveriesTable}, time.Now)
	source := manager.New(secretsmanager.NewFromConfig(cfg), manager.Options{})
	ring := secrets.NewRing(source, secrets.Names{Signing: s.SigningSecretID, Sealing: s.SealingKeyID})
	if err := check(ctx, store, ring); err != nil {
		return nil, err
	}
	completions := sqsqueue.New(sqs.NewFromConfig(cfg), s.CompletionsQueueURL)
	return api.New(api.Deps{
		Store: store,
		Publisher: &deliver.Publisher{
			Acceptor: deliver.InSteps{Events: store, Completions: completions}, Completions: completions, Token: rand.Text,
		},
		Seal: func(account, endpointID, text string) (string, error) {
			return ring.SealText(ctx, rand.Reader, sealing.Owner{Account: account, EndpointID: endpointID}, text, time.Now())
		},
		Open: func(account, endpointID, sealed string) (string, error) {
			return ring.OpenText(ctx, sealing.Owner{Account: account, EndpointID: endpointID}, sealed, time.Now())
		},
		Rules: intake.Rules{MaxResult: s.MaxResultBytes, Profile: s.CallbackProfile, Retention: s.Retention},
		Key:   key, Log: log,
	}), nil
}

// check reads a little of everything, so that a wrong name or a missing right
// shows at the start.
func check(ctx context.Context, store *dynamo.Store, ring *secrets.Ring) error {
	if _, _, err := store.ListEndpoints(ctx, intake.DefaultAccount, 1, ""); err != nil {
		return fmt.Errorf("read the endpoints table: %w", err)
	}
	if _, err := ring.For(ctx, nil, time.Now()); err != nil {
		return fmt.Errorf("read the secrets: %w", err)
	}
	return nil
}
