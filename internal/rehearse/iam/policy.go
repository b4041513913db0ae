// Package iam judges requests by IAM policies: those of a role and that of the
// resource. It knows what this project's policies use and refuses the rest
// with an error, so that nothing is allowed for want of understanding.
package iam

import (
	"encoding/json"
	"fmt"
)

// Document is a policy.
type Document struct {
	Version    string
	Statements []Statement
}

// Statement is one statement of a policy.
type Statement struct {
	Sid       string
	Effect    string // Allow or Deny
	Principal any    // of a resource's policy: "*", {"Service": ...}, {"AWS": ...}
	Actions   []string
	Resources []string
	Condition map[string]map[string][]string // operator, key, values
}

// Parse reads a policy from a resolved template value.
func Parse(document any) (Document, error) {
	text, err := json.Marshal(document)
	if err != nil {
		return Document{}, fmt.Errorf("policy: %w", err)
	}
	var raw struct {
		Version   string
		Statement []map[string]any
	}
	if err := json.Unmarshal(text, &raw); err != nil {
		return Document{}, fmt.Errorf("policy: %w", err)
	}
	if raw.Version != "2012-10-17" {
		return Document{}, fmt.Errorf("policy: version %q", raw.Version)
	}
	d := Document{Version: raw.Version}
	for _, one := range raw.Statement {
		s, err := statement(one)
		if err != nil {
			return Document{}, fmt.Errorf("policy: %w", err)
		}
		d.Statements = append(d.Statements, s)
	}
	return d, nil
}

func statement(raw map[string]any) (Statement, error) {
	s := Statement{Principal: raw["Principal"], Actions: texts(raw["Action"]), Resources: texts(raw["Resource"])}
	s.Sid, _ = raw["Sid"].(string)
	s.Effect, _ = raw["Effect"].(string)
	for key := range raw {
		switch key {
		case "Sid", "Effect", "Principal", "Action", "Resource", "Condition":
		default:
			return s, fmt.Errorf("statement %s: %s is not understood here", s.Sid, key)
		}
	}
	if s.Effect != "Allow" && s.Effect != "Deny" || len(s.Actions) == 0 {
		return s, fmt.Errorf("statement %s: effect %q, actions %v", s.Sid, s.Effect, s.Actions)
	}
	conditions, _ := raw["Condition"].(map[string]any)
	s.Condition = map[string]map[string][]string{}
	for operator, keys := range conditions {
		s.Condition[operator] = map[string][]string{}
		byKey, _ := keys.(map[string]any)
		for key, values := range byKey {
			s.Condition[operator][key] = texts(values)
		}
	}
	return s, nil
}

// texts reads what may be one text or several.
func texts(v any) []string {
	switch v := v.(type) {
	case nil:
		return nil
	case []any:
		list := make([]string, 0, len(v))
		for _, one := range v {
			list = append(list, fmt.Sprint(one))
		}
		return list
	}
	return []string{fmt.Sprint(v)}
}
