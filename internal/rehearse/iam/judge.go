package iam

import (
	"fmt"
	"slices"
	"strings"
)

// Request is one action of a principal on a resource.
type Request struct {
	Principal Principal
	Action    string // "sqs:SendMessage"
	Resource  string // ARN
	// Context holds the condition keys of the request: "aws:SecureTransport".
	Context map[string]string
}

// Principal is who asks: a role by its ARN, an AWS service, or, with neither,
// anybody.
type Principal struct {
	Role    string
	Service string
}

// Verdict is what policies say of a request.
type Verdict struct {
	Allowed bool
	By      string // the statement that decided; empty when none allows it
}

// Judge decides as IAM does within one account: a Deny anywhere wins; else an
// Allow of the role's own policies or of the resource's suffices. identity are
// the principal's own policies, resource that of the resource.
func Judge(r Request, identity, resource []Document) (Verdict, error) {
	var allowed Verdict
	for _, policies := range []struct {
		documents []Document
		attached  bool // to a resource, so that its principals count
	}{{identity, false}, {resource, true}} {
		for _, d := range policies.documents {
			for _, s := range d.Statements {
				applies, err := s.applies(r, policies.attached)
				switch {
				case err != nil:
					return Verdict{By: s.Sid}, fmt.Errorf("statement %s: %w", s.Sid, err)
				case applies && s.Effect == "Deny":
					return Verdict{By: s.Sid}, nil
				case applies && !allowed.Allowed:
					allowed = Verdict{Allowed: true, By: s.Sid}
				}
			}
		}
	}
	return allowed, nil
}

func (s Statement) applies(r Request, attached bool) (bool, error) {
	if attached && !s.names(r.Principal) {
		return false, nil
	}
	if !slices.ContainsFunc(s.Actions, func(p string) bool { return Match(strings.ToLower(p), strings.ToLower(r.Action)) }) {
		return false, nil
	}
	if !slices.ContainsFunc(s.Resources, func(p string) bool { return Match(p, r.Resource) }) {
		return false, nil
	}
	return s.conditionsHold(r.Context)
}

func (s Statement) names(p Principal) bool {
	if s.Principal == "*" {
		return true
	}
	by, _ := s.Principal.(map[string]any)
	return slices.ContainsFunc(texts(by["AWS"]), func(who string) bool { return who == "*" || p.Role != "" && who == p.Role }) ||
		p.Service != "" && slices.Contains(texts(by["Service"]), p.Service)
}

// conditionsHold refuses an operator or a key that it does not know.
func (s Statement) conditionsHold(context map[string]string) (bool, error) {
	for operator, keys := range s.Condition {
		for key, want := range keys {
			have, known := context[key]
			if !known && !knownKeys[key] {
				return false, fmt.Errorf("condition key %s is not understood here", key)
			}
			matches, err := compare(operator)
			if err != nil {
				return false, err
			}
			if !known || !slices.ContainsFunc(want, func(w string) bool { return matches(w, have) }) {
				return false, nil
			}
		}
	}
	return true, nil
}

// knownKeys may be absent from a request: then no positive condition holds.
var knownKeys = map[string]bool{
	"aws:SecureTransport": true, "aws:SourceArn": true, "aws:SourceAccount": true,
	"lambda:SourceFunctionArn": true, "lambda:FunctionUrlAuthType": true, "lambda:InvokedViaFunctionUrl": true,
}

func compare(operator string) (func(want, have string) bool, error) {
	switch operator {
	case "StringEquals":
		return func(w, h string) bool { return w == h }, nil
	case "Bool":
		return strings.EqualFold, nil
	case "ArnEquals", "ArnLike", "StringLike":
		return Match, nil
	}
	return nil, fmt.Errorf("condition operator %s is not understood here", operator)
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
