package rehearse

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"reflect"
	"slices"
	"strings"

	"github.com/jobhook/jobhook/internal/emulators"
	"github.com/jobhook/jobhook/internal/rehearse/cloudformation"
)

// Source is what is deployed: the translated template, those of its nested
// stacks by their TemplateURL, and each function's binary by logical name.
type Source struct {
	Template cloudformation.Template
	Nested   map[string]cloudformation.Template
	Binaries map[string]string
}

// Stack is a deployed one.
type Stack struct {
	Name   string
	cloud  *Cloud
	scope  *cloudformation.Scope
	source Source
	// properties are what each resource was last given.
	properties map[string]map[string]any
	nested     map[string]*Stack
	pollers    map[string]*poller
}

// Deploy makes a stack. As in CloudFormation, the first fault ends it; what was
// made stays, for the emulators forget it with the test.
func (c *Cloud) Deploy(ctx context.Context, name string, source Source, parameters map[string]string) (*Stack, error) {
	s := &Stack{
		Name: name, cloud: c, properties: map[string]map[string]any{},
		nested: map[string]*Stack{}, pollers: map[string]*poller{},
	}
	c.tb.Cleanup(s.stop)
	return s, s.Update(ctx, source, parameters)
}

// Update makes of the stack what the source says now. Resources whose properties
// are the same are left alone; functions, roles, mappings and the like change in
// place; a table, a queue or a secret is never made anew.
func (s *Stack) Update(ctx context.Context, source Source, parameters map[string]string) error {
	scope, err := cloudformation.NewScope(source.Template, s.Name, parameters)
	if err != nil {
		return fmt.Errorf("stack %s: %w", s.Name, err)
	}
	before := s.scope
	if before != nil {
		scope.Resources = before.Resources
	}
	s.scope, s.source = scope, source
	order, err := scope.Order()
	if err != nil {
		return fmt.Errorf("stack %s: %w", s.Name, err)
	}
	for _, logical := range order {
		if err := s.apply(ctx, logical); err != nil {
			return fmt.Errorf("stack %s: %s (%s): %w", s.Name, logical, source.Template.Resources[logical].Type, err)
		}
	}
	return errors.Join(s.removed(order), s.outputs())
}

// apply makes one resource, or changes it when its properties did.
func (s *Stack) apply(ctx context.Context, logical string) error {
	kind, known := kinds()[s.source.Template.Resources[logical].Type]
	if !known {
		return errors.New("the rehearsal doesn't know this type")
	}
	p, err := s.scope.Properties(logical)
	if err != nil {
		return err
	}
	for name := range p {
		if !slices.Contains(kind.properties, name) {
			return fmt.Errorf("the rehearsal doesn't know the property %s", name)
		}
	}
	before, exists := s.properties[logical]
	if exists && kind.kept && !reflect.DeepEqual(before, p) {
		return errors.New("an update would replace or rebuild what holds customers' data")
	}
	if exists && !kind.always && reflect.DeepEqual(before, p) {
		return nil
	}
	r := &resource{stack: s, logical: logical, properties: p, exists: exists}
	if exists {
		r.physical = s.scope.Resources[logical]
	}
	made, err := kind.make(ctx, r)
	if err != nil {
		return err
	}
	s.scope.Resources[logical], s.properties[logical] = made, p
	return nil
}

// removed refuses to take a resource away: no update of a rehearsal does.
func (s *Stack) removed(order []string) error {
	var faults []error
	for logical := range s.properties {
		if !slices.Contains(order, logical) {
			faults = append(faults, fmt.Errorf("stack %s: the update takes %s away", s.Name, logical))
		}
	}
	return errors.Join(faults...)
}

// outputs works every output out: one that can't be fails the deployment.
func (s *Stack) outputs() error {
	for name, output := range s.source.Template.Outputs {
		holds, err := s.scope.Holds(output.Condition)
		if err == nil && holds {
			_, err = s.scope.Resolve(output.Value)
		}
		if err != nil {
			return fmt.Errorf("output %s: %w", name, err)
		}
	}
	return nil
}

// Output is an output's value.
func (s *Stack) Output(name string) string {
	value, err := s.scope.Resolve(s.source.Template.Outputs[name].Value)
	if err != nil {
		return ""
	}
	return cloudformation.Text(value)
}

// Physical is what Ref gives for a resource: a name, or a queue's URL, or a
// secret's ARN. Empty when it has not been made.
func (s *Stack) Physical(logical string) string { return s.scope.Resources[logical].Ref }

// Attribute is what GetAtt gives.
func (s *Stack) Attribute(logical, name string) string {
	return s.scope.Resources[logical].Attributes[name]
}

// Nested is a stack within this one.
func (s *Stack) Nested(logical string) *Stack { return s.nested[logical] }

func (s *Stack) stop() {
	for _, p := range s.pollers {
		p.stop()
	}
	for _, inner := range s.nested {
		inner.stop()
	}
}

// resource is one resource while it is made or changed.
type resource struct {
	stack      *Stack
	logical    string
	properties map[string]any
	exists     bool
	physical   cloudformation.Made // when it exists
}

// name is the physical name that CloudFormation would generate.
func (r *resource) name() string {
	return emulators.Name(r.stack.Name + "-" + r.logical)
}

func (r *resource) text(property string) string {
	if v, there := r.properties[property]; there {
		return cloudformation.Text(v)
	}
	return ""
}

func (r *resource) number(property string, otherwise int) int {
	var n int
	if _, err := fmt.Sscan(r.text(property), &n); err != nil {
		return otherwise
	}
	return n
}

func (r *resource) at(keys ...string) any {
	var here any = r.properties
	for _, key := range keys {
		m, ok := here.(map[string]any)
		if !ok {
			return nil
		}
		here = m[key]
	}
	return here
}

func (r *resource) list(property string) []any {
	list, _ := r.properties[property].([]any)
	return list
}

// Parameter is the value that a parameter has.
func (s *Stack) Parameter(name string) string { return s.scope.Parameters[name] }

// Label says in short what an ARN names: the resource's logical name, with what
// follows it (an index, a log stream). Something else stays as it is.
func (s *Stack) Label(arn string) string {
	for _, within := range append([]*Stack{s}, s.inner()...) {
		for logical, made := range within.scope.Resources {
			for _, own := range []string{strings.TrimSuffix(made.Attributes["Arn"], ":*"), made.Ref} {
				if rest, is := strings.CutPrefix(arn, own); is && own != "" && strings.HasPrefix(own, "arn:") &&
					(rest == "" || rest[0] == '/' || rest[0] == ':') {
					return logical + rest
				}
			}
		}
	}
	return arn
}

func (s *Stack) inner() []*Stack { return slices.Collect(maps.Values(s.nested)) }

// Functions lists all functions of the stack and of those within it, by logical name.
func (s *Stack) Functions() map[string]*Function {
	all := map[string]*Function{}
	for _, within := range append([]*Stack{s}, s.inner()...) {
		for logical, resource := range within.source.Template.Resources {
			if resource.Type == "AWS::Lambda::Function" && within.Function(logical) != nil {
				all[logical] = within.Function(logical)
			}
		}
	}
	return all
}
