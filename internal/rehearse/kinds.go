package rehearse

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strconv"
	"strings"

	"github.com/jobhook/jobhook/internal/rehearse/gate"
)

// kind is a type of resource: how the rehearsal makes one.
type kind struct {
	make   func(ctx context.Context, r *resource) error
	kept   bool // it holds data: an update that changes it is a fault
	always bool // made at every update: its code may have changed
}

// kinds is all that the rehearsal knows. A template with another type fails.
var kinds = map[string]kind{
	"AWS::SQS::Queue":                 {make: of(makeQueue)},
	"AWS::SQS::QueuePolicy":           {make: of(makeQueuePolicy)},
	"AWS::DynamoDB::Table":            {make: of(makeTable), kept: true},
	"AWS::SecretsManager::Secret":     {make: of(makeSecret), kept: true},
	"AWS::IAM::Role":                  {make: of(makeRole)},
	"AWS::Lambda::Function":           {make: of(makeFunction), always: true},
	"AWS::Lambda::EventSourceMapping": {make: of(makeMapping)},
	"AWS::Lambda::Url":                {make: of(makeURL)},
	"AWS::Lambda::Permission":         {make: of(makePermission)},
	"AWS::Events::EventBus":           {make: of(makeBus)},
	"AWS::Events::Rule":               {make: of(makeRule)},
	"AWS::Logs::LogGroup":             {make: of(makeLogGroup)},
	"AWS::SNS::Topic":                 {make: of(makeTopic)},
	"AWS::CloudWatch::Alarm":          {make: of(makeAlarm)},
	"AWS::CloudWatch::Dashboard":      {make: of(makeDashboard)},
}

// of hands a resource's properties over as the type that lists all that may be
// among them: another is refused.
func of[P any](create func(context.Context, *resource, P) error) func(context.Context, *resource) error {
	return func(ctx context.Context, r *resource) error {
		var p P
		decoder := json.NewDecoder(bytes.NewReader(r.Properties))
		decoder.DisallowUnknownFields()
		if err := decoder.Decode(&p); err != nil {
			return fmt.Errorf("properties: %w", err)
		}
		return create(ctx, r, p)
	}
}

// scalar is a text, a number or a boolean, as CloudFormation hands it on.
type scalar string

// UnmarshalJSON refuses a list and an object.
func (s *scalar) UnmarshalJSON(text []byte) error {
	switch text[0] {
	case '"':
		return json.Unmarshal(text, (*string)(s))
	case '{', '[':
		return fmt.Errorf("%s is no text", text)
	}
	*s = scalar(text)
	return nil
}

// number is a whole number, which a template may also give as text.
type number int

// UnmarshalJSON reads 5 and "5".
func (n *number) UnmarshalJSON(text []byte) error {
	value, err := strconv.Atoi(strings.Trim(string(text), `"`))
	*n = number(value)
	return err
}

type roleProperties struct {
	AssumeRolePolicyDocument json.RawMessage
	Policies                 []struct {
		PolicyName     string
		PolicyDocument json.RawMessage
	}
	Description, Tags any
}

// makeRole hands the role's policies to the gate. Managed policies are among
// the properties that it doesn't know: no role of this project has one.
func makeRole(_ context.Context, r *resource, p roleProperties) error {
	var documents []gate.Document
	for _, policy := range p.Policies {
		document, err := gate.Parse(policy.PolicyDocument)
		if err != nil {
			return fmt.Errorf("policy %s: %w", policy.PolicyName, err)
		}
		documents = append(documents, document)
	}
	trust, err := gate.Parse(p.AssumeRolePolicyDocument)
	if err != nil {
		return err
	}
	for i := range trust.Statement {
		trust.Statement[i].Resource = []string{"*"} // a trust policy has none
	}
	request := gate.Request{Service: "lambda.amazonaws.com", Action: "sts:AssumeRole", Resource: r.ARN}
	allowed, _, err := gate.Judge(request, nil, []gate.Document{trust})
	if err == nil && !allowed {
		err = errors.New("Lambda may not assume the role")
	}
	if err != nil {
		return err
	}
	r.stack.cloud.Gate.SetRole(r.Ref, documents)
	return nil
}

func makeLogGroup(_ context.Context, r *resource, _ struct{ LogGroupName, RetentionInDays, Tags any }) error {
	r.stack.cloud.mu.Lock()
	defer r.stack.cloud.mu.Unlock()
	if !r.exists {
		r.stack.cloud.logs[r.Ref] = &[]string{}
	}
	return nil
}

func makeTopic(context.Context, *resource, struct{ DisplayName, Subscription, Tags, KmsMasterKeyID any }) error {
	return nil
}

type alarmProperties struct {
	Dimensions []dimension
	Metrics    []struct {
		ID, Expression, Label, ReturnData, Period any
		MetricStat                                struct {
			Metric struct {
				Namespace, MetricName any
				Dimensions            []dimension
			}
			Period, Stat, Unit any
		}
	}
	AlarmDescription, Namespace, MetricName, Statistic, ComparisonOperator, Threshold, Period, EvaluationPeriods, DatapointsToAlarm,
	TreatMissingData, AlarmActions, OKActions, Unit, ExtendedStatistic, EvaluateLowSampleCountPercentile, Tags any
}

type dimension struct{ Name, Value string }

// makeAlarm refuses one that watches a queue, function or table that isn't
// there: CloudWatch would take it and it would never ring.
func makeAlarm(_ context.Context, r *resource, p alarmProperties) error {
	for _, metric := range p.Metrics {
		p.Dimensions = append(p.Dimensions, metric.MetricStat.Metric.Dimensions...)
	}
	for _, d := range p.Dimensions {
		if r.stack.cloud.missing(d.Name, d.Value) {
			return fmt.Errorf("it watches %s %q, which isn't there", d.Name, d.Value)
		}
	}
	return nil
}

func makeDashboard(_ context.Context, _ *resource, p struct{ DashboardName, DashboardBody string }) error {
	if !json.Valid([]byte(p.DashboardBody)) {
		return fmt.Errorf("its body is no JSON: %s", p.DashboardBody)
	}
	return nil
}
