// Command retry is the Lambda function behind the retry queue: it makes every
// attempt that comes after a delivery's first.
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
		fmt.Fprintln(os.Stderr, "retry:", err)
		os.Exit(1)
	}
	lambda.Start(handler)
}

func wire(ctx context.Context) (sqsbatch.Function, error) {
	s, err := settings.Load[settings.Retry](settings.Environment(os.Environ()))
	if err != nil {
		return nil, err
	}
	log := telemetry.Logger(os.Stdout, s.LogLevel, "retry")
	deps, source, err := stack.Deps(ctx, s.Delivery, stack.Queues{Source: s.RetryQueueURL}, log)
	if err != nil {
		return nil, err
	}
	return sqsbatch.Handler(deliver.NewRetrier(deps, s.Config()).Retry, source, rand.Float64, log), nil
}
