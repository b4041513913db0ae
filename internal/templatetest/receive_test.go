package templatetest_test

import (
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
