package cloudapi

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/config"
	"github.com/aws/aws-sdk-go-v2/service/cloudformation"
)

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
