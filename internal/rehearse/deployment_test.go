//go:build rehearse

package rehearse

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/jobhook/jobhook/internal/emulators"
)

const sample = `{
 "Parameters": {"Days": {"Type": "Number", "Default": 7, "MinValue": 1, "MaxValue": 30},
                "Name": {"Type": "String", "Default": "", "AllowedPattern": "[a-z]*", "MaxLength": 5},
                "On": {"Type": "String", "Default": "yes", "AllowedValues": ["yes", "no"]},
                "Nets": {"Type": "CommaDelimitedList", "Default": "a,b"}},
 "Mappings": {"M": {"7": {"Text": "168h"}}},
 "Conditions": {"IsOn": {"Fn::Equals": [{"Ref": "On"}, "yes"]}, "IsOff": {"Fn::Not": [{"Condition": "IsOn"}]}, "IsWeek": {"Fn::Equals": [{"Ref": "Days"}, "7"]},
                "Both": {"Fn::And": [{"Condition": "IsWeek"}, {"Condition": "IsOff"}]}, "One": {"Fn::Or": [{"Condition": "IsOn"}, {"Condition": "IsOff"}]}},
 "Rules": {"R": {"RuleCondition": {"Fn::Equals": [{"Ref": "On"}, "no"]}, "Assertions": [{"Assert": {"Fn::Contains": [["1", "2"], {"Ref": "Days"}]}, "AssertDescription": "few days"}]}},
 "Resources": {
  "A": {"Type": "AWS::CloudWatch::Dashboard", "Condition": "One", "Properties": {"DashboardBody": "{}",
    "if": {"Fn::If": ["Both", 1, {"Ref": "AWS::NoValue"}]}, "list": [1, {"Ref": "AWS::NoValue"}, 2], "value": {"Ref": "On"}}},
  "B": {"Type": "AWS::SNS::Topic", "Condition": "IsOn", "DependsOn": "D"},
  "C": {"Type": "AWS::SNS::Topic", "Condition": "IsOff"},
  "D": {"Type": "AWS::CloudWatch::Dashboard", "Properties": {"DashboardBody": {"Fn::Sub": ["\"${v} ${AWS::Region} ${E.Arn} ${!x}\"", {"v": {"Ref": "On"}}]},
    "map": {"Fn::FindInMap": ["M", {"Ref": "Days"}, "Text"]}, "nets": {"Ref": "Nets"},
    "join": {"Fn::Join": ["-", ["x", {"Ref": "Days"}]]}, "pick": {"Fn::Select": [1, {"Fn::Split": [",", "p,q"]}]}}},
  "E": {"Type": "AWS::Events::EventBus", "Properties": {"Name": "BUS"}}},
 "Outputs": {"O": {"Value": {"Ref": "E"}}, "P": {"Condition": "IsOff", "Value": {"Ref": "C"}}}}`

