package templatetest_test

import (
	"fmt"
	"os"
	"strings"
	"testing"
)

// The docs name every parameter with its default, every alarm, and outputs
// that there are.
func TestDocsSayWhatTheTemplateSays(t *testing.T) {
	tpl := load(t)
	deploy, operations := page(t, "deploy.md"), page(t, "operations.md")
	for parameter := range tpl.Map("Parameters") {
		row := fmt.Sprintf("| `%s` | `%v` |", parameter, tpl.At("Parameters", parameter, "Default"))
		if row = strings.ReplaceAll(row, "| `` |", "| |"); !strings.Contains(deploy, row) {
			t.Errorf("docs/deploy.md lacks %s", row)
		}
	}
	alarms := tpl.OfType("AWS::CloudWatch::Alarm")
	for _, alarm := range alarms {
		if !strings.Contains(operations, "`"+alarm+"`") {
			t.Errorf("docs/operations.md lacks %s", alarm)
		}
	}
	if !strings.Contains(deploy, "nine alarms") || len(alarms) != 9 {
		t.Errorf("docs/deploy.md counts other alarms than the %d that there are", len(alarms))
	}
	for output := range tpl.Map("Outputs") {
		if strings.HasPrefix(output, "Step") && !strings.Contains(deploy, "`"+output+"`") {
			t.Errorf("docs/deploy.md lacks %s", output)
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
