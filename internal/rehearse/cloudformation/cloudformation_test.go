package cloudformation_test

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/jobhook/jobhook/internal/rehearse/cloudformation"
)

const sample = `{
 "Parameters": {"Days": {"Type": "Number", "Default": 7, "MinValue": 1, "MaxValue": 30},
                "Name": {"Type": "String", "Default": "", "AllowedPattern": "[a-z]*"},
                "On": {"Type": "String", "Default": "yes", "AllowedValues": ["yes", "no"]},
                "Nets": {"Type": "CommaDelimitedList", "Default": "a,b"}},
 "Mappings": {"M": {"7": {"Text": "168h"}}},
 "Conditions": {"IsOn": {"Fn::Equals": [{"Ref": "On"}, "yes"]}, "IsOff": {"Fn::Not": [{"Condition": "IsOn"}]},
                "Both": {"Fn::And": [{"Condition": "IsOn"}, {"Condition": "IsOff"}]}, "One": {"Fn::Or": [{"Condition": "IsOn"}, {"Condition": "IsOff"}]}},
 "Rules": {"R": {"RuleCondition": {"Fn::Equals": [{"Ref": "On"}, "no"]}, "Assertions": [{"Assert": {"Fn::Contains": [["1", "2"], {"Ref": "Days"}]}, "AssertDescription": "few days"}]}},
 "Resources": {
  "A": {"Type": "T", "Properties": {"b": {"Fn::GetAtt": ["B", "Arn"]}, "s": {"Fn::Sub": "${B}/${AWS::Region}/${!x}"}}},
  "B": {"Type": "T", "Condition": "IsOn"},
  "C": {"Type": "T", "DependsOn": "A", "Condition": "IsOff"},
  "D": {"Type": "T", "DependsOn": ["A"], "Properties": {
    "if": {"Fn::If": ["IsOff", 1, {"Ref": "AWS::NoValue"}]}, "list": [1, {"Ref": "AWS::NoValue"}, 2],
    "map": {"Fn::FindInMap": ["M", {"Ref": "Days"}, "Text"]}, "nets": {"Ref": "Nets"},
    "join": {"Fn::Join": ["-", ["x", {"Ref": "Days"}]]}, "pick": {"Fn::Select": [1, {"Fn::Split": [",", "p,q"]}]},
    "sub": {"Fn::Sub": ["${v} ${B.Arn}", {"v": {"Ref": "On"}}]}}}}}`

func scope(t *testing.T, given map[string]string) (*cloudformation.Scope, error) {
	t.Helper()
	var template cloudformation.Template
	if err := json.Unmarshal([]byte(sample), &template); err != nil {
		t.Fatal(err)
	}
	return cloudformation.NewScope(template, "stack", given)
}

func TestOrderAndProperties(t *testing.T) {
	s, err := scope(t, nil)
	if err != nil {
		t.Fatal(err)
	}
	order, err := s.Order()
	if err != nil || !slices.Equal(order, []string{"B", "A", "D"}) {
		t.Fatalf("order %v, %v", order, err)
	}
	s.Resources["B"] = cloudformation.Made{Ref: "b-1", Attributes: map[string]string{"Arn": "arn:b"}}
	for resource, want := range map[string]string{
		"A": `{"b":"arn:b","s":"b-1/us-east-1/${x}"}`,
		"D": `{"join":"x-7","list":[1,2],"map":"168h","nets":["a","b"],"pick":"q","sub":"yes arn:b"}`,
	} {
		p, err := s.Properties(resource)
		if err != nil {
			t.Fatal(err)
		}
		if got, err := json.Marshal(p); err != nil || string(got) != want {
			t.Errorf("%s: %s, %v; want %s", resource, got, err, want)
		}
	}
	for condition, want := range map[string]bool{"": true, "IsOn": true, "IsOff": false, "Both": false, "One": true} {
		if got, err := s.Holds(condition); err != nil || got != want {
			t.Errorf("%s: %v, %v", condition, got, err)
		}
	}
}

func TestWhatIsRefused(t *testing.T) {
	for _, given := range []map[string]string{
		{"Days": "0"}, {"Days": "x"}, {"Name": "A"}, {"On": "perhaps"}, {"Other": "x"}, {"On": "no"},
	} {
		if _, err := scope(t, given); err == nil {
			t.Errorf("%v: taken", given)
		}
	}
	if _, err := scope(t, map[string]string{"On": "no", "Days": "2"}); err != nil {
		t.Error(err)
	}
	s, err := scope(t, nil)
	if err != nil {
		t.Fatal(err)
	}
	for _, value := range []string{
		`{"Ref":"B"}`, `{"Fn::GetAtt":["B","Arn"]}`, `{"Fn::Sub":"${Nobody}"}`, `{"Fn::Base64":"x"}`, `{"Fn::If":["Nobody",1,2]}`,
		`{"Fn::FindInMap":["M","8","Text"]}`, `{"Fn::Select":[2,["a"]]}`,
	} {
		var v any
		if err := json.Unmarshal([]byte(value), &v); err != nil {
			t.Fatal(err)
		}
		if got, err := s.Resolve(v); err == nil {
			t.Errorf("%s: %v; want an error", value, got)
		}
	}
}

func TestACircleIsRefused(t *testing.T) {
	var template cloudformation.Template
	text := strings.Replace(sample, `"B": {"Type": "T",`, `"B": {"Type": "T", "DependsOn": "D",`, 1)
	if err := json.Unmarshal([]byte(text), &template); err != nil {
		t.Fatal(err)
	}
	s, err := cloudformation.NewScope(template, "stack", nil)
	if err != nil {
		t.Fatal(err)
	}
	if order, err := s.Order(); err == nil {
		t.Error(fmt.Sprint(order))
	}
}
