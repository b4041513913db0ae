package rehearse

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/aws/aws-lambda-go/events"
	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/sqs"
	"github.com/aws/aws-sdk-go-v2/service/sqs/types"

	"github.com/jobhook/jobhook/internal/rehearse/gate"
)

type mappingProperties struct {
	FunctionName, EventSourceArn              string
	BatchSize, MaximumBatchingWindowInSeconds number
	FunctionResponseTypes                     []string
	ScalingConfig, Enabled, Tags              any
}

// makeMapping starts a poller, after the checks that Lambda makes of a mapping.
func makeMapping(ctx context.Context, r *resource, p mappingProperties) error {
	cloud := r.stack.cloud
	f, err := cloud.function(p.FunctionName)
	if err != nil {
		return err
	}
	url, there := cloud.queueURL(p.EventSourceArn)
	if !there {
		return fmt.Errorf("%s is no queue's ARN", p.EventSourceArn)
	}
	batch := int(cmp.Or(p.BatchSize, 10))
	if batch > 10 && p.MaximumBatchingWindowInSeconds < 1 {
		return fmt.Errorf("batches of %d need a window of at least 1 s", batch)
	}
	got, err := cloud.SQS.GetQueueAttributes(ctx, &sqs.GetQueueAttributesInput{
		QueueUrl: aws.String(url), AttributeNames: []types.QueueAttributeName{types.QueueAttributeNameVisibilityTimeout},
	})
	if err != nil {
		return fmt.Errorf("the emulator: %w", err)
	}
	visible, err := time.ParseDuration(got.Attributes["VisibilityTimeout"] + "s")
	if err != nil || visible < f.Timeout {
		return fmt.Errorf("queue visibility timeout %s is less than function timeout %s", visible, f.Timeout)
	}
	for _, action := range []string{"sqs:ReceiveMessage", "sqs:DeleteMessage", "sqs:GetQueueAttributes"} {
		if !cloud.Gate.May(f.Role, action, p.EventSourceArn) {
			return fmt.Errorf("the function's role lacks %s on %s", action, p.EventSourceArn)
		}
	}
	if old := r.stack.pollers[r.Logical]; old != nil {
		old.stop()
	}
	fresh := &poller{
		cloud: cloud, function: f, url: url, arn: p.EventSourceArn, batch: batch,
		partial: slices.Contains(p.FunctionResponseTypes, "ReportBatchItemFailures"),
	}
	r.stack.pollers[r.Logical] = fresh
	fresh.start() //nolint:contextcheck // it outlives the deployment
	return nil
}

// function finds one by its name or ARN.
func (c *Cloud) function(name string) (*Function, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if f := c.functions[strings.TrimPrefix(name, gate.ARN("lambda", "function:"))]; f != nil {
		return f, nil
	}
	return nil, fmt.Errorf("%s is no function", name)
}

func makeURL(_ context.Context, r *resource, p struct {
	TargetFunctionArn, AuthType string
	InvokeMode, Cors            any
},
) error {
	f, err := r.stack.cloud.function(p.TargetFunctionArn)
	if err != nil {
		return err
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	f.authType = p.AuthType
	return nil
}

// makePermission adds a statement to the function's own policy.
func makePermission(_ context.Context, r *resource, p struct {
	FunctionName, Principal, Action            string
	FunctionURLAuthType, InvokedViaFunctionURL scalar
},
) error {
	f, err := r.stack.cloud.function(p.FunctionName)
	if err != nil {
		return err
	}
	s := gate.Statement{
		Sid: r.Logical, Effect: "Allow", Principal: map[string]any{"Service": p.Principal}, Action: []string{p.Action},
		Resource: []string{gate.ARN("lambda", "function:"+f.Name)}, Condition: gate.Conditions{},
	}
	if p.Principal == "*" {
		s.Principal = "*"
	}
	if p.FunctionURLAuthType != "" {
		s.Condition["StringEquals"] = map[string]gate.Texts{"lambda:FunctionUrlAuthType": {string(p.FunctionURLAuthType)}}
	}
	if p.InvokedViaFunctionURL != "" {
		s.Condition["Bool"] = map[string]gate.Texts{"lambda:InvokedViaFunctionUrl": {string(p.InvokedViaFunctionURL)}}
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	f.policy = append(f.policy, gate.Document{Statement: []gate.Statement{s}})
	return nil
}

// Request is an anonymous HTTP request to the function's URL. Lambda refuses it
// with 403 unless both permissions that a public URL needs are there.
func (f *Function) Request(ctx context.Context, e events.LambdaFunctionURLRequest) (events.LambdaFunctionURLResponse, error) {
	f.mu.Lock()
	policy, auth := f.policy, f.authType
	f.mu.Unlock()
	if auth == "" {
		return events.LambdaFunctionURLResponse{}, errors.New("the function has no URL")
	}
	for _, action := range []string{"lambda:InvokeFunctionUrl", "lambda:InvokeFunction"} {
		allowed, _, err := gate.Judge(gate.Request{
			Action: action, Resource: gate.ARN("lambda", "function:"+f.Name),
			Context: map[string]string{"lambda:FunctionUrlAuthType": auth, "lambda:InvokedViaFunctionUrl": "true"},
		}, nil, policy)
		if err != nil || !allowed || auth != "NONE" {
			return events.LambdaFunctionURLResponse{StatusCode: http.StatusForbidden, Body: "no " + action}, err
		}
	}
	var response events.LambdaFunctionURLResponse
	payload, err := json.Marshal(e)
	if err != nil {
		return response, fmt.Errorf("request: %w", err)
	}
	answer, err := f.Invoke(ctx, payload)
	if err != nil {
		return events.LambdaFunctionURLResponse{StatusCode: http.StatusBadGateway, Body: err.Error()}, nil //nolint:nilerr // AWS tells the caller no more
	}
	if err := json.Unmarshal(answer, &response); err != nil {
		return response, fmt.Errorf("answer: %w", err)
	}
	return response, nil
}
