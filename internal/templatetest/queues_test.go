package templatetest_test

import (
	"fmt"
	"maps"
	"slices"
	"testing"
	"time"

	"github.com/jobhook/jobhook/internal/templatetest"
	"github.com/jobhook/jobhook/shared/schedule"
)

// sources says which queue calls which function.
var sources = map[string]string{"DispatchFunction": "CompletionsQueue", "RetryFunction": "RetryQueue"}

func TestTriggers(t *testing.T) {
	tpl := load(t)
	for function, queue := range sources {
		events := properties(tpl, function).Map("Events")
		if len(events) != 1 {
			t.Errorf("%s has %d triggers", function, len(events))
		}
		for _, e := range events {
			p := templatetest.Template(e.(map[string]any)["Properties"].(map[string]any))
			if got := name(p["Queue"]); got != queue {
				t.Errorf("%s is called by %s, want %s", function, got, queue)
			}
			if got := list(p["FunctionResponseTypes"]); !slices.Equal(got, []string{"ReportBatchItemFailures"}) {
				t.Errorf("%s: partial batch response: %v", function, got)
			}
			if p.At("ScalingConfig", "MaximumConcurrency") == nil {
				t.Errorf("%s has no bound on its concurrency", function)
			}
		}
	}
}

// AWS asks for a visibility timeout of six times the function's timeout, and
// the batch window on top.
func TestVisibility(t *testing.T) {
	tpl := load(t)
	timeout := number(t, tpl.At("Globals", "Function", "Timeout"))
	window := number(t, tpl.At("Parameters", "BatchWindowSeconds", "MaxValue"))
	for function, queue := range sources {
		if properties(tpl, function).At("Timeout") != nil {
			t.Fatalf("%s has a timeout of its own; compare that", function)
		}
		if got := number(t, properties(tpl, queue).At("VisibilityTimeout")); got < 6*timeout+window {
			t.Errorf("%s: visibility %d s, want at least %d", queue, got, 6*timeout+window)
		}
	}
	// One POST and its records, twice over.
	if send := number(t, tpl.At("Parameters", "SendTimeoutSeconds", "MaxValue")); 2*(send+8) > timeout {
		t.Errorf("a timeout of %d s doesn't hold two rounds of %d s", timeout, send)
	}
}

func TestRedrive(t *testing.T) {
	tpl := load(t)
	for queue, dead := range map[string]string{
		"CompletionsQueue": "CompletionsDeadLetters", "RetryQueue": "RetryDeadLetters",
	} {
		q, d := properties(tpl, queue), properties(tpl, dead)
		if got := name(q.At("RedrivePolicy", "deadLetterTargetArn")); got != dead {
			t.Errorf("%s redrives to %s, want %s", queue, got, dead)
		}
		// shared/sqsbatch returns a message after at most 5 minutes.
		if got := number(t, q.At("RedrivePolicy", "maxReceiveCount")); got < 100 {
			t.Errorf("%s: %d receives don't outlast an outage of six hours", queue, got)
		}
		if kept, there := number(t, d.At("MessageRetentionPeriod")), number(t, q.At("MessageRetentionPeriod")); kept != 14*24*3600 || there >= kept {
			t.Errorf("%s keeps %d s, %s %d s", dead, kept, queue, there)
		}
	}
}

// Every queue is encrypted and has one policy that refuses plain HTTP; besides,
// only the rules may send, to the completions and to their dead letters.
func TestQueuePolicies(t *testing.T) {
	tpl := load(t)
	sends := map[string]int{}
	covered := map[string]int{}
	for _, policy := range tpl.OfType("AWS::SQS::QueuePolicy") {
		p := properties(tpl, policy)
		secured := false
		for _, s := range statements(t, p.At("PolicyDocument"), "AwsJobsToo") {
			switch {
			case s["Effect"] == "Deny" && s.At("Condition", "Bool", "aws:SecureTransport") == "false":
				secured = true
			case s["Effect"] == "Allow" && s.At("Principal", "Service") == "events.amazonaws.com" && s["Action"] == "sqs:SendMessage":
				sends[sourceOf(s)+" "+name(s["Resource"])]++
			default:
				t.Errorf("%s has a statement that nobody expects: %v", policy, s)
			}
		}
		for _, queue := range list(p["Queues"]) {
			covered[queue]++
			if !secured {
				t.Errorf("%s doesn't refuse plain HTTP", policy)
			}
		}
	}
	for _, queue := range tpl.OfType("AWS::SQS::Queue") {
		if covered[queue] != 1 {
			t.Errorf("%s has %d policies; the last one wins, so it must be one", queue, covered[queue])
		}
		if properties(tpl, queue)["SqsManagedSseEnabled"] != true {
			t.Errorf("%s is not encrypted", queue)
		}
	}
	if want := map[string]int{
		"CompletionRule CompletionsQueue": 1, "CompletionRule CompletionsDeadLetters": 1,
		"AwsJobs.Outputs.RuleArns CompletionsQueue": 1, "AwsJobs.Outputs.RuleArns CompletionsDeadLetters": 1,
	}; !maps.Equal(sends, want) {
		t.Errorf("the rules may send %v, want %v", sends, want)
	}
}

