// Command receive is a Lambda function with a Function URL: it verifies
// webhooks, drops duplicates and puts them on the inbox queue.
package main

import (
	"context"
	"crypto/rand"
	"fmt"
	"os"
	"time"

	"github.com/aws/aws-lambda-go/lambda"
	awshttp "github.com/aws/aws-sdk-go-v2/aws/transport/http"
	"github.com/aws/aws-sdk-go-v2/config"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/secretsmanager"
	"github.com/aws/aws-sdk-go-v2/service/sqs"

	"github.com/jobhook/jobhook/functions/receive/endpoint"
	"github.com/jobhook/jobhook/shared/dynamo"
	"github.com/jobhook/jobhook/shared/receiving"
	"github.com/jobhook/jobhook/shared/telemetry"
)

// callTimeout bounds one call to AWS, so that a dead connection leaves time
// for another try before the sender gives up.
const callTimeout = 2 * time.Second

func main() {
	receiver, err := wire(context.Background())
	if err != nil {
		fmt.Fprintln(os.Stderr, "receive:", err)
		os.Exit(1)
	}
	lambda.Start(endpoint.Endpoint{Receiver: receiver}.Handle)
}

// wire puts the function together. The sources are read meanwhile: mistakes in
// them are in the log at the start, and the first request waits for the reading.
func wire(ctx context.Context) (*receiving.Receiver, error) {
	s, err := load()
	if err != nil {
		return nil, err
	}
	aws, err := config.LoadDefaultConfig(ctx, config.WithHTTPClient(awshttp.NewBuildableClient().WithTimeout(callTimeout)))
	if err != nil {
		return nil, fmt.Errorf("AWS configuration: %w", err)
	}
	log := telemetry.Logger(os.Stdout, s.LogLevel, "receive")
	secret := sourcesSecret{secretsmanager.NewFromConfig(aws), s.SourcesSecretID}
	sources := receiving.NewCache(secret, s.SecretCache, time.Now, log)
	sources.Begin(ctx)
	return &receiving.Receiver{MaxBody: s.MaxBodyBytes, Deps: receiving.Deps{
		Sources:  sources,
		Receipts: dynamo.NewReceipts(dynamodb.NewFromConfig(aws), s.ReceiptsTable),
		Inbox:    inboxQueue{sqs.NewFromConfig(aws), s.InboxQueueURL},
		Log:      log, Now: time.Now, Token: rand.Text,
	}}, nil
}
