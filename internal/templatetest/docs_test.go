package templatetest_test

import (
	"fmt"
	"os"
	"strings"
	"testing"
)

// The docs name every parameter with its default, every alarm, and the outputs
// that say what comes next.
func TestDocsSayWhatTheTemplatesSay(t *testing.T) {
	deploy, operations := page(t, "deploy.md"), page(t, "operations.md")
	for file, alarms := range map[string]int{"template.yaml": 9, "receive.yaml": 5} {
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
