package eventbridge

import (
	"encoding/json"
	"fmt"
	"regexp"
	"strings"
)

// Input is what a target is sent for an event: all of it, or what the target's
// Input, InputPath or InputTransformer makes of it.
func Input(target map[string]any, event map[string]any) (string, error) {
	if fixed, ok := target["Input"].(string); ok {
		return fixed, nil
	}
	if path, ok := target["InputPath"].(string); ok {
		value, there := at(event, path)
		if !there {
			return "", fmt.Errorf("InputPath %s: the event has nothing there", path)
		}
		return encode(value)
	}
	if transformer, ok := target["InputTransformer"].(map[string]any); ok {
		return transform(transformer, event)
	}
	return encode(event)
}

var variable = regexp.MustCompile(`<([A-Za-z0-9_.-]+)>`)

// transform fills the template in, as plainly as EventBridge does: inside quotes
// a variable's text goes in as it is, without escapes; one that the event lacks
// leaves nothing. What comes of it must be JSON, or the target gets nothing.
func transform(t map[string]any, event map[string]any) (string, error) {
	template, _ := t["InputTemplate"].(string)
	paths, _ := t["InputPathsMap"].(map[string]any)
	values := map[string]any{"aws.events.event.json": event, "aws.events.event": event}
	for name, path := range paths {
		text, _ := path.(string)
		if value, there := at(event, text); there {
			values[name] = value
		}
	}
	var out strings.Builder
	last, quoted := 0, false
	for _, place := range variable.FindAllStringSubmatchIndex(template, -1) {
		between := template[last:place[0]]
		quoted = quoted != (unescapedQuotes(between)%2 == 1)
		out.WriteString(between)
		text, err := fill(values, template[place[2]:place[3]], quoted)
		if err != nil {
			return "", err
		}
		out.WriteString(text)
		last = place[1]
	}
	out.WriteString(template[last:])
	if !json.Valid([]byte(out.String())) {
		return "", fmt.Errorf("InputTransformer: %s is not JSON", out.String())
	}
	return out.String(), nil
}

func fill(values map[string]any, name string, quoted bool) (string, error) {
	value, there := values[name]
	if !there {
		return "", nil
	}
	if text, isText := value.(string); quoted && isText {
		return text, nil
	}
	return encode(value)
}

func unescapedQuotes(text string) int {
	return strings.Count(strings.ReplaceAll(text, `\"`, ""), `"`)
}

// at walks a JSON path of names: $.detail.status.
func at(event map[string]any, path string) (any, bool) {
	var here any = event
	rest, ok := strings.CutPrefix(path, "$")
	if !ok {
		return nil, false
	}
	for key := range strings.SplitSeq(strings.TrimPrefix(rest, "."), ".") {
		if key == "" {
			continue
		}
		m, isMap := here.(map[string]any)
		if !isMap {
			return nil, false
		}
		if here, ok = m[key]; !ok {
			return nil, false
		}
	}
	return here, true
}

func encode(v any) (string, error) {
	text, err := json.Marshal(v)
	if err != nil {
		return "", fmt.Errorf("input: %w", err)
	}
	return string(text), nil
}
