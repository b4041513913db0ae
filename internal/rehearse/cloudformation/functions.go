package cloudformation

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
)

// truth works a condition out.
func (s *Scope) truth(v any) (bool, error) {
	m, ok := v.(map[string]any)
	if !ok || len(m) != 1 {
		return false, fmt.Errorf("%v is no condition", v)
	}
	for name, argument := range m {
		if name == "Condition" {
			return s.condition(Text(argument))
		}
		list, _ := argument.([]any)
		switch name {
		case "Fn::Not":
			return s.not(list)
		case "Fn::And":
			return s.every(list, true)
		case "Fn::Or":
			return s.every(list, false)
		case "Fn::Equals", "Fn::Contains":
			return s.compare(name, list)
		}
		return false, fmt.Errorf("%s: the rehearsal doesn't know this condition", name)
	}
	return false, nil
}

func (s *Scope) not(list []any) (bool, error) {
	if len(list) != 1 {
		return false, fmt.Errorf("Not takes one condition, not %d", len(list))
	}
	value, err := s.truth(list[0])
	return !value, err
}

// every is And (all must be true) and Or (not all may be false).
func (s *Scope) every(list []any, and bool) (bool, error) {
	for _, one := range list {
		value, err := s.truth(one)
		if err != nil || value != and {
			return value, err
		}
	}
	return and, nil
}

func (s *Scope) compare(name string, list []any) (bool, error) {
	if len(list) != 2 {
		return false, fmt.Errorf("%s takes two values, not %d", name, len(list))
	}
	left, err := s.Resolve(list[0])
	if err != nil {
		return false, err
	}
	right, err := s.Resolve(list[1])
	if err != nil {
		return false, err
	}
	if name == "Fn::Equals" {
		return Text(left) == Text(right), nil
	}
	values, _ := left.([]any)
	return slices.ContainsFunc(values, func(v any) bool { return Text(v) == Text(right) }), nil
}

func (s *Scope) choose(argument any) (any, error) {
	list, _ := argument.([]any)
	if len(list) != 3 {
		return nil, fmt.Errorf("If takes a condition and two values: %v", argument)
	}
	holds, err := s.condition(Text(list[0]))
	if err != nil {
		return nil, err
	}
	if holds {
		return s.Resolve(list[1])
	}
	return s.Resolve(list[2])
}

func (s *Scope) find(argument any) (any, error) {
	list, err := s.list(argument, 3)
	if err != nil {
		return nil, fmt.Errorf("FindInMap: %w", err)
	}
	value, there := s.Template.Mappings[Text(list[0])][Text(list[1])][Text(list[2])]
	if !there {
		return nil, fmt.Errorf("FindInMap: %v is not there", list)
	}
	return value, nil
}

func (s *Scope) join(argument any) (any, error) {
	list, err := s.list(argument, 2)
	if err != nil {
		return nil, fmt.Errorf("Join: %w", err)
	}
	values, _ := list[1].([]any)
	texts := make([]string, 0, len(values))
	for _, v := range values {
		texts = append(texts, Text(v))
	}
	return strings.Join(texts, Text(list[0])), nil
}

func (s *Scope) pick(argument any) (any, error) {
	list, err := s.list(argument, 2)
	if err != nil {
		return nil, fmt.Errorf("Select: %w", err)
	}
	values, _ := list[1].([]any)
	i, err := strconv.Atoi(Text(list[0]))
	if err != nil || i < 0 || i >= len(values) {
		return nil, fmt.Errorf("Select: %v of %d values", list[0], len(values))
	}
	return values[i], nil
}

func (s *Scope) split(argument any) (any, error) {
	list, err := s.list(argument, 2)
	if err != nil {
		return nil, fmt.Errorf("Split: %w", err)
	}
	return splitText(Text(list[1]), Text(list[0])), nil
}

func (s *Scope) list(argument any, length int) ([]any, error) {
	resolved, err := s.Resolve(argument)
	if err != nil {
		return nil, err
	}
	list, _ := resolved.([]any)
	if len(list) != length {
		return nil, fmt.Errorf("%d values are needed, not %v", length, resolved)
	}
	return list, nil
}

func splitText(text, separator string) []any {
	parts := strings.Split(text, separator)
	list := make([]any, 0, len(parts))
	for _, part := range parts {
		list = append(list, part)
	}
	return list
}

// collect gathers the names that a value refers to.
func collect(v any, into map[string]bool) {
	switch v := v.(type) {
	case map[string]any:
		if name, argument, is := intrinsic(v); is {
			collectCall(name, argument, into)
		}
		for _, one := range v {
			collect(one, into)
		}
	case []any:
		for _, one := range v {
			collect(one, into)
		}
	}
}

func collectCall(name string, argument any, into map[string]bool) {
	text := Text(argument)
	if list, ok := argument.([]any); ok && len(list) > 0 {
		text = Text(list[0])
	}
	switch name {
	case "Ref", "Fn::GetAtt":
		resource, _, _ := strings.Cut(text, ".")
		into[resource] = true
	case "Fn::Sub":
		for _, part := range placeholder.FindAllStringSubmatch(text, -1) {
			resource, _, _ := strings.Cut(part[2], ".")
			into[resource] = true
		}
	}
}
