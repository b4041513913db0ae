package templatetest_test

import (
	"fmt"
	"maps"
	"slices"
	"testing"
	"time"

	"github.com/jobhook/jobhook/internal/templatetest"
	"github.com/jobhook/jobhook/shared/schedule"
	"github.com/jobhook/jobhook/shared/webhook"
)

// sources says which queues call which function, each with its own bound on the
// function's calls.
var sources = map[string]map[string]string{
	"DispatchFunction": {"CompletionsQueue": "MaximumConcurrency"},
	"RetryFunction":    {"RetryQueue": "MaximumConcurrency", "SlowQueue": "SlowConcurrency"},
}

func TestTriggers(t *testing.T) {
	tpl := load(t)
	for function, want := range sources {
		bounds := map[string]string{}
		for _, e := range properties(tpl, function).Map("Events") {
			p := templatetest.Template(e.(map[string]any)["Properties"].(map[string]any))
			queue := name(p["Queue"])
			bounds[queue] = name(p.At("ScalingConfig", "MaximumConcurrency"))
			if got := list(p["FunctionResponseTypes"]); !slices.Equal(got, []string{"ReportBatchItemFailures"}) {
				t.Errorf("%s from %s: partial batch response: %v", function, queue, got)
			}
			if name(p["BatchSize"]) != "BatchSize" || name(p["MaximumBatchingWindowInSeconds"]) != "BatchWindowSeconds" {
				t.Errorf("%s from %s takes batches of %v within %v", function, queue, p["BatchSize"], p["MaximumBatchingWindowInSeconds"])
			}
		}
		if !maps.Equal(bounds, want) {
			t.Errorf("%s is called by %v, want %v", function, bounds, want)
		}
	}
	for _, parameter := range []string{"MaximumConcurrency", "SlowConcurrency"} {
		if least := number(t, tpl.At("Parameters", parameter, "MinValue")); least != 2 {
			t.Errorf("%s may be %d; Lambda takes 2 and more", parameter, least)
		}
	}
}

// AWS asks for a visibility timeout of six times the function's timeout, and
// the batch window on top.
func TestVisibility(t *testing.T) {
	tpl := load(t)
	timeout := number(t, tpl.At("Globals", "Function", "Timeout"))
	window := number(t, tpl.At("Parameters", "BatchWindowSeconds", "MaxValue"))
	for function, queues := range sources {
		if properties(tpl, function).At("Timeout") != nil {
			t.Fatalf("%s has a timeout of its own; compare that", function)
		}
		for queue := range queues {
			if got := number(t, properties(tpl, queue).At("VisibilityTimeout")); got < 6*timeout+window {
				t.Errorf("%s: visibility %d s, want at least %d", queue, got, 6*timeout+window)
			}
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
		"CompletionsQueue": "CompletionsDeadLetters", "RetryQueue": "RetryDeadLetters", "SlowQueue": "RetryDeadLetters",
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
				for _, source := range sourcesOf(s) {
					sends[source+" "+name(s["Resource"])]++
				}
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
		"DefaultAccountRule CompletionsQueue": 1, "DefaultAccountRule CompletionsDeadLetters": 1,
		"AwsJobs.Outputs.RuleArns CompletionsQueue": 1, "AwsJobs.Outputs.RuleArns CompletionsDeadLetters": 1,
	}; !maps.Equal(sends, want) {
		t.Errorf("the rules may send %v, want %v", sends, want)
	}
}

// sourcesOf names the rules, or the list of rules, that a statement lets send.
func sourcesOf(s templatetest.Template) []string {
	arn := s.At("Condition", "ArnEquals", "aws:SourceArn")
	if m, ok := arn.(map[string]any); ok && m["Fn::Split"] != nil {
		return []string{fmt.Sprint(m["Fn::Split"].([]any)[1].(map[string]any)["Fn::GetAtt"])}
	}
	return list(arn)
}

// Each completion matches exactly one of the two rules, and its account is its
// message group.
func TestRules(t *testing.T) {
	tpl := load(t)
	for name, want := range map[string]struct{ pattern, group string }{
		"CompletionRule":     {"map[detail:map[account:[map[exists:true]]] detail-type:[Job Completed]]", "$.detail.account"},
		"DefaultAccountRule": {"map[detail:map[account:[map[exists:false]]] detail-type:[Job Completed]]", webhook.DefaultAccount},
	} {
		rule := properties(tpl, name)
		if got := fmt.Sprint(rule.Map("EventPattern")); got != want.pattern {
			t.Errorf("%s takes %s, want %s", name, got, want.pattern)
		}
		if n := len(rule["Targets"].([]any)); n != 1 {
			t.Errorf("%s has %d targets", name, n)
		}
		if group := target(rule).At("SqsParameters", "MessageGroupId"); group != want.group {
			t.Errorf("%s has the group %v, want %s", name, group, want.group)
		}
		toQueue(t, name, target(rule))
	}
}

// toQueue: a rule's target is the completions queue, with its dead letters
// beside it, and gets the event as it is.
func toQueue(t *testing.T, rule string, target templatetest.Template) {
	t.Helper()
	if name(target["Arn"]) != "CompletionsQueue" || name(target.At("DeadLetterConfig", "Arn")) != "CompletionsDeadLetters" {
		t.Errorf("%s has the target %v", rule, target)
	}
	if age := target.At("RetryPolicy", "MaximumEventAgeInSeconds"); number(t, age) != 86400 {
		t.Errorf("%s tries for %v s, want a day", rule, age)
	}
	for _, changing := range []string{"Input", "InputPath", "InputTransformer"} {
		if target[changing] != nil {
			t.Errorf("%s has %s: dispatch reads the whole event, and so does the dead letters' redrive", rule, changing)
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
		"ApproximateAgeOfOldestMessage SlowQueue":                   6 * 3600,
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
