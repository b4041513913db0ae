package rehearse

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
	"github.com/aws/aws-sdk-go-v2/service/secretsmanager"
	"github.com/aws/aws-sdk-go-v2/service/sqs"

	"github.com/jobhook/jobhook/internal/rehearse/gate"
)

// tableProperties are named as CreateTable's, but for the settings that the
// emulator lacks.
type tableProperties struct {
	BillingMode            types.BillingMode
	AttributeDefinitions   []types.AttributeDefinition
	KeySchema              []types.KeySchemaElement
	GlobalSecondaryIndexes []types.GlobalSecondaryIndex

	TimeToLiveSpecification *types.TimeToLiveSpecification

	PointInTimeRecoverySpecification, SSESpecification, DeletionProtectionEnabled, Tags any
}

func makeTable(ctx context.Context, r *resource, p tableProperties) error {
	db := r.stack.cloud.DynamoDB
	if _, err := db.CreateTable(ctx, &dynamodb.CreateTableInput{
		TableName: aws.String(r.Ref), BillingMode: p.BillingMode, KeySchema: p.KeySchema,
		AttributeDefinitions: p.AttributeDefinitions, GlobalSecondaryIndexes: p.GlobalSecondaryIndexes,
	}); err != nil {
		return fmt.Errorf("the emulator: %w", err)
	}
	r.stack.cloud.add("TableName", r.Ref)
	if p.TimeToLiveSpecification == nil {
		return nil
	}
	_, err := db.UpdateTimeToLive(ctx, &dynamodb.UpdateTimeToLiveInput{
		TableName: aws.String(r.Ref), TimeToLiveSpecification: p.TimeToLiveSpecification,
	})
	return err
}

type queueProperties struct {
	VisibilityTimeout, MessageRetentionPeriod, SqsManagedSseEnabled, DelaySeconds scalar

	RedrivePolicy   json.RawMessage
	QueueName, Tags any
}

func makeQueue(ctx context.Context, r *resource, p queueProperties) error {
	attributes := map[string]string{"RedrivePolicy": string(p.RedrivePolicy)}
	for name, v := range map[string]scalar{
		"VisibilityTimeout": p.VisibilityTimeout, "MessageRetentionPeriod": p.MessageRetentionPeriod,
		"SqsManagedSseEnabled": p.SqsManagedSseEnabled, "DelaySeconds": p.DelaySeconds,
	} {
		if v != "" {
			attributes[name] = string(v)
		}
	}
	cloud := r.stack.cloud
	if p.RedrivePolicy == nil {
		delete(attributes, "RedrivePolicy")
	} else {
		var redrive struct{ DeadLetterTargetArn string }
		if err := json.Unmarshal(p.RedrivePolicy, &redrive); err != nil {
			return fmt.Errorf("redrive: %w", err)
		}
		if _, there := cloud.queueURL(redrive.DeadLetterTargetArn); !there { // SQS refuses it, the emulator does not
			return fmt.Errorf("redrive: %s is no queue's ARN", redrive.DeadLetterTargetArn)
		}
	}
	if r.exists {
		_, err := cloud.SQS.SetQueueAttributes(ctx, &sqs.SetQueueAttributesInput{QueueUrl: aws.String(r.Ref), Attributes: attributes})
		return err
	}
	name := r.Ref[strings.LastIndexByte(r.Ref, '/')+1:]
	created, err := cloud.SQS.CreateQueue(ctx, &sqs.CreateQueueInput{QueueName: aws.String(name), Attributes: attributes})
	if err != nil {
		return fmt.Errorf("the emulator: %w", err)
	}
	if *created.QueueUrl != r.Ref {
		return fmt.Errorf("the emulator has the queue at %s, want %s", *created.QueueUrl, r.Ref)
	}
	cloud.mu.Lock()
	cloud.queues[r.ARN] = r.Ref
	cloud.mu.Unlock()
	cloud.add("QueueName", name)
	return nil
}

// makeQueuePolicy sets the policy on each queue, in the place of any before it.
func makeQueuePolicy(ctx context.Context, r *resource, p struct {
	Queues         []string
	PolicyDocument json.RawMessage
},
) error {
	document, err := gate.Parse(p.PolicyDocument)
	if err == nil && len(p.Queues) == 0 {
		err = errors.New("a policy for no queue")
	}
	if err != nil {
		return err
	}
	cloud := r.stack.cloud
	for _, url := range p.Queues {
		arn := gate.ARN("sqs", url[strings.LastIndexByte(url, '/')+1:])
		if known, _ := cloud.queueURL(arn); known != url {
			return fmt.Errorf("%s is no queue's URL", url)
		}
		if _, err := cloud.SQS.SetQueueAttributes(ctx, &sqs.SetQueueAttributesInput{
			QueueUrl: aws.String(url), Attributes: map[string]string{"Policy": string(p.PolicyDocument)},
		}); err != nil {
			return fmt.Errorf("the emulator: %w", err)
		}
		cloud.Gate.SetQueuePolicy(arn, document)
	}
	return nil
}

// makeSecret stores what moto generated under an ARN of the emulator's.
func makeSecret(ctx context.Context, r *resource, p struct {
	Description                                    string
	GenerateSecretString, SecretString, Tags, Name any
},
) error {
	name := r.Ref[strings.LastIndexByte(r.Ref, ':')+1 : strings.LastIndexByte(r.Ref, '-')]
	created, err := r.stack.cloud.Secrets.CreateSecret(ctx, &secretsmanager.CreateSecretInput{
		Name: aws.String(name), Description: aws.String(p.Description), SecretString: aws.String(r.Value),
	})
	if err != nil {
		return fmt.Errorf("the emulator: %w", err)
	}
	r.stack.cloud.renamed = append(r.stack.cloud.renamed, r.Ref, *created.ARN)
	r.Ref = *created.ARN
	r.stack.cloud.Gate.AddSecret(name, r.Ref)
	return nil
}
