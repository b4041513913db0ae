package templatetest_test

import (
	"encoding/json"
	"fmt"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/jobhook/jobhook/internal/templatetest"
)

// What follows is as much of EventBridge as the rules use, by its user guide:
// patterns of exact strings and prefixes, and input transformers. What else a
// rule might say fails the test.

// matches says whether an event fits a pattern.
// https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-create-pattern.html
func matches(t *testing.T, pattern, event map[string]any) bool {
	t.Helper()
	for key, want := range pattern {
		switch want := want.(type) {
		case map[string]any:
			below, ok := event[key].(map[string]any)
			if !ok || !matches(t, want, below) {
				return false
			}
		case []any:
			if !slices.ContainsFunc(want, func(w any) bool { return fits(t, w, event[key]) }) {
				return false
			}
		default:
			t.Fatalf("%s: %v is no pattern", key, want)
		}
	}
	return true
}

func fits(t *testing.T, want, value any) bool {
	t.Helper()
	text, isText := value.(string)
	switch want := want.(type) {
	case string:
		return isText && text == want
	case map[string]any:
		prefix, ok := want["prefix"].(string)
		if !ok || len(want) != 1 {
			t.Fatalf("%v: this test knows exact strings and prefixes", want)
		}
		return isText && strings.HasPrefix(text, prefix)
	}
	t.Fatalf("%v: this test knows exact strings and prefixes", want)
	return false
}

var variable = regexp.MustCompile(`<([^<>]*)>`)

// transform puts an event's values into a template. Within quotes it puts a
// string as it is, nothing escaped, and a number's digits; outside of them JSON.
// A value that the event lacks leaves nothing in its place.
// https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-transform-target-input.html
func transform(t *testing.T, transformer templatetest.Template, event map[string]any) string {
	t.Helper()
	paths := transformer.Map("InputPathsMap")
	template := transformer["InputTemplate"].(string)
	var out strings.Builder
	end := 0
	for _, at := range variable.FindAllStringSubmatchIndex(template, -1) {
		out.WriteString(template[end:at[0]])
		path, known := paths[template[at[2]:at[3]]].(string)
		if !known {
			t.Fatalf("%s is no variable", template[at[0]:at[1]])
		}
		quoted := strings.Count(template[:at[0]], `"`)%2 == 1
		if !quoted {
			t.Errorf("%s stands outside of quotes: a missing value would break the JSON", template[at[0]:at[1]])
		}
		out.WriteString(plain(t, find(t, event, path)))
		end = at[1]
	}
	out.WriteString(template[end:])
	return out.String()
}

func find(t *testing.T, event map[string]any, path string) any {
	t.Helper()
	if !regexp.MustCompile(`^\$(\.[A-Za-z-]+)+$`).MatchString(path) {
		t.Fatalf("%s is no path", path)
	}
	return templatetest.Template(event).At(strings.Split(path, ".")[1:]...)
}

func plain(t *testing.T, value any) string {
	t.Helper()
	switch v := value.(type) {
	case nil:
		return ""
	case string:
		return v
	case json.Number:
		return v.String()
	}
	t.Fatalf("a %T in a string: EventBridge would put it there without its quotes", value)
	return ""
}

// filled is a value of a template with its functions worked out: Ref, Sub and
// If, as far as the rules use them.
func filled(t *testing.T, value any, parameters map[string]string, conditions map[string]bool) any {
	t.Helper()
	switch v := value.(type) {
	case []any:
		out := make([]any, 0, len(v))
		for _, one := range v {
			if f := filled(t, one, parameters, conditions); f != nil {
				out = append(out, f)
			}
		}
		return out
	case map[string]any:
		if ref, ok := v["Ref"].(string); ok {
			return orNothing(parameters, ref)
		}
		if text, ok := v["Fn::Sub"].(string); ok {
			return regexp.MustCompile(`\$\{([\w:]+)\}`).ReplaceAllStringFunc(text, func(s string) string {
				return fmt.Sprint(orNothing(parameters, s[2:len(s)-1]))
			})
		}
		if choice, ok := v["Fn::If"].([]any); ok {
			if conditions[choice[0].(string)] {
				return filled(t, choice[1], parameters, conditions)
			}
			return filled(t, choice[2], parameters, conditions)
		}
		out := map[string]any{}
		for key, one := range v {
			if f := filled(t, one, parameters, conditions); f != nil {
				out[key] = f
			}
		}
		return out
	}
	return value
}

func orNothing(parameters map[string]string, name string) any {
	if value, known := parameters[name]; known {
		return value
	}
	if name == "AWS::NoValue" {
		return nil
	}
	return "physical-" + name
}
