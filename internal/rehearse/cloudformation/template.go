// Package cloudformation reads a translated template (JSON, as tools/translate.py
// prints it) and works it out as CloudFormation does: parameters with their
// constraints, rules, conditions, intrinsic functions, and the order in which
// resources are made. Whatever it doesn't know it refuses: a rehearsal that
// passes over something proves nothing.
package cloudformation

import (
	"encoding/json"
	"fmt"
	"os"
)

// Template is a CloudFormation template after SAM's transform.
type Template struct {
	Parameters map[string]Parameter
	Mappings   map[string]map[string]map[string]any
	Conditions map[string]any
	Rules      map[string]Rule
	Resources  map[string]Resource
	Outputs    map[string]Output
}

// Parameter is one parameter with its constraints.
type Parameter struct {
	Type           string
	Default        any
	AllowedValues  []any
	AllowedPattern string
	MinValue       *float64
	MaxValue       *float64
}

// Rule is an assertion about parameters.
type Rule struct {
	RuleCondition any
	Assertions    []struct {
		Assert            any
		AssertDescription string
	}
}

// Resource is one resource as it stands in the template.
type Resource struct {
	Type                string
	Condition           string
	DependsOn           any
	DeletionPolicy      string
	UpdateReplacePolicy string
	Properties          map[string]any
}

// Output is one output.
type Output struct {
	Condition string
	Value     any
}

// Load reads a template file.
func Load(path string) (Template, error) {
	var t Template
	text, err := os.ReadFile(path)
	if err != nil {
		return t, fmt.Errorf("template: %w", err)
	}
	if err := json.Unmarshal(text, &t); err != nil {
		return t, fmt.Errorf("template %s: %w", path, err)
	}
	return t, nil
}
