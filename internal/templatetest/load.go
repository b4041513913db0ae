// Package templatetest reads template.yaml and proves in its tests that the
// template and the code say the same: environment, tables, queues, roles.
package templatetest

import (
	"fmt"
	"os"
	"strings"

	"github.com/goccy/go-yaml/ast"
	"github.com/goccy/go-yaml/parser"
)

// Template is a CloudFormation template as maps, slices, strings, bools and
// numbers. Its short tags are written out: !Ref X is {"Ref": "X"}, !GetAtt A.B
// is {"Fn::GetAtt": "A.B"}, !Sub is {"Fn::Sub": ...}.
type Template map[string]any

// Load reads a template file.
func Load(path string) (Template, error) {
	source, err := os.ReadFile(path)
	if err != nil {
		return nil, fmt.Errorf("template: %w", err)
	}
	file, err := parser.ParseBytes(source, 0)
	if err != nil {
		return nil, fmt.Errorf("template: %w", err)
	}
	if len(file.Docs) != 1 {
		return nil, fmt.Errorf("template: %d documents; one is needed", len(file.Docs))
	}
	value, err := reader{}.read(file.Docs[0].Body)
	if err != nil {
		return nil, fmt.Errorf("template: %w", err)
	}
	top, ok := value.(map[string]any)
	if !ok {
		return nil, fmt.Errorf("template: a %T; a map is needed", value)
	}
	return top, nil
}

// reader turns nodes into values; it remembers what anchors name.
type reader map[string]any

func (r reader) read(node ast.Node) (any, error) {
	switch n := node.(type) {
	case *ast.MappingNode:
		return r.mapping(n.Values)
	case *ast.MappingValueNode:
		return r.mapping([]*ast.MappingValueNode{n})
	case *ast.SequenceNode:
		return r.sequence(n)
	case *ast.TagNode:
		return r.tag(n)
	case *ast.AnchorNode:
		value, err := r.read(n.Value)
		r[n.Name.String()] = value
		return value, err
	case *ast.AliasNode:
		value, known := r[n.Value.String()]
		if !known {
			return nil, fmt.Errorf("%s: no anchor of this name", n)
		}
		return value, nil
	case *ast.LiteralNode:
		return n.Value.Value, nil
	case ast.ScalarNode:
		return n.GetValue(), nil
	}
	return nil, fmt.Errorf("%T can't be read", node)
}

func (r reader) mapping(values []*ast.MappingValueNode) (any, error) {
	m := make(map[string]any, len(values))
	for _, v := range values {
		key, err := r.read(v.Key)
		if err != nil {
			return nil, err
		}
		value, err := r.read(v.Value)
		if err != nil {
			return nil, err
		}
		m[fmt.Sprint(key)] = value
	}
	return m, nil
}

func (r reader) sequence(n *ast.SequenceNode) (any, error) {
	list := make([]any, 0, len(n.Values))
	for _, v := range n.Values {
		value, err := r.read(v)
		if err != nil {
			return nil, err
		}
		list = append(list, value)
	}
	return list, nil
}

func (r reader) tag(n *ast.TagNode) (any, error) {
	value, err := r.read(n.Value)
	name := strings.TrimPrefix(n.Start.Value, "!")
	if name != "Ref" && name != "Condition" {
		name = "Fn::" + name
	}
	return map[string]any{name: value}, err
}

// At walks down by keys: t.At("Resources", "RetryQueue", "Properties"). It is
// nil where there is nothing.
func (t Template) At(keys ...string) any {
	var here any = map[string]any(t)
	for _, key := range keys {
		m, ok := here.(map[string]any)
		if !ok {
			return nil
		}
		here = m[key]
	}
	return here
}

// Map is At for a map; empty where there is none.
func (t Template) Map(keys ...string) map[string]any {
	m, _ := t.At(keys...).(map[string]any)
	return m
}

// OfType lists the names of all resources of a type.
func (t Template) OfType(kind string) []string {
	var names []string
	for name := range t.Map("Resources") {
		if t.At("Resources", name, "Type") == kind {
			names = append(names, name)
		}
	}
	return names
}
