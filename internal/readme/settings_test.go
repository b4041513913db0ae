package readme_test

import (
	"fmt"
	"regexp"
	"strings"
	"testing"
)

// README.md's settings have the template's defaults and the runner's flags.
func TestSettingsTable(t *testing.T) {
	template, local := page(t, "template.yaml"), page(t, "cmd/jobhook/local.go")
	for _, row := range table(t, page(t, "README.md"), "| parameter of ") {
		name, want := codes(row[0])[0], `""`
		if given := codes(row[1]); len(given) > 0 {
			want = given[0]
		}
		declared := regexp.MustCompile(fmt.Sprintf(`(?m)^  %s:\n    Type: \w+\n    Default: "?%s"?$`, name, regexp.QuoteMeta(strings.Trim(want, `"`))))
		if !declared.MatchString(template) {
			t.Errorf("template.yaml has no parameter %s with the default %s", name, want)
		}
		for _, flag := range codes(row[2]) {
			option, value, _ := strings.Cut(flag, " ")
			line := regexp.MustCompile(`(?m)^  ` + option + ` .*(?:\n   .*)?`).FindString(local)
			if line == "" || value != "" && !strings.Contains(line, "default "+value) {
				t.Errorf("jobhook local has no %s with the default %q: %q", option, value, line)
			}
		}
	}
}

func TestReadmeIsShort(t *testing.T) {
	if lines := strings.Count(page(t, "README.md"), "\n"); lines > 250 {
		t.Errorf("README.md has %d lines: put more into docs/", lines)
	}
}
