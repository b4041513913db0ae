package rehearse

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/jobhook/jobhook/internal/emulators"
)

// Source is what is deployed: the directory of the translated templates, and
// each function's binary by logical name.
type Source struct {
	Directory string
	Binaries  map[string]string
}

// Stack is a deployed one.
type Stack struct {
	cloud      *Cloud
	name       string
	source     Source
	parameters map[string]string
	resources  []*resource
	nested     map[string]*Stack
	pollers    map[string]*poller
}

// Deploy makes a stack. As in CloudFormation, the first fault ends it; what was
// made stays, for the emulators forget it with the test.
func (c *Cloud) Deploy(ctx context.Context, source Source, parameters map[string]string) (*Stack, error) {
	s := c.newStack(emulators.Name("jobhook"))
	return s, s.Update(ctx, source, parameters)
}

func (c *Cloud) newStack(name string) *Stack {
	s := &Stack{name: name, cloud: c, nested: map[string]*Stack{}, pollers: map[string]*poller{}}
	c.tb.Cleanup(func() {
		for _, p := range s.pollers {
			p.stop()
		}
	})
	return s
}

// Update makes of the stack what the source says now. Resources whose properties
// are the same are left alone; functions, roles, mappings and the like change in
// place; a table, a queue or a secret is never made anew.
func (s *Stack) Update(ctx context.Context, source Source, parameters map[string]string) error {
	d, err := ask(request{Stack: s.name, Directory: source.Directory, Parameters: parameters})
	if err != nil {
		return fmt.Errorf("stack %s: %w", s.name, err)
	}
	return s.become(ctx, source, d)
}

func (s *Stack) become(ctx context.Context, source Source, d *deployment) error {
	s.source, s.parameters = source, d.Parameters
	for _, r := range d.Resources {
		if err := s.apply(ctx, r); err != nil {
			return fmt.Errorf("stack %s: %s (%s): %w", s.name, r.Logical, r.Type, err)
		}
	}
	if gone := len(s.resources) - len(d.Resources); gone > 0 {
		return fmt.Errorf("stack %s: the update takes %d resources away", s.name, gone)
	}
	return nil
}

// apply makes one resource, or changes it when its properties did.
func (s *Stack) apply(ctx context.Context, r *resource) error {
	renamed := strings.NewReplacer(s.cloud.renamed...)
	r.stack, r.Properties, r.Ref = s, []byte(renamed.Replace(string(r.Properties))), renamed.Replace(r.Ref)
	old := s.resource(r.Logical)
	r.exists = old.Logical != ""
	kind, known := kinds[r.Type]
	same := r.exists && bytes.Equal(old.Properties, r.Properties)
	switch {
	case r.Stack != nil:
		inner := s.nested[r.Logical]
		if inner == nil {
			inner = s.cloud.newStack(s.name + "-" + r.Logical)
			s.nested[r.Logical] = inner
		}
		if err := inner.become(ctx, s.source, r.Stack); err != nil {
			return err
		}
	case !known:
		return errors.New("the rehearsal doesn't know this type")
	case r.exists && kind.kept && !same:
		return errors.New("an update would replace or rebuild what holds customers' data")
	case same && !kind.always:
		return nil
	default:
		if err := kind.make(ctx, r); err != nil {
			return err
		}
	}
	if r.exists {
		*old = *r
	} else {
		s.resources = append(s.resources, r)
	}
	return nil
}

// resource is a made one; without a name when there is none.
func (s *Stack) resource(logical string) *resource {
	for _, r := range s.resources {
		if r.Logical == logical {
			return r
		}
	}
	return &resource{}
}

// Physical is what Ref gives for a resource: a name, or a queue's URL, or a
// secret's ARN. Empty when it has not been made.
func (s *Stack) Physical(logical string) string { return s.resource(logical).Ref }

// ARN is what GetAtt gives.
func (s *Stack) ARN(logical string) string { return s.resource(logical).ARN }

// Nested is a stack within this one; nil when it is not there.
func (s *Stack) Nested(logical string) *Stack { return s.nested[logical] }

// Parameter is the value that a parameter has.
func (s *Stack) Parameter(name string) string { return s.parameters[name] }

// Function is a deployed function by its logical name.
func (s *Stack) Function(logical string) *Function {
	f, err := s.cloud.function(s.Physical(logical))
	if err != nil {
		return nil
	}
	return f
}

// Functions lists all functions of the stack and of those within it, by logical name.
func (s *Stack) Functions() map[string]*Function {
	all := map[string]*Function{}
	for _, r := range s.everything() {
		if r.Type == "AWS::Lambda::Function" {
			all[r.Logical] = r.stack.Function(r.Logical)
		}
	}
	return all
}

// Label says in short what an ARN names: the resource's logical name, with what
// follows it (an index, a log stream). Something else stays as it is.
func (s *Stack) Label(arn string) string {
	for _, r := range s.everything() {
		for _, own := range []string{strings.TrimSuffix(r.ARN, ":*"), r.Ref} {
			rest, is := strings.CutPrefix(arn, own)
			if is && strings.HasPrefix(own, "arn:") && (rest == "" || rest[0] == '/' || rest[0] == ':') {
				return r.Logical + rest
			}
		}
	}
	return arn
}

func (s *Stack) everything() []*resource {
	all := slices.Clip(s.resources)
	for _, inner := range s.nested {
		all = append(all, inner.resources...)
	}
	return all
}
