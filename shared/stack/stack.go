// Package stack puts the AWS parts together for dispatch and retry, as
// template.yaml lays them out.
package stack

import (
	"context"
	"crypto/rand"
	"fmt"
	"io"
	"log"
	"log/slog"
	mathrand "math/rand/v2"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	awshttp "github.com/aws/aws-sdk-go-v2/aws/transport/http"
	"github.com/aws/aws-sdk-go-v2/config"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/secretsmanager"
	"github.com/aws/aws-sdk-go-v2/service/sqs"

	"github.com/jobhook/jobhook/shared/deliver"
	"github.com/jobhook/jobhook/shared/dynamo"
	"github.com/jobhook/jobhook/shared/secrets"
	manager "github.com/jobhook/jobhook/shared/secretsmanager"
	"github.com/jobhook/jobhook/shared/sender"
	"github.com/jobhook/jobhook/shared/settings"
	"github.com/jobhook/jobhook/shared/sqsqueue"
)

// callTimeout bounds one call to AWS, so that a dead connection leaves time
// for another try.
const callTimeout = 3 * time.Second

// Deps returns what delivering works on. It makes no network call. rejected is
// the queue for completions that are set aside; empty for retry, which has none.
func Deps(ctx context.Context, s settings.Delivery, rejected string, logger *slog.Logger) (deliver.Deps, error) {
	// net/http quotes strangers' bytes in what it writes here.
	log.SetOutput(io.Discard)
	cfg, err := config.LoadDefaultConfig(ctx, config.WithHTTPClient(awshttp.NewBuildableClient().WithTimeout(callTimeout)))
	if err != nil {
		return deliver.Deps{}, fmt.Errorf("AWS configuration: %w", err)
	}
	return assemble(cfg, s, rejected, logger), nil
}

func assemble(cfg aws.Config, s settings.Delivery, rejected string, logger *slog.Logger) deliver.Deps {
	store := dynamo.New(dynamodb.NewFromConfig(cfg), dynamo.Tables{Endpoints: s.EndpointsTable, Deliveries: s.DeliveriesTable}, time.Now)
	queues := sqs.NewFromConfig(cfg)
	source := manager.New(secretsmanager.NewFromConfig(cfg), manager.Options{
		TTL: s.SecretCache,
		OnError: func(name string, err error) {
			logger.Error("secret.unreadable", "secret", name, "error", err)
		},
	})
	return deliver.Deps{
		Events: store, Deliveries: store, Loader: store, Endpoints: store, Replacer: store,
		Retries:  sqsqueue.New(queues, s.RetryQueueURL),
		Rejected: sqsqueue.New(queues, rejected),
		Secrets:  secrets.NewRing(source, secrets.Names{Signing: s.SigningSecretID, Sealing: s.SealingKeyID}),
		Sender:   sender.New(sender.Config{Timeout: s.SendTimeout, MaxIdleConnsPerHost: s.Concurrency, Allow: s.LocalAddresses}),
		Log:      logger, Now: time.Now, Chance: mathrand.Float64, Token: rand.Text,
	}
}
