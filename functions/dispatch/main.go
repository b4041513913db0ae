// Command dispatch is the Lambda function behind the completions queue: it
// claims each event once and makes its deliveries' first attempts.
package main

import (
	"context"
	"fmt"
	"math/rand/v2"
	"os"

	"github.com/aws/aws-lambda-go/lambda"

	"github.com/jobhook/jobhook/shared/deliver"
	"github.com/jobhook/jobhook/shared/settings"
	"github.com/jobhook/jobhook/shared/sqsbatch"
	"github.com/jobhook/jobhook/shared/stack"
	"github.com/jobhook/jobhook/shared/telemetry"
)

func main() {
	handler, err := wire(context.Background())
	if err != nil {
		fmt.Fprintln(os.Stderr, "dispatch:", err)
		os.Exit(1)
	}
	lambda.Start(handler)
}

func wire(ctx context.Context) (sqsbatch.Function, error) {
	s, err := settings.Load[settings.Dispatch](settings.Environment(os.Environ()))
	if err != nil {
		return nil, err
	}
	log := telemetry.Logger(os.Stdout, s.LogLevel, "dispatch")
	deps, source, err := stack.Deps(ctx, s.Delivery, stack.Queues{Source: s.CompletionsQueueURL, Rejected: s.RejectedQueueURL}, log)
	if err != nil {
		return nil, err
	}
	return sqsbatch.Handler(deliver.NewDispatcher(deps, s.Config()).Dispatch, source, rand.Float64, log), nil
}
