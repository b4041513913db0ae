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
	"github.com/jobhook/jobhook/internal/rehearse/eventbridge"
	"github.com/jobhook/jobhook/internal/rehearse/gate"
)

// rule is an EventBridge rule with its targets.
type rule struct {
	arn, bus string
	pattern  map[string]any
	targets  []map[string]any
}

func makeBus(_ context.Context, r *resource) (cloudformation.Made, error) {
	r.stack.cloud.add("EventBusName", r.text("Name"))
	return cloudformation.Made{Ref: r.text("Name"), Attributes: map[string]string{
		"Arn": gate.ARN("events", "event-bus/"+r.text("Name")), "Name": r.text("Name"),
	}}, nil
}

func makeRule(_ context.Context, r *resource) (cloudformation.Made, error) {
	cloud, made := r.stack.cloud, r.physical
	bus := r.text("EventBusName")
	if bus == "" {
		bus = "default"
	}
	cloud.mu.Lock()
	defer cloud.mu.Unlock()
	if !cloud.resources["EventBusName"][bus] {
		return made, fmt.Errorf("there is no bus %s", bus)
	}
	if !r.exists {
		name := r.name()
		path := name
		if bus != "default" {
			path = bus + "/" + name
		}
		made = cloudformation.Made{Ref: name, Attributes: map[string]string{"Arn": gate.ARN("events", "rule/"+path)}}
	}
	fresh := &rule{arn: made.Attributes["Arn"], bus: bus}
	fresh.pattern, _ = r.at("EventPattern").(map[string]any)
	for _, target := range r.list("Targets") {
		t, _ := target.(map[string]any)
		fresh.targets = append(fresh.targets, t)
	}
	if _, err := eventbridge.Matches(fresh.pattern, map[string]any{}); err != nil {
		return made, err
	}
	if r.text("State") != "DISABLED" {
		cloud.rules[fresh.arn] = fresh
	}
	return made, nil
}

// PutEvent puts an event on a bus: each rule that takes it sends it on. The
// answer is how many targets were sent it, or their dead letters.
func (c *Cloud) PutEvent(ctx context.Context, bus string, event map[string]any) (int, error) {
	c.mu.Lock()
	rules := make([]*rule, 0, len(c.rules))
	for _, r := range c.rules {
		if r.bus == bus {
			rules = append(rules, r)
		}
	}
	c.mu.Unlock()
	sent := 0
	var faults []error
	for _, r := range rules {
		takes, err := eventbridge.Matches(r.pattern, event)
		if err != nil || !takes {
			faults = append(faults, err)
			continue
		}
		for _, target := range r.targets {
			faults = append(faults, c.sendTo(ctx, r, target, event))
			sent++
		}
	}
	return sent, errors.Join(faults...)
}

// sendTo sends an event to a target, or, when its queue doesn't take it, to its
// dead letters. An input that can't be made is lost, as in EventBridge.
func (c *Cloud) sendTo(ctx context.Context, r *rule, target, event map[string]any) error {
	body, err := eventbridge.Input(target, event)
	if err != nil {
		return fmt.Errorf("rule %s: %w", r.arn, err)
	}
	for _, to := range []any{target["Arn"], value(target["DeadLetterConfig"], "Arn")} {
		arn := cloudformation.Text(to)
		url, there := c.queueURL(arn)
		context := map[string]string{"aws:SourceArn": r.arn, "aws:SourceAccount": cloudformation.Account, "aws:SecureTransport": "true"}
		if !there || !c.Gate.DecideService("events.amazonaws.com", "sqs:SendMessage", arn, context).Allowed {
			continue
		}
		in := &sqs.SendMessageInput{QueueUrl: aws.String(url), MessageBody: aws.String(body)}
		if group := field(value(target, "SqsParameters"), "MessageGroupId"); *group != "" {
			in.MessageGroupId = group
		}
		if _, err := c.SQS.SendMessage(ctx, in); err != nil {
			return wrap(err)
		}
		return nil
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.lost = append(c.lost, body)
	return nil
}

// Completion is a "Job Completed" event as EventBridge hands it on.
func Completion(id string, detail map[string]any) map[string]any {
	text, err := json.Marshal(detail)
	if err != nil {
		panic(err) // a test's own maps
	}
	var own map[string]any
	if err := json.NewDecoder(strings.NewReader(string(text))).Decode(&own); err != nil {
		panic(err)
	}
	return map[string]any{
		"version": "0", "id": id, "detail-type": "Job Completed", "source": "my.platform", "account": cloudformation.Account,
		"time": "2026-11-20T09:41:08Z", "region": cloudformation.Region, "resources": []any{}, "detail": own,
	}
}
