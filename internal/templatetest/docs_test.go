package templatetest_test

import (
	"fmt"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// The docs name every parameter with its default, every alarm, and the outputs
// that say what comes next.
func TestDocsSayWhatTheTemplatesSay(t *testing.T) {
	deploy, operations := page(t, "deploy.md"), page(t, "operations.md")
	for file, alarms := range map[string]int{"template.yaml": 12, "receive.yaml": 5} {
		tpl := loadFile(t, file)
		for parameter := range tpl.Map("Parameters") {
			row := fmt.Sprintf("| `%s` | `%v` |", parameter, tpl.At("Parameters", parameter, "Default"))
			if row = strings.ReplaceAll(row, "| `` |", "| |"); !strings.Contains(deploy, row) {
				t.Errorf("docs/deploy.md lacks %s", row)
			}
		}
		if got := len(tpl.OfType("AWS::CloudWatch::Alarm")); got != alarms {
			t.Errorf("%s has %d alarms; docs/deploy.md says %d", file, got, alarms)
		}
		for _, alarm := range tpl.OfType("AWS::CloudWatch::Alarm") {
			if !strings.Contains(operations, "`"+alarm+"`") {
				t.Errorf("docs/operations.md lacks %s", alarm)
			}
		}
		for output := range tpl.Map("Outputs") {
			if strings.HasPrefix(output, "Step") && !strings.Contains(deploy, "`"+output+"`") {
				t.Errorf("docs/deploy.md lacks %s", output)
			}
		}
	}
}

func page(t *testing.T, name string) string {
	t.Helper()
	text, err := os.ReadFile("../../docs/" + name)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// What docs/operations.md and docs/aws-jobs.md call by a name in the templates'
// style is there: a parameter, a resource or an output.
func TestDocsNameWhatThereIs(t *testing.T) {
	known := map[string]bool{"FunctionName": true}
	for _, file := range []string{"template.yaml", "receive.yaml", "aws-jobs.yaml"} {
		tpl := loadFile(t, file)
		for _, section := range []string{"Parameters", "Resources", "Outputs"} {
			for name := range tpl.Map(section) {
				known[name] = true
			}
		}
	}
	statuses := map[string]bool{}
	for _, k := range kinds {
		for _, status := range slices.Concat(k.completed, k.failed) {
			statuses[status] = true
		}
	}
	for _, doc := range []string{"operations.md", "aws-jobs.md"} {
		text := page(t, doc)
		for _, m := range regexp.MustCompile("`([A-Z][a-z]+[A-Za-z]*)(?:=\\w+)?`|[-]-(?:source-arn|destination-arn|queue-url|secret-id|table-name) ([A-Z]\\w+)|arn=([A-Z]\\w+)").FindAllStringSubmatch(text, -1) {
			if name := m[1] + m[2] + m[3]; !known[name] && !statuses[name] {
				t.Errorf("docs/%s: no template has %s", doc, name)
			}
		}
	}
}

// The figures in docs/operations.md are the template's.
func TestFiguresInOperations(t *testing.T) {
	tpl, operations := load(t), strings.Join(strings.Fields(page(t, "operations.md")), " ")
	days := func(queue string) int {
		return number(t, properties(tpl, queue)["MessageRetentionPeriod"]) / 86400
	}
	for _, figure := range []string{
		fmt.Sprintf("received %v times", properties(tpl, "CompletionsQueue").At("RedrivePolicy", "maxReceiveCount")),
		fmt.Sprintf("come back by themselves after %v s", properties(tpl, "CompletionsQueue")["VisibilityTimeout"]),
		fmt.Sprintf("waited longer than %d minutes", number(t, properties(tpl, "CompletionsAgeAlarm")["Threshold"])/60),
		fmt.Sprintf("waited longer than %d minutes", number(t, properties(tpl, "RetryAgeAlarm")["Threshold"])/60),
		fmt.Sprintf("waited longer than %d hours", number(t, properties(tpl, "SlowAgeAlarm")["Threshold"])/3600),
		fmt.Sprintf("lost before %d days", days("CompletionsDeadLetters")),
		fmt.Sprintf("retries that wait | %d days", days("RetryQueue")),
		fmt.Sprintf("They are kept for %d days", days("RejectedQueue")),
		fmt.Sprintf("read them again after %s", map[string]string{"5m": "5 minutes"}[fmt.Sprint(environment(tpl, "DispatchFunction")["SECRET_CACHE"])]),
		overlap(t),
	} {
		if !strings.Contains(operations, figure) {
			t.Errorf("docs/operations.md lacks %q", figure)
		}
	}
}

// overlap is how long two versions of a secret sign, as the manager's source has it.
func overlap(t *testing.T) string {
	t.Helper()
	source, err := os.ReadFile("../../shared/secretsmanager/manager.go")
	if err != nil {
		t.Fatal(err)
	}
	hours := regexp.MustCompile(`&o\.Overlap, (\d+) \* time\.Hour`).FindSubmatch(source)
	if hours == nil {
		t.Fatal("the overlap's default has moved")
	}
	return "for " + string(hours[1]) + " hours from the change"
}
