package rehearse

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/sqs"

	"github.com/jobhook/jobhook/internal/rehearse/gate"
)

// rule is an EventBridge rule with its targets.
type rule struct {
	arn string
	ruleProperties
}

type ruleProperties struct {
	EventBusName, State     string
	EventPattern            map[string]any
	Targets                 []target
	Description, Name, Tags any
}

func makeBus(_ context.Context, r *resource, _ struct{ Name, Description, Tags any }) error {
	r.stack.cloud.add("EventBusName", r.Ref)
	return nil
}

func makeRule(_ context.Context, r *resource, p ruleProperties) error {
	p.EventBusName = cmp.Or(p.EventBusName, "default")
	if r.stack.cloud.missing("EventBusName", p.EventBusName) {
		return fmt.Errorf("there is no bus %s", p.EventBusName)
	}
	if _, err := matches(p.EventPattern, map[string]any{}); err != nil {
		return err
	}
	r.stack.cloud.mu.Lock()
	defer r.stack.cloud.mu.Unlock()
	if p.State != "DISABLED" {
		r.stack.cloud.rules[r.ARN] = &rule{r.ARN, p}
	}
	return nil
}

// PutEvent puts an event on a bus: each rule that takes it sends it on. The
// answer is the message group that each target was sent it with.
func (c *Cloud) PutEvent(ctx context.Context, bus string, event map[string]any) (groups []string, err error) {
	c.mu.Lock()
	rules := slices.Collect(maps.Values(c.rules))
	c.mu.Unlock()
	var faults []error
	for _, r := range rules {
		takes, err := matches(r.EventPattern, event)
		if err != nil || !takes || r.EventBusName != bus {
			faults = append(faults, err)
			continue
		}
		for _, target := range r.Targets {
			group, err := c.sendTo(ctx, r.arn, target, event)
			faults, groups = append(faults, err), append(groups, group)
		}
	}
	return groups, errors.Join(faults...)
}

// sendTo sends an event to a target, or, when its queue doesn't take it, to its
// dead letters. An input that can't be made is lost, as in EventBridge.
func (c *Cloud) sendTo(ctx context.Context, rule string, to target, event map[string]any) (group string, err error) {
	body, err := to.input(event)
	if err != nil {
		return "", fmt.Errorf("rule %s: %w", rule, err)
	}
	queues := []string{to.Arn, to.DeadLetterConfig.Arn}
	if group, err = to.group(event); err != nil {
		queues = queues[1:] // SQS refused it
	}
	for _, arn := range queues {
		url, there := c.queueURL(arn)
		context := map[string]string{"aws:SourceArn": rule, "aws:SourceAccount": gate.Account, "aws:SecureTransport": "true"}
		if there && c.Gate.Decide("events.amazonaws.com", "sqs:SendMessage", arn, context).Allowed {
			m := &sqs.SendMessageInput{QueueUrl: aws.String(url), MessageBody: aws.String(body)}
			if group != "" {
				m.MessageGroupId = aws.String(group)
			}
			_, err := c.SQS.SendMessage(ctx, m)
			return group, err
		}
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.lost = append(c.lost, body)
	return group, nil
}

// Completion is a "Job Completed" event as EventBridge hands it on.
func Completion(id string, detail map[string]any) map[string]any {
	return map[string]any{
		"version": "0", "id": id, "detail-type": "Job Completed", "source": "my.platform", "account": gate.Account,
		"time": "2026-11-20T09:41:08Z", "region": gate.Region, "resources": []any{}, "detail": detail,
	}
}
