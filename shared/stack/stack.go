// Package stack makes the functions dispatch and retry out of the AWS parts, as
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
	"path"
	"runtime/debug"
	"strconv"
	"time"

	"github.com/aws/aws-lambda-go/lambda"
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
	"github.com/jobhook/jobhook/shared/telemetry"
)

// callTimeout bounds one call to AWS, so that a dead connection leaves time
// for another try.
const callTimeout = 3 * time.Second

// Start runs a function, or ends the process with what is wrong with its
// settings.
func Start(name string, wire func(context.Context) (sqsbatch.Function, error)) {
	function, err := wire(context.Background())
	if err != nil {
		fmt.Fprintln(os.Stderr, name+":", err)
		os.Exit(1)
	}
	lambda.Start(function)
}

// Dispatch is the function behind the completions queue.
func Dispatch(ctx context.Context) (sqsbatch.Function, error) {
	s, err := settings.Load[settings.Dispatch](settings.Environment(os.Environ()))
	if err != nil {
		return nil, err
	}
	logger := telemetry.Logger(os.Stdout, s.LogLevel, "dispatch")
	deps, queue, err := parts(ctx, s.Delivery, s.RejectedQueueURL, logger)
	if err != nil {
		return nil, err
	}
	sources := sqsbatch.Sources{Queue: queue(s.CompletionsQueueURL)}
	return sqsbatch.Handler(deliver.NewDispatcher(deps, s.Config()).Dispatch, sources, mathrand.Float64, logger), nil
}

// Retry is the function behind the retry queue and the slow queue. It rejects
// no completion.
func Retry(ctx context.Context) (sqsbatch.Function, error) {
	s, err := settings.Load[settings.Retry](settings.Environment(os.Environ()))
	if err != nil {
		return nil, err
	}
	logger := telemetry.Logger(os.Stdout, s.LogLevel, "retry")
	deps, queue, err := parts(ctx, s.Delivery, "", logger)
	if err != nil {
		return nil, err
	}
	sources := sqsbatch.Sources{Queue: queue(s.RetryQueueURL), Slow: queue(s.SlowQueueURL), SlowName: path.Base(s.SlowQueueURL)}
	return sqsbatch.Handler(deliver.NewRetrier(deps, s.Config()).Retry, sources, mathrand.Float64, logger), nil
}

// parts returns what delivering works on, and what makes a queue of its URL. It
// makes no network call.
func parts(ctx context.Context, s settings.Delivery, rejected string, logger *slog.Logger) (deliver.Deps, func(string) sqsbatch.Source, error) {
	// net/http quotes an endpoint's bytes in what it writes here.
	log.SetOutput(io.Discard)
	limitMemory(os.Getenv("AWS_LAMBDA_FUNCTION_MEMORY_SIZE"))
	client := awshttp.NewBuildableClient().WithTimeout(callTimeout).WithTransportOptions(func(t *http.Transport) {
		t.MaxIdleConnsPerHost = s.Concurrency // the SDK keeps ten; each more would be dialed anew
		t.MaxIdleConns = max(t.MaxIdleConns, 2*s.Concurrency)
	})
	cfg, err := config.LoadDefaultConfig(ctx, config.WithHTTPClient(client))
	if err != nil {
		return deliver.Deps{}, nil, fmt.Errorf("AWS configuration: %w", err)
	}
	queues := sqs.NewFromConfig(cfg)
	return assemble(cfg, s, rejected, logger), func(url string) sqsbatch.Source { return sqsqueue.New(queues, url) }, nil
}

// limitMemory tells the garbage collector what Lambda gives the function (in
// MB), as GOMEMLIMIT would, less a sixth for what is not its heap: a full batch
// of large events then costs time rather than the sandbox.
func limitMemory(megabytes string) {
	if mb, err := strconv.ParseInt(megabytes, 10, 64); err == nil {
		debug.SetMemoryLimit(mb << 20 * 5 / 6)
	}
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
		Store:    store,
		Retries:  sqsqueue.New(queues, s.RetryQueueURL),
		Slow:     sqsqueue.New(queues, s.SlowQueueURL),
		Rejected: sqsqueue.New(queues, rejected),
		Secrets:  secrets.NewRing(source, secrets.Names{Signing: s.SigningSecretID, Sealing: s.SealingKeyID}),
		Sender:   sender.New(sender.Config{Timeout: s.SendTimeout, MaxIdleConnsPerHost: s.Concurrency, Allow: s.LocalAddresses}),
		Log:      logger, Now: time.Now, Chance: mathrand.Float64, Token: rand.Text,
	}
}