// sourceOf names the rule, or the list of rules, that a statement lets send.
func sourceOf(s templatetest.Template) string {
	arn := s.At("Condition", "ArnEquals", "aws:SourceArn")
	if m, ok := arn.(map[string]any); ok && m["Fn::Split"] != nil {
		return fmt.Sprint(m["Fn::Split"].([]any)[1].(map[string]any)["Fn::GetAtt"])
	}
	return name(arn)
}

func TestRule(t *testing.T) {
	rule := properties(load(t), "CompletionRule")
	pattern := rule.Map("EventPattern")
	if got := list(pattern["detail-type"]); len(pattern) != 1 || !slices.Equal(got, []string{"Job Completed"}) {
		t.Errorf("the rule takes %v", pattern)
	}
	target := templatetest.Template(rule["Targets"].([]any)[0].(map[string]any))
	if name(target["Arn"]) != "CompletionsQueue" || name(target.At("DeadLetterConfig", "Arn")) != "CompletionsDeadLetters" {
		t.Errorf("the rule's target is %v", target)
	}
	for _, changing := range []string{"Input", "InputPath", "InputTransformer"} {
		if target[changing] != nil {
			t.Errorf("%s: dispatch reads the whole event, and so do the dead letters' redrive", changing)
		}
	}
}

// A function that sends to its own queue needs Lambda's loop detection off.
func TestLoopIsMeant(t *testing.T) {
	if got := properties(load(t), "RetryFunction")["RecursiveLoop"]; got != "Allow" {
		t.Errorf("RecursiveLoop is %v: Lambda would stop a long schedule after some 16 rounds", got)
	}
}

// Each queue that nobody empties by itself, each function and each source has
// its alarm, and all alarms tell somebody.
func TestAlarms(t *testing.T) {
	tpl := load(t)
	watched := map[string]int{}
	for _, alarm := range tpl.OfType("AWS::CloudWatch::Alarm") {
		a := properties(tpl, alarm)
		dimension := a["Dimensions"].([]any)[0].(map[string]any)
		watched[name(a["MetricName"])+" "+name(dimension["Value"])] = number(t, a["Threshold"])
		if a["AlarmActions"] == nil || a["TreatMissingData"] != "notBreaching" || a["AlarmDescription"] == nil {
			t.Errorf("%s: tells nobody, says nothing, or rings when idle", alarm)
		}
	}
	longest := int(schedule.MaxHop/time.Second) + 400
	for what, least := range map[string]int{
		"ApproximateNumberOfMessagesVisible CompletionsDeadLetters": 0,
		"ApproximateNumberOfMessagesVisible RetryDeadLetters":       0,
		"ApproximateNumberOfMessagesVisible RejectedQueue":          0,
		"ApproximateAgeOfOldestMessage CompletionsQueue":            400,
		"ApproximateAgeOfOldestMessage RetryQueue":                  longest,
		"faults DispatchFunction":                                   0,
		"faults RetryFunction":                                      0,
		"Errors DispatchFunction":                                   0,
		"Errors RetryFunction":                                      0,
		"Throttles DispatchFunction":                                0,
		"Throttles RetryFunction":                                   0,
	} {
		if threshold, there := watched[what]; !there || threshold < least {
			t.Errorf("%s: alarm %v at %d, want at least %d", what, there, threshold, least)
		}
	}
}
