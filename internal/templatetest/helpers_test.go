package templatetest_test

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"

	"github.com/jobhook/jobhook/internal/templatetest"
)

func load(t *testing.T) templatetest.Template { return loadFile(t, "template.yaml") }

func loadFile(t *testing.T, file string) templatetest.Template {
	t.Helper()
	template, err := templatetest.Load("../../" + file)
	if err != nil {
		t.Fatal(err)
	}
	return template
}

func properties(tpl templatetest.Template, resource string) templatetest.Template {
	return tpl.Map("Resources", resource, "Properties")
}

// number reads a number that stands in the template.
func number(t *testing.T, v any) int {
	t.Helper()
	var n int
	if _, err := fmt.Sscan(fmt.Sprint(v), &n); err != nil {
		t.Fatalf("%v is no number", v)
	}
	return n
}

// name says in short what a value stands for: a resource's or parameter's name
// for !Ref and !GetAtt, a Sub's text, else the value itself.
func name(v any) string {
	m, ok := v.(map[string]any)
	if !ok {
		return fmt.Sprint(v)
	}
	for _, key := range []string{"Ref", "Fn::Sub"} {
		if m[key] != nil {
			return fmt.Sprint(m[key])
		}
	}
	resource, _, _ := strings.Cut(fmt.Sprint(m["Fn::GetAtt"]), ".")
	return resource
}

// list reads what may be one thing or several, sorted.
func list(v any) []string {
	many, ok := v.([]any)
	if !ok {
		many = []any{v}
	}
	names := make([]string, 0, len(many))
	for _, one := range many {
		names = append(names, name(one))
	}
	slices.Sort(names)
	return names
}

// statements lists a policy's statements; of the conditional ones those whose
// condition is given.
func statements(t *testing.T, document any, given ...string) []templatetest.Template {
	t.Helper()
	d, _ := document.(map[string]any)
	all, ok := d["Statement"].([]any)
	if !ok {
		t.Fatalf("no statements in %v", document)
	}
	var out []templatetest.Template
	for _, s := range all {
		statement := s.(map[string]any)
		if choice, conditional := statement["Fn::If"].([]any); conditional {
			if name(choice[2]) != "AWS::NoValue" {
				t.Errorf("a statement in place of another: %v", choice)
			}
			if !slices.Contains(given, choice[0].(string)) {
				continue
			}
			statement = choice[1].(map[string]any)
		}
		out = append(out, statement)
	}
	return out
}

// environment is what a function is given: the globals' variables and its own.
func environment(tpl templatetest.Template, function string) map[string]any {
	all := maps.Clone(tpl.Map("Globals", "Function", "Environment", "Variables"))
	maps.Copy(all, properties(tpl, function).Map("Environment", "Variables"))
	return all
}
