package cloudformation

import (
	"fmt"
	"regexp"
	"strings"
)

// noValue stands for AWS::NoValue until it is left out.
type noValue struct{}

// Resolve works out all intrinsic functions in a value.
func (s *Scope) Resolve(v any) (any, error) {
	switch v := v.(type) {
	case map[string]any:
		if name, argument, is := intrinsic(v); is {
			return s.call(name, argument)
		}
		return s.resolveMap(v)
	case []any:
		list := make([]any, 0, len(v))
		for _, one := range v {
			resolved, err := s.Resolve(one)
			if err != nil {
				return nil, err
			}
			if _, none := resolved.(noValue); !none {
				list = append(list, resolved)
			}
		}
		return list, nil
	}
	return v, nil
}

func (s *Scope) resolveMap(m map[string]any) (map[string]any, error) {
	out := make(map[string]any, len(m))
	for key, value := range m {
		resolved, err := s.Resolve(value)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", key, err)
		}
		if _, none := resolved.(noValue); !none {
			out[key] = resolved
		}
	}
	return out, nil
}

// Properties are a resource's properties, all worked out.
func (s *Scope) Properties(name string) (map[string]any, error) {
	p, err := s.resolveMap(s.Template.Resources[name].Properties)
	if err != nil {
		return nil, fmt.Errorf("resource %s: %w", name, err)
	}
	return p, nil
}

// intrinsic says whether a map is a function call.
func intrinsic(m map[string]any) (name string, argument any, is bool) {
	if len(m) != 1 {
		return "", nil, false
	}
	for key, value := range m {
		if key == "Ref" || strings.HasPrefix(key, "Fn::") {
			return key, value, true
		}
	}
	return "", nil, false
}

func (s *Scope) call(name string, argument any) (any, error) {
	switch name {
	case "Ref":
		return s.ref(Text(argument))
	case "Fn::GetAtt":
		return s.attribute(argument)
	case "Fn::Sub":
		return s.substitute(argument)
	case "Fn::If":
		return s.choose(argument)
	case "Fn::FindInMap":
		return s.find(argument)
	case "Fn::Join":
		return s.join(argument)
	case "Fn::Select":
		return s.pick(argument)
	case "Fn::Split":
		return s.split(argument)
	case "Fn::Equals", "Fn::Not", "Fn::And", "Fn::Or", "Fn::Contains":
		return s.truth(map[string]any{name: argument})
	}
	return nil, fmt.Errorf("%s: the rehearsal doesn't know this function", name)
}

func (s *Scope) ref(name string) (any, error) {
	switch name {
	case "AWS::NoValue":
		return noValue{}, nil
	case "AWS::Region":
		return Region, nil
	case "AWS::AccountId":
		return Account, nil
	case "AWS::Partition":
		return Partition, nil
	case "AWS::URLSuffix":
		return "amazonaws.com", nil
	case "AWS::StackName":
		return s.StackName, nil
	case "AWS::StackId":
		return "arn:aws:cloudformation:" + Region + ":" + Account + ":stack/" + s.StackName + "/1", nil
	}
	if value, there := s.Parameters[name]; there {
		if strings.HasPrefix(s.Template.Parameters[name].Type, "List<") || s.Template.Parameters[name].Type == "CommaDelimitedList" {
			return splitText(value, ","), nil
		}
		return value, nil
	}
	if made, there := s.Resources[name]; there {
		return made.Ref, nil
	}
	return nil, fmt.Errorf("Ref %s: nothing of this name has been made", name)
}

func (s *Scope) attribute(argument any) (any, error) {
	path := Text(argument)
	if list, ok := argument.([]any); ok && len(list) == 2 {
		path = Text(list[0]) + "." + Text(list[1])
	}
	name, attribute, _ := strings.Cut(path, ".")
	made, there := s.Resources[name]
	if !there {
		return nil, fmt.Errorf("GetAtt %s: nothing of this name has been made", path)
	}
	value, has := made.Attributes[attribute]
	if !has {
		return nil, fmt.Errorf("GetAtt %s: it has no such attribute", path)
	}
	return value, nil
}

var placeholder = regexp.MustCompile(`\$\{(!?)([^}]+)\}`)

func (s *Scope) substitute(argument any) (any, error) {
	text, own := "", map[string]any{}
	switch a := argument.(type) {
	case string:
		text = a
	case []any:
		if len(a) != 2 {
			return nil, fmt.Errorf("Sub takes a text and a map: %v", argument)
		}
		text = Text(a[0])
		own, _ = a[1].(map[string]any)
	}
	var fault error
	replaced := placeholder.ReplaceAllStringFunc(text, func(found string) string {
		part := placeholder.FindStringSubmatch(found)
		if part[1] == "!" {
			return "${" + part[2] + "}"
		}
		value, err := s.named(part[2], own)
		if err != nil {
			fault = fmt.Errorf("Sub: %w", err)
		}
		return Text(value)
	})
	return replaced, fault
}

func (s *Scope) named(name string, own map[string]any) (any, error) {
	if value, there := own[name]; there {
		return s.Resolve(value)
	}
	if strings.Contains(name, ".") {
		return s.attribute(name)
	}
	return s.ref(name)
}
