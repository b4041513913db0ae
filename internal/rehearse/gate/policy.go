package gate

import (
	"bytes"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
)

// Document is a policy of IAM's, of a role or of a resource.
type Document struct {
	Version   string
	Statement []Statement
}

// Statement is one statement of a policy.
type Statement struct {
	Sid              string
	Effect           string // Allow or Deny
	Principal        any    // of a resource's policy: "*", {"Service": ...}, {"AWS": ...}
	Action, Resource Texts
	Condition        Conditions
}

// Conditions are values by operator and key.
type Conditions map[string]map[string]Texts

// Texts is what may be one text or several.
type Texts []string

// UnmarshalJSON reads "x" as it reads ["x"].
func (t *Texts) UnmarshalJSON(text []byte) error {
	if text[0] != '[' {
		text = slices.Concat([]byte{'['}, text, []byte{']'})
	}
	return json.Unmarshal(text, (*[]string)(t))
}

// Parse reads a policy. What it doesn't know it refuses, so that nothing is
// allowed for want of understanding.
func Parse(text []byte) (Document, error) {
	var d Document
	decoder := json.NewDecoder(bytes.NewReader(text))
	decoder.DisallowUnknownFields()
	if err := decoder.Decode(&d); err != nil {
		return d, fmt.Errorf("policy: %w", err)
	}
	if d.Version != "2012-10-17" {
		return d, fmt.Errorf("policy: version %q, want 2012-10-17", d.Version)
	}
	for _, s := range d.Statement {
		if s.Effect != "Allow" && s.Effect != "Deny" || len(s.Action) == 0 {
			return d, fmt.Errorf("policy: statement %s has the effect %q and the actions %v", s.Sid, s.Effect, s.Action)
		}
	}
	return d, nil
}

// Request is one action on a resource. Who asks is a role by its ARN, a service
// of AWS, or, with neither, anybody.
type Request struct {
	Role, Service string
	Action        string // "sqs:SendMessage"
	Resource      string // ARN
	// Context holds the condition keys of the request: "aws:SecureTransport".
	Context map[string]string
}

// Judge decides as IAM does within one account: a Deny anywhere wins; else an
// Allow of the role's own policies or of the resource's suffices. identity are
// the principal's own policies, resource that of the resource. by is the
// statement that decided, empty when none allows it.
func Judge(r Request, identity, resource []Document) (allowed bool, by string, err error) {
	for i, d := range slices.Concat(identity, resource) {
		for _, s := range d.Statement {
			if i >= len(identity) && !s.names(r) {
				continue
			}
			applies, err := s.applies(r)
			switch {
			case err != nil:
				return false, s.Sid, fmt.Errorf("statement %s: %w", s.Sid, err)
			case applies && s.Effect == "Deny":
				return false, s.Sid, nil
			case applies && !allowed:
				allowed, by = true, s.Sid
			}
		}
	}
	return allowed, by, nil
}

// names says whether a resource's policy means who asks.
func (s Statement) names(r Request) bool {
	if s.Principal == "*" {
		return true
	}
	by, _ := s.Principal.(map[string]any)
	is := func(kind, who string) bool {
		list, several := by[kind].([]any)
		if !several {
			list = []any{by[kind]}
		}
		return slices.ContainsFunc(list, func(v any) bool { return who != "" && v == who || kind == "AWS" && v == "*" })
	}
	return is("AWS", r.Role) || is("Service", r.Service)
}

func (s Statement) applies(r Request) (bool, error) {
	if !slices.ContainsFunc(s.Action, func(p string) bool { return Match(strings.ToLower(p), strings.ToLower(r.Action)) }) ||
		!slices.ContainsFunc(s.Resource, func(p string) bool { return Match(p, r.Resource) }) {
		return false, nil
	}
	for operator, keys := range s.Condition {
		matches, knows := operators[operator]
		if !knows {
			return false, fmt.Errorf("condition operator %s is not understood here", operator)
		}
		for key, want := range keys {
			have, given := r.Context[key]
			if !given && !slices.Contains(keysKnown, key) {
				return false, fmt.Errorf("condition key %s is not understood here", key)
			}
			if !given || !slices.ContainsFunc(want, func(w string) bool { return matches(w, have) }) {
				return false, nil
			}
		}
	}
	return true, nil
}

// keysKnown may be absent from a request: then no positive condition holds.
var keysKnown = []string{
	"aws:SecureTransport", "aws:SourceArn", "aws:SourceAccount",
	"lambda:SourceFunctionArn", "lambda:FunctionUrlAuthType", "lambda:InvokedViaFunctionUrl",
}

var operators = map[string]func(want, have string) bool{
	"StringEquals": func(w, h string) bool { return w == h }, "Bool": strings.EqualFold,
	"ArnEquals": Match, "ArnLike": Match, "StringLike": Match,
}

// Match compares with IAM's wildcards: * for any text, ? for one character.
func Match(pattern, text string) bool {
	for {
		switch {
		case pattern == "":
			return text == ""
		case pattern[0] == '*':
			rest := strings.TrimLeft(pattern, "*")
			for i := range len(text) + 1 {
				if Match(rest, text[i:]) {
					return true
				}
			}
			return false
		case text == "" || pattern[0] != '?' && pattern[0] != text[0]:
			return false
		}
		pattern, text = pattern[1:], text[1:]
	}
}
