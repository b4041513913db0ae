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
	"net/http"
	"os"
	"runtime/debug"
	"strconv"
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
	"github.com/jobhook/jobhook/shared/sqsbatch"
	"github.com/jobhook/jobhook/shared/sqsqueue"
)

// callTimeout bounds one call to AWS, so that a dead connection leaves time
// for another try.
const callTimeout = 3 * time.Second

// Queues are what a function's messages come from and go to, beside the retry
// queue.
type Queues struct {
	Source   string // URL of the queue that the function works on
	Rejected string // URL of the queue of rejected completions; empty for retry, which has none
}

// Deps returns what delivering works on, and the queue that the function's
// messages come from. It makes no network call.
func Deps(ctx context.Context, s settings.Delivery, q Queues, logger *slog.Logger) (deliver.Deps, sqsbatch.Source, error) {
	// net/http quotes an endpoint's bytes in what it writes here.
	log.SetOutput(io.Discard)
	limitMemory(os.Getenv("AWS_LAMBDA_FUNCTION_MEMORY_SIZE"))
	client := awshttp.NewBuildableClient().WithTimeout(callTimeout).WithTransportOptions(func(t *http.Transport) {
		t.MaxIdleConnsPerHost = s.Concurrency // the SDK keeps ten; each more would be dialed anew
	})
	cfg, err := config.LoadDefaultConfig(ctx, config.WithHTTPClient(client))
	if err != nil {
		return deliver.Deps{}, nil, fmt.Errorf("AWS configuration: %w", err)
	}
	return assemble(cfg, s, q, logger), sqsqueue.New(sqs.NewFromConfig(cfg), q.Source), nil
}

// limitMemory tells the garbage collector what Lambda gives the function (in
// MB), as GOMEMLIMIT would, less a sixth for what is not its heap: a full batch
// of large events then costs time rather than the sandbox.
func limitMemory(megabytes string) {
	if mb, err := strconv.ParseInt(megabytes, 10, 64); err == nil {
		debug.SetMemoryLimit(mb << 20 * 5 / 6)
	}
}

func assemble(cfg aws.Config, s settings.Delivery, q Queues, logger *slog.Logger) deliver.Deps {
	store := dynamo.New(dynamodb.NewFromConfig(cfg), dynamo.Tables{Endpoints: s.EndpointsTable, Deliveries: s.DeliveriesTable}, time.Now)
	queues := sqs.NewFromConfig(cfg)
	source := manager.New(secretsmanager.NewFromConfig(cfg), manager.Options{
		TTL: s.SecretCache,
		OnError: func(name string, err error) {
			logger.Error("secret.unreadable", "secret", name, "error", err)
		},
	})
	return deliver.Deps{
		Store:    store,
		Retries:  sqsqueue.New(queues, s.RetryQueueURL),
		Rejected: sqsqueue.New(queues, q.Rejected),
		Secrets:  secrets.NewRing(source, secrets.Names{Signing: s.SigningSecretID, Sealing: s.SealingKeyID}),
		Sender:   sender.New(sender.Config{Timeout: s.SendTimeout, MaxIdleConnsPerHost: s.Concurrency, Allow: s.LocalAddresses}),
		Log:      logger, Now: time.Now, Chance: mathrand.Float64, Token: rand.Text,
	}
}
