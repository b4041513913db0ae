package templatetest_test

import (
	"slices"
	"strings"
	"testing"
)

// untaggable are the types that cost nothing themselves or take no tags.
var untaggable = []string{
	"AWS::Events::Rule", "AWS::SQS::QueuePolicy", "AWS::CloudWatch::Alarm", "AWS::CloudWatch::Dashboard", "AWS::Serverless::Application",
}

// Everything that costs by use says which part of jobhook it is, so that AWS's
// bill can be split by the tag.
func TestTags(t *testing.T) {
	for _, file := range []string{"template.yaml", "receive.yaml", "aws-jobs.yaml"} {
		tpl := loadFile(t, file)
		for resource := range tpl.Map("Resources") {
			kind := tpl.At("Resources", resource, "Type").(string)
			part := partOf(properties(tpl, resource)["Tags"])
			if free := slices.Contains(untaggable, kind); free != (part == "") {
				t.Errorf("%s: %s, a %s, has the tag %q", file, resource, kind, part)
			}
			if strings.HasSuffix(kind, "::Function") && !strings.EqualFold(part+"Function", resource) {
				t.Errorf("%s is tagged as %s", resource, part)
			}
		}
	}
}

func partOf(tags any) string {
	switch tags := tags.(type) {
	case map[string]any: // SAM's form
		return name(tags["jobhook"])
	case []any:
		if tag := tags[0].(map[string]any); len(tags) == 1 && tag["Key"] == "jobhook" {
			return name(tag["Value"])
		}
	}
	return ""
}