// planted writes the sample with a change as the only template of a directory.
func planted(t *testing.T, old, changed string) string {
	t.Helper()
	if !strings.Contains(sample, old) {
		t.Fatalf("the sample lacks %s", old)
	}
	text := strings.Replace(sample, old, changed, 1)
	directory := t.TempDir()
	text = strings.Replace(text, "BUS", emulators.Name("sample"), 1)
	if err := os.WriteFile(filepath.Join(directory, "template.json"), []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return directory
}

func TestMotoResolvesAsCloudFormation(t *testing.T) {
	directory, name := planted(t, "", ""), emulators.Name("sample")
	d, err := ask(request{Stack: name, Directory: directory})
	if err != nil {
		t.Fatal(err)
	}
	got := map[string]string{}
	order := ""
	for _, r := range d.Resources {
		order += r.Logical
		got[r.Logical] = string(r.Properties)
	}
	if order != "AEDB" {
		t.Errorf("made in the order %s, want AEDB", order)
	}
	for logical, want := range map[string]string{
		"A": `{"DashboardBody": "{}", "list": [1, 2], "value": "yes"}`,
		"D": `", "map": "168h", "nets": ["a", "b"], "join": "x-7", "pick": "q"}`,
	} {
		if !strings.HasSuffix(got[logical], want) {
			t.Errorf("%s: %s, want %s", logical, got[logical], want)
		}
	}
	if body := `{"DashboardBody": "\"yes us-east-1 arn:aws:events:us-east-1:123456789012:event-bus/`; !strings.HasPrefix(got["D"], body) || !strings.Contains(got["D"], ` ${x}\""`) {
		t.Errorf("Sub makes %s", got["D"])
	}
	again, err := ask(request{Stack: name, Directory: directory, Parameters: map[string]string{"Days": "7"}})
	if err != nil || again.Resources[1].Ref != d.Resources[1].Ref {
		t.Errorf("an update makes existing resources again: %v", err)
	}
}

func TestWhatCloudFormationRefuses(t *testing.T) {
	for name, test := range map[string]struct {
		given        map[string]string
		old, changed string
		says         string
	}{
		"a number below":            {given: map[string]string{"Days": "0"}, says: "out of bounds"},
		"a number above":            {given: map[string]string{"Days": "31"}, says: "out of bounds"},
		"no number":                 {given: map[string]string{"Days": "x"}, says: "no number"},
		"a pattern":                 {given: map[string]string{"Name": "A"}, says: "does not match"},
		"a part of a pattern":       {given: map[string]string{"Name": "aA"}, says: "does not match"},
		"a length":                  {given: map[string]string{"Name": "abcdef"}, says: "too long"},
		"another value":             {given: map[string]string{"On": "perhaps"}, says: "not among"},
		"an unknown parameter":      {given: map[string]string{"Other": "x"}, says: "none of this name"},
		"a parameter without value": {old: `"Default": "yes", `, says: "no value"},
		"a rule":                    {given: map[string]string{"On": "no"}, says: "few days"},
		"an unknown name":           {old: `{"Ref": "On"}}}`, changed: `{"Ref": "Off"}}}`, says: "no Off"},
		"an unknown name in Sub":    {old: "${v}", changed: "${w}", says: "no w"},
		"what is not made":          {old: `{"Ref": "On"}}}`, changed: `{"Ref": "C"}}}`, says: "C (AWS::SNS::Topic): it is not made"},
		"what is not made, in Sub":  {old: "${v}", changed: "${C.TopicName}", says: "C (AWS::SNS::Topic): it is not made"},
		"an output of what is not":  {old: `{"Value": {"Ref": "E"}}`, changed: `{"Value": {"Ref": "C"}}`, says: "it is not made"},
		"an unknown attribute":      {old: "${E.Arn}", changed: "${E.Rna}", says: "D (AWS::CloudWatch::Dashboard)"},
		"an unknown function":       {old: `"pick": {"Fn::Select": [1, `, changed: `"pick": {"Fn::Cidr": [1, `, says: "Fn::Cidr"},
		"an unknown condition":      {old: `["Both", 1`, changed: `["Neither", 1`, says: "no Neither"},
		"an unknown key of a map":   {given: map[string]string{"Days": "8"}, says: "no 8"},
		"a list that is too short":  {old: `{"Fn::Select": [1,`, changed: `{"Fn::Select": [2,`, says: "range"},
		"an unknown type":           {old: "AWS::SNS::Topic", changed: "AWS::SNS::Topick", says: "does not know its type"},
		"a circle":                  {old: `{"Name": "BUS"}`, changed: `{"Name": "BUS", "x": {"Ref": "D"}}`, says: "depends on itself"},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := ask(request{Stack: emulators.Name("refused"), Directory: planted(t, test.old, test.changed), Parameters: test.given})
			if err == nil || !strings.Contains(err.Error(), test.says) {
				t.Errorf("%v, want %q", err, test.says)
			}
		})
	}
	if _, err := ask(request{Stack: emulators.Name("taken"), Directory: planted(t, "", ""), Parameters: map[string]string{"On": "no", "Days": "2"}}); err == nil || !strings.Contains(err.Error(), "no 2") {
		t.Errorf("%v: the rule holds, and the map has no 2 days", err)
	}
}
