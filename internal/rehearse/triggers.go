package rehearse

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"

	"github.com/aws/aws-lambda-go/events"
	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/sqs"
	"github.com/aws/aws-sdk-go-v2/service/sqs/types"

	"github.com/jobhook/jobhook/internal/rehearse/cloudformation"
	"github.com/jobhook/jobhook/internal/rehearse/gate"
	"github.com/jobhook/jobhook/internal/rehearse/iam"
)

// makeMapping starts a poller, after the checks that Lambda makes of a mapping.
func makeMapping(ctx context.Context, r *resource) (cloudformation.Made, error) {
	cloud := r.stack.cloud
	f, err := cloud.function(r.text("FunctionName"))
	if err != nil {
		return cloudformation.Made{}, err
	}
	source := r.text("EventSourceArn")
	url, there := cloud.queueURL(source)
	if !there {
		return cloudformation.Made{}, fmt.Errorf("%s is no queue's ARN", source)
	}
	if err := checkMapping(ctx, r, f, url); err != nil {
		return cloudformation.Made{}, err
	}
	for _, action := range []string{"sqs:ReceiveMessage", "sqs:DeleteMessage", "sqs:GetQueueAttributes"} {
		if !cloud.Gate.May(f.Role, action, source) {
			return cloudformation.Made{}, fmt.Errorf("the function's role lacks %s on %s", action, source)
		}
	}
	if old := r.stack.pollers[r.logical]; old != nil {
		old.stop()
	}
	p := &poller{
		cloud: cloud, function: f, url: url, arn: source, batch: r.number("BatchSize", 10),
		partial: slices.Contains(r.list("FunctionResponseTypes"), any("ReportBatchItemFailures")),
	}
	r.stack.pollers[r.logical] = p
	p.start() //nolint:contextcheck // it outlives the deployment
	return cloudformation.Made{Ref: r.logical}, nil
}

func checkMapping(ctx context.Context, r *resource, f *Function, url string) error {
	batch, window := r.number("BatchSize", 10), r.number("MaximumBatchingWindowInSeconds", 0)
	if batch > 10 && window < 1 {
		return fmt.Errorf("batches of %d need a window of at least 1 s", batch)
	}
	got, err := r.stack.cloud.SQS.GetQueueAttributes(ctx, &sqs.GetQueueAttributesInput{
		QueueUrl: aws.String(url), AttributeNames: []types.QueueAttributeName{types.QueueAttributeNameVisibilityTimeout},
	})
	if err != nil {
		return wrap(err)
	}
	var visible int
	if _, err := fmt.Sscan(got.Attributes["VisibilityTimeout"], &visible); err != nil {
		return fmt.Errorf("visibility timeout: %w", err)
	}
	if limit := int(f.Timeout.Seconds()); visible < limit {
		return fmt.Errorf("queue visibility timeout %d s is less than function timeout %d s", visible, limit)
	}
	return nil
}

func (c *Cloud) function(name string) (*Function, error) {
	name = strings.TrimPrefix(name, gate.ARN("lambda", "function:"))
	c.mu.Lock()
	defer c.mu.Unlock()
	if f := c.functions[name]; f != nil {
		return f, nil
	}
	return nil, fmt.Errorf("%s is no function", name)
}

func makeURL(_ context.Context, r *resource) (cloudformation.Made, error) {
	f, err := r.stack.cloud.function(r.text("TargetFunctionArn"))
	if err != nil {
		return cloudformation.Made{}, err
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	f.authType = r.text("AuthType")
	return cloudformation.Made{Ref: r.logical, Attributes: map[string]string{
		"FunctionUrl": "https://" + strings.ToLower(r.logical) + ".lambda-url." + cloudformation.Region + ".on.aws/",
	}}, nil
}

// makePermission adds a statement to the function's own policy.
func makePermission(_ context.Context, r *resource) (cloudformation.Made, error) {
	f, err := r.stack.cloud.function(r.text("FunctionName"))
	if err != nil {
		return cloudformation.Made{}, err
	}
	principal := any(map[string]any{"Service": r.text("Principal")})
	if r.text("Principal") == "*" {
		principal = "*"
	}
	s := iam.Statement{
		Sid: r.logical, Effect: "Allow", Principal: principal, Actions: []string{r.text("Action")},
		Resources: []string{gate.ARN("lambda", "function:"+f.Name)}, Condition: map[string]map[string][]string{},
	}
	if auth := r.text("FunctionUrlAuthType"); auth != "" {
		s.Condition["StringEquals"] = map[string][]string{"lambda:FunctionUrlAuthType": {auth}}
	}
	if via := r.text("InvokedViaFunctionUrl"); via != "" {
		s.Condition["Bool"] = map[string][]string{"lambda:InvokedViaFunctionUrl": {via}}
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	f.policy = append(f.policy, iam.Document{Version: "2012-10-17", Statements: []iam.Statement{s}})
	return cloudformation.Made{Ref: r.logical}, nil
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
		verdict, err := iam.Judge(iam.Request{
			Action: action, Resource: gate.ARN("lambda", "function:"+f.Name),
			Context: map[string]string{"lambda:FunctionUrlAuthType": auth, "lambda:InvokedViaFunctionUrl": "true"},
		}, nil, policy)
		if err != nil || !verdict.Allowed || auth != "NONE" {
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
