package rehearse

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/sqs"

	"github.com/jobhook/jobhook/internal/rehearse/cloudformation"
	"github.com/jobhook/jobhook/internal/rehearse/gate"
	"github.com/jobhook/jobhook/internal/rehearse/iam"
)

func makeQueue(ctx context.Context, r *resource) (cloudformation.Made, error) {
	attributes := map[string]string{}
	for _, name := range []string{"VisibilityTimeout", "MessageRetentionPeriod", "SqsManagedSseEnabled", "DelaySeconds"} {
		if v := r.text(name); v != "" {
			attributes[name] = v
		}
	}
	if redrive := r.at("RedrivePolicy"); redrive != nil {
		if err := checkRedrive(r.stack.cloud, redrive); err != nil {
			return cloudformation.Made{}, err
		}
		text, err := json.Marshal(redrive)
		if err != nil {
			return cloudformation.Made{}, fmt.Errorf("redrive: %w", err)
		}
		attributes["RedrivePolicy"] = string(text)
	}
	cloud := r.stack.cloud
	if r.exists {
		_, err := cloud.SQS.SetQueueAttributes(ctx, &sqs.SetQueueAttributesInput{QueueUrl: aws.String(r.physical.Ref), Attributes: attributes})
		return r.physical, wrap(err)
	}
	name := r.name()
	created, err := cloud.SQS.CreateQueue(ctx, &sqs.CreateQueueInput{QueueName: aws.String(name), Attributes: attributes})
	if err != nil {
		return cloudformation.Made{}, wrap(err)
	}
	arn := gate.QueueARN(name)
	cloud.addQueue(arn, name, *created.QueueUrl)
	return cloudformation.Made{Ref: *created.QueueUrl, Attributes: map[string]string{
		"Arn": arn, "QueueName": name, "QueueUrl": *created.QueueUrl,
	}}, nil
}

// checkRedrive: SQS refuses dead letters that aren't a queue.
func checkRedrive(cloud *Cloud, redrive any) error {
	policy, _ := redrive.(map[string]any)
	target := cloudformation.Text(policy["deadLetterTargetArn"])
	if _, there := cloud.queueURL(target); !there {
		return fmt.Errorf("redrive: %s is no queue's ARN", target)
	}
	return nil
}

// makeQueuePolicy sets the policy on each queue, in the place of any before it.
func makeQueuePolicy(ctx context.Context, r *resource) (cloudformation.Made, error) {
	document, err := iam.Parse(r.at("PolicyDocument"))
	if err != nil {
		return cloudformation.Made{}, err
	}
	text, err := json.Marshal(r.at("PolicyDocument"))
	if err != nil {
		return cloudformation.Made{}, fmt.Errorf("policy: %w", err)
	}
	queues := r.list("Queues")
	if len(queues) == 0 {
		return cloudformation.Made{}, errors.New("a policy for no queue")
	}
	for _, queue := range queues {
		url := cloudformation.Text(queue)
		name := url[strings.LastIndexByte(url, '/')+1:]
		if _, there := r.stack.cloud.queueURL(gate.QueueARN(name)); !there || !strings.HasPrefix(url, "http") {
			return cloudformation.Made{}, fmt.Errorf("%s is no queue's URL", url)
		}
		_, err := r.stack.cloud.SQS.SetQueueAttributes(ctx, &sqs.SetQueueAttributesInput{
			QueueUrl: aws.String(url), Attributes: map[string]string{"Policy": string(text)},
		})
		if err != nil {
			return cloudformation.Made{}, wrap(err)
		}
		r.stack.cloud.Gate.SetQueuePolicy(gate.QueueARN(name), document)
	}
	return cloudformation.Made{Ref: r.logical}, nil
}

func wrap(err error) error {
	if err != nil {
		return fmt.Errorf("the emulator: %w", err)
	}
	return nil
}
