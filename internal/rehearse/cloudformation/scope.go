package cloudformation

import (
	"errors"
	"fmt"
	"maps"
	"slices"
)

// Where a rehearsed stack lives.
const (
	Region    = "us-east-1"
	Account   = "123456789012"
	Partition = "aws"
)

// Made is what a resource is once it exists: what Ref gives and what GetAtt gives.
type Made struct {
	Ref        string
	Attributes map[string]string
}

// Scope is a template with its parameters and what has been made so far.
type Scope struct {
	Template   Template
	StackName  string
	Parameters map[string]string
	Resources  map[string]Made

	conditions map[string]bool
}

// NewScope takes the parameters in; it refuses what CloudFormation would before
// it makes anything.
func NewScope(t Template, stackName string, given map[string]string) (*Scope, error) {
	values, err := t.parameters(given)
	if err != nil {
		return nil, err
	}
	s := &Scope{Template: t, StackName: stackName, Parameters: values, Resources: map[string]Made{}, conditions: map[string]bool{}}
	if err := s.rules(); err != nil {
		return nil, err
	}
	for name := range t.Conditions {
		if _, err := s.condition(name); err != nil {
			return nil, err
		}
	}
	return s, nil
}

// condition is a condition by name, each worked out once.
func (s *Scope) condition(name string) (bool, error) {
	if known, done := s.conditions[name]; done {
		return known, nil
	}
	stated, there := s.Template.Conditions[name]
	if !there {
		return false, fmt.Errorf("condition %s: the template has none of this name", name)
	}
	value, err := s.truth(stated)
	if err != nil {
		return false, fmt.Errorf("condition %s: %w", name, err)
	}
	s.conditions[name] = value
	return value, nil
}

// Holds says whether a resource or an output with this condition is made; an
// empty name always holds.
func (s *Scope) Holds(condition string) (bool, error) {
	if condition == "" {
		return true, nil
	}
	return s.condition(condition)
}

// Order lists the resources that are made, each after all that it refers to.
func (s *Scope) Order() ([]string, error) {
	var order []string
	state := map[string]int{} // 1: being visited, 2: done
	var visit func(name string) error
	visit = func(name string) error {
		switch state[name] {
		case 1:
			return fmt.Errorf("resource %s depends on itself", name)
		case 2:
			return nil
		}
		resource := s.Template.Resources[name]
		made, err := s.Holds(resource.Condition)
		if err != nil {
			return err
		}
		state[name] = 1
		if made {
			for _, on := range s.dependencies(resource) {
				if err := visit(on); err != nil {
					return err
				}
			}
			order = append(order, name)
		}
		state[name] = 2
		return nil
	}
	var faults []error
	for _, name := range slices.Sorted(maps.Keys(s.Template.Resources)) {
		faults = append(faults, visit(name))
	}
	return order, errors.Join(faults...)
}

// dependencies are the resources that one refers to, sorted.
func (s *Scope) dependencies(r Resource) []string {
	found := map[string]bool{}
	collect(r.Properties, found)
	collect(map[string]any{"DependsOn": r.DependsOn}, found)
	switch on := r.DependsOn.(type) {
	case string:
		found[on] = true
	case []any:
		for _, one := range on {
			found[Text(one)] = true
		}
	}
	maps.DeleteFunc(found, func(name string, _ bool) bool { _, there := s.Template.Resources[name]; return !there })
	return slices.Sorted(maps.Keys(found))
}
