package templatetest_test

import (
	"fmt"
	"maps"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/jobhook/jobhook/shared/dynamo"
)

func TestReceiveRole(t *testing.T) {
	tpl := loadFile(t, "receive.yaml")
	got := allowed(t, properties(tpl, "ReceiveRole").Map())
	want := []string{
		"dynamodb:DeleteItem ReceiptsTable",
		"dynamodb:PutItem ReceiptsTable",
		"dynamodb:UpdateItem ReceiptsTable",
		"logs:CreateLogStream ReceiveLogs",
		"logs:PutLogEvents ReceiveLogs",
		"secretsmanager:GetSecretValue SourcesSecret",
		"sqs:SendMessage InboxQueue",
	}
	if !slices.Equal(got, want) {
		t.Errorf("receive may\n%q\nwant\n%q", got, want)
	}
	function := properties(tpl, "ReceiveFunction")
	if name(function["Role"]) != "ReceiveRole" || function["Policies"] != nil {
		t.Error("receive must have its own role and nothing else")
	}
	if function.At("FunctionUrlConfig", "AuthType") != "NONE" {
		t.Error("senders can't sign for AWS")
	}
}

// The pipe takes from the inbox, puts the envelope on the one bus, and its role
// allows that alone. Neither is there without a bus.
func TestReceiveFansOut(t *testing.T) {
	tpl := loadFile(t, "receive.yaml")
	got := allowed(t, properties(tpl, "FanOutRole").Map())
	want := []string{
		"events:PutEvents FanOutBusArn", "sqs:DeleteMessage InboxQueue", "sqs:GetQueueAttributes InboxQueue", "sqs:ReceiveMessage InboxQueue",
	}
	if !slices.Equal(got, want) {
		t.Errorf("the pipe may\n%q\nwant\n%q", got, want)
	}
	for _, resource := range []string{"FanOutPipe", "FanOutRole"} {
		if tpl.At("Resources", resource, "Condition") != "FanOut" {
			t.Errorf("%s is there without a bus", resource)
		}
	}
	pipe := properties(tpl, "FanOutPipe")
	if name(pipe["Source"]) != "InboxQueue" || name(pipe["Target"]) != "FanOutBusArn" || name(pipe["RoleArn"]) != "FanOutRole" {
		t.Errorf("the pipe is %v", pipe)
	}
	event := pipe.Map("TargetParameters", "EventBridgeEventBusParameters")
	if event["Source"] != "jobhook.receive" || event["DetailType"] != "Webhook Received" || pipe.At("TargetParameters", "InputTemplate") != "<$.body>" {
		t.Errorf("the event is %v", pipe["TargetParameters"])
	}
	pattern := regexp.MustCompile(fmt.Sprint(tpl.At("Parameters", "FanOutBusArn", "AllowedPattern")))
	for arn, fits := range map[string]bool{
		"": true, "arn:aws:events:us-east-1:123456789012:event-bus/default": true, "arn:aws:sns:us-east-1:123456789012:topic": false, "default": false,
	} {
		if pattern.MatchString(arn) != fits {
			t.Errorf("%q: fits %t, want %t", arn, !fits, fits)
		}
	}
}

// SQS wants the dead letters of a FIFO queue to be FIFO, and of a standard one not.
func TestReceiveInboxMayBeFIFO(t *testing.T) {
	tpl := loadFile(t, "receive.yaml")
	for queue, settings := range map[string][]string{
		"InboxQueue": {"FifoQueue", "DeduplicationScope", "FifoThroughputLimit"}, "InboxDeadLetters": {"FifoQueue"},
	} {
		for _, setting := range settings {
			choice, _ := properties(tpl, queue).At(setting, "Fn::If").([]any)
			if len(choice) != 3 || choice[0] != "Fifo" || name(choice[2]) != "AWS::NoValue" {
				t.Errorf("%s: %s is %v", queue, setting, choice)
			}
		}
		if properties(tpl, queue)["QueueName"] != nil {
			t.Errorf("%s has a name, which would have to end in .fifo or not", queue)
		}
	}
	for _, parameter := range []string{"InboxFifo", "FanOutBusArn"} {
		if name(properties(load(t), "Receiving").At("Parameters", parameter)) != parameter {
			t.Errorf("template.yaml does not hand on %s", parameter)
		}
	}
}

// Its settings are private to its main package, so their tags are read there.
func TestReceiveEnvironment(t *testing.T) {
	source, err := os.ReadFile("../../functions/receive/settings.go")
	if err != nil {
		t.Fatal(err)
	}
	var want []string
	for _, tag := range regexp.MustCompile("`env:\"([A-Z_]+)").FindAllStringSubmatch(string(source), -1) {
		want = append(want, tag[1])
	}
	variables := properties(loadFile(t, "receive.yaml"), "ReceiveFunction").Map("Environment", "Variables")
	var got []string
	for name := range variables {
		if !strings.HasPrefix(name, "AWS_") {
			got = append(got, name)
		}
	}
	slices.Sort(want)
	slices.Sort(got)
	if len(want) == 0 || !slices.Equal(got, want) {
		t.Errorf("receive is given\n%v\nand reads\n%v", got, want)
	}
}

func TestReceiveRecords(t *testing.T) {
	tpl := loadFile(t, "receive.yaml")
	table, want := properties(tpl, "ReceiptsTable"), dynamo.ReceiptsDefinition("")
	if !slices.Equal(keys(table["KeySchema"]), defined(want.KeySchema)) ||
		!maps.Equal(attributes(table["AttributeDefinitions"]), defining(want.AttributeDefinitions)) {
		t.Errorf("the table is %v", table)
	}
	if table.At("TimeToLiveSpecification", "AttributeName") != dynamo.TTLAttribute {
		t.Error("receipts don't expire")
	}
	if name(properties(tpl, "InboxQueue").At("RedrivePolicy", "deadLetterTargetArn")) != "InboxDeadLetters" {
		t.Error("the inbox has no dead letters")
	}
}

// The stack that takes receive in sets parameters and reads outputs that it has.
func TestReceiveFitsIn(t *testing.T) {
	outer, inner := load(t), loadFile(t, "receive.yaml")
	for parameter := range properties(outer, "Receiving").Map("Parameters") {
		if inner.At("Parameters", parameter) == nil {
			t.Errorf("receive.yaml has no parameter %s", parameter)
		}
	}
	source, err := os.ReadFile("../../template.yaml")
	if err != nil {
		t.Fatal(err)
	}
	read := regexp.MustCompile(`Receiving\.Outputs\.(\w+)`).FindAllStringSubmatch(string(source), -1)
	if len(read) == 0 {
		t.Error("nothing of receive is told")
	}
	for _, output := range read {
		if inner.At("Outputs", output[1]) == nil {
			t.Errorf("receive.yaml has no output %s", output[1])
		}
	}
}
