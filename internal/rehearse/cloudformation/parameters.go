package cloudformation

import (
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strconv"
)

// parameters gives each parameter its value and checks the constraints.
func (t Template) parameters(given map[string]string) (map[string]string, error) {
	values := make(map[string]string, len(t.Parameters))
	var faults []error
	for name := range given {
		if _, known := t.Parameters[name]; !known {
			faults = append(faults, fmt.Errorf("parameter %s: the template has none of this name", name))
		}
	}
	for name, p := range t.Parameters {
		value, set := given[name]
		if !set && p.Default == nil {
			faults = append(faults, fmt.Errorf("parameter %s has no value", name))
			continue
		}
		if !set {
			value = Text(p.Default)
		}
		if err := p.check(value); err != nil {
			faults = append(faults, fmt.Errorf("parameter %s: %w", name, err))
		}
		values[name] = value
	}
	return values, errors.Join(faults...)
}

func (p Parameter) check(value string) error {
	if p.AllowedValues != nil && !slices.ContainsFunc(p.AllowedValues, func(v any) bool { return Text(v) == value }) {
		return fmt.Errorf("%q is not among %v", value, p.AllowedValues)
	}
	if p.AllowedPattern != "" {
		pattern, err := regexp.Compile("^(?:" + p.AllowedPattern + ")$")
		if err != nil {
			return fmt.Errorf("pattern: %w", err)
		}
		if !pattern.MatchString(value) {
			return fmt.Errorf("%q does not match %s", value, p.AllowedPattern)
		}
	}
	if p.Type != "Number" {
		return nil
	}
	n, err := strconv.ParseFloat(value, 64)
	if err != nil {
		return fmt.Errorf("%q is no number", value)
	}
	if p.MinValue != nil && n < *p.MinValue || p.MaxValue != nil && n > *p.MaxValue {
		return fmt.Errorf("%s is out of bounds", value)
	}
	return nil
}

// rules checks the template's assertions about its parameters.
func (s *Scope) rules() error {
	var faults []error
	for name, rule := range s.Template.Rules {
		if rule.RuleCondition != nil {
			applies, err := s.truth(rule.RuleCondition)
			if err != nil {
				return fmt.Errorf("rule %s: %w", name, err)
			}
			if !applies {
				continue
			}
		}
		for _, a := range rule.Assertions {
			holds, err := s.truth(a.Assert)
			if err != nil {
				return fmt.Errorf("rule %s: %w", name, err)
			}
			if !holds {
				faults = append(faults, fmt.Errorf("rule %s: %s", name, a.AssertDescription))
			}
		}
	}
	return errors.Join(faults...)
}

// Text is a scalar as CloudFormation hands it on: true and 400, not 4e+02.
func Text(v any) string {
	if f, ok := v.(float64); ok {
		return strconv.FormatFloat(f, 'f', -1, 64)
	}
	return fmt.Sprint(v)
}
