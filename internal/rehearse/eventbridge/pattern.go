// Package eventbridge is the part of EventBridge that a rule uses: whether its
// pattern takes an event, and what its target is sent. What it doesn't know it
// refuses. Patterns: https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-event-patterns.html
package eventbridge

import (
	"errors"
	"fmt"
	"slices"
	"strings"
)

// Matches says whether a rule's pattern takes an event.
func Matches(pattern map[string]any, event map[string]any) (bool, error) {
	if len(pattern) == 0 {
		return false, errors.New("an empty pattern")
	}
	for key, want := range pattern {
		if key == "$or" {
			return false, errors.New("pattern: $or is not understood here")
		}
		have, there := event[key]
		var matches bool
		var err error
		switch want := want.(type) {
		case map[string]any:
			inner, _ := have.(map[string]any)
			matches, err = Matches(want, inner)
		case []any:
			matches, err = anyOf(want, have, there)
		default:
			err = fmt.Errorf("pattern: %s must be a list or an object", key)
		}
		if err != nil || !matches {
			return false, err
		}
	}
	return true, nil
}

// anyOf: one of the values that the pattern lists, or one of an array's.
func anyOf(want []any, have any, there bool) (bool, error) {
	values, isList := have.([]any)
	if !isList {
		values = []any{have}
	}
	for _, w := range want {
		filter, isFilter := w.(map[string]any)
		if isFilter && filter["exists"] != nil {
			if filter["exists"] == there {
				return true, nil
			}
			continue
		}
		if !there {
			continue
		}
		for _, v := range values {
			matches := w == v
			var err error
			if isFilter {
				matches, err = content(filter, v)
			}
			if err != nil || matches {
				return matches, err
			}
		}
	}
	return false, nil
}

func content(filter map[string]any, have any) (bool, error) {
	text, isText := have.(string)
	for kind, want := range filter {
		switch kind {
		case "prefix":
			w, ok := want.(string)
			return ok && isText && strings.HasPrefix(text, w), nil
		case "suffix":
			w, ok := want.(string)
			return ok && isText && strings.HasSuffix(text, w), nil
		case "anything-but":
			switch w := want.(type) {
			case []any:
				return !slices.Contains(w, have), nil
			case map[string]any:
				matches, err := content(w, have)
				return !matches, err
			}
			return want != have, nil
		}
		return false, fmt.Errorf("pattern: %s is not understood here", kind)
	}
	return false, errors.New("pattern: an empty filter")
}
