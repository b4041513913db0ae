package rehearse

import (
	"encoding/json"
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strings"
)

// matches says whether a rule's pattern takes an event. Of EventBridge's filters
// it knows prefix and exists, and refuses the others:
// https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-event-patterns.html
func matches(pattern, event map[string]any) (bool, error) {
	if len(pattern) == 0 {
		return false, errors.New("an empty pattern")
	}
	for key, want := range pattern {
		var takes bool
		var err error
		switch want := want.(type) {
		case map[string]any:
			inner, _ := event[key].(map[string]any)
			takes, err = matches(want, inner)
		case []any:
			have, there := event[key]
			takes, err = anyOf(want, have, there)
		default:
			err = fmt.Errorf("pattern: %s must be a list or an object", key)
		}
		if err != nil || !takes {
			return false, err
		}
	}
	return true, nil
}

// anyOf: one of the values that the pattern lists, or one of an array's.
func anyOf(want []any, have any, there bool) (bool, error) {
	values, isList := have.([]any)
	if !isList && there {
		values = []any{have}
	}
	for _, w := range want {
		filter, isFilter := w.(map[string]any)
		prefix, isPrefix := filter["prefix"].(string)
		exists, isExists := filter["exists"].(bool)
		if isFilter && (isPrefix == isExists || len(filter) != 1) {
			return false, fmt.Errorf("pattern: %v is not understood here", filter)
		}
		if isExists && exists == slices.ContainsFunc(values, leaf) {
			return true, nil
		}
		if slices.ContainsFunc(values, func(v any) bool {
			text, isText := v.(string)
			return isPrefix && isText && strings.HasPrefix(text, prefix) || !isFilter && w == v
		}) {
			return true, nil
		}
	}
	return false, nil
}

// leaf: exists asks for a value, null included, and never for an object.
func leaf(v any) bool {
	_, isObject := v.(map[string]any)
	return !isObject
}

// target is where a rule sends an event, and what it makes of it.
type target struct {
	ID               string `json:"Id"`
	RetryPolicy      any
	Arn              string
	DeadLetterConfig struct{ Arn string }
	SqsParameters    struct {
		MessageGroupID string `json:"MessageGroupId"`
	}
	InputPath        string
	InputTransformer struct {
		InputPathsMap map[string]string
		InputTemplate string
	}
}

// group is the message group of what the target is sent: the text that stands
// there, or what a path names of the event, which must be a text that SQS takes.
// Empty without SqsParameters.
// https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-targets.html
func (t target) group(event map[string]any) (string, error) {
	group := t.SqsParameters.MessageGroupID
	if len(group) > 100 {
		return "", fmt.Errorf("MessageGroupId %s: the maximum is 100 characters", group)
	}
	if strings.HasPrefix(group, "$.") {
		value, _ := at(event, group)
		text, isText := value.(string)
		if !isText || !taken.MatchString(text) {
			return "", fmt.Errorf("MessageGroupId %s: SQS takes no group %v", group, value)
		}
		return text, nil
	}
	return group, nil
}

// taken are the message groups that SQS takes.
var taken = regexp.MustCompile(`^[!-~]{1,128}$`)

// input is what the target is sent: the event, what InputPath names of it, or the
// template filled in, as plainly as EventBridge does: inside quotes a variable's
// text goes in as it is, without escapes; one that the event lacks leaves
// nothing. What comes of it must be JSON, or the target gets nothing.
func (t target) input(event map[string]any) (string, error) {
	if t.InputTransformer.InputTemplate == "" {
		value, there := at(event, t.InputPath)
		if !there {
			return "", fmt.Errorf("InputPath %s: the event has nothing there", t.InputPath)
		}
		return encode(value), nil
	}
	template := t.InputTransformer.InputTemplate
	var out strings.Builder
	last, quoted := 0, false
	for _, place := range variable.FindAllStringSubmatchIndex(template, -1) {
		between, name := template[last:place[0]], template[place[2]:place[3]]
		last = place[1]
		path, stated := t.InputTransformer.InputPathsMap[name]
		if !stated {
			return "", fmt.Errorf("InputTransformer: <%s> is not understood here", name)
		}
		quoted = quoted != (strings.Count(strings.ReplaceAll(between, `\"`, ""), `"`)%2 == 1)
		out.WriteString(between)
		value, there := at(event, path)
		text, isText := value.(string)
		switch {
		case isText && quoted:
			out.WriteString(text)
		case there:
			out.WriteString(encode(value))
		}
	}
	out.WriteString(template[last:])
	if !json.Valid([]byte(out.String())) {
		return "", fmt.Errorf("InputTransformer: %s is not JSON", &out)
	}
	return out.String(), nil
}

var variable = regexp.MustCompile(`<([A-Za-z0-9_.-]+)>`)

// at walks a JSON path of names: $.detail.status. Empty is the whole.
func at(event map[string]any, path string) (any, bool) {
	var here any = event
	for key := range strings.SplitSeq(strings.TrimPrefix(path, "$"), ".") {
		if key == "" {
			continue
		}
		inner, _ := here.(map[string]any)
		value, there := inner[key]
		if !there {
			return nil, false
		}
		here = value
	}
	return here, true
}

// encode writes what came from JSON, which always succeeds.
func encode(v any) string {
	text, err := json.Marshal(v)
	if err != nil {
		panic(err)
	}
	return string(text)
}
