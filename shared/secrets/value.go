package secrets

import (
	"encoding/json"
	"errors"
	"slices"
	"strings"
)

// ErrForm says that a secret's value has none of the forms that ParseValue
// reads. It holds none of the value.
var ErrForm = errors.New(`the secret's value must be a text, a JSON array of texts, newest first, or {"prefix":"…","key":"…"}`)

// ParseValue reads the value of a secret as an operator may write it, newest
// text first and at least one:
//
//   - a text, such as "whsec_…"; white space around it is dropped, since files
//     end in a line end;
//   - a JSON array of texts, newest first: a rotation done by hand;
//   - {"prefix":"whsec_","key":"…"}, what CloudFormation's GenerateSecretString
//     makes: the text is the prefix and the key.
//
// What begins with [ or { is taken for JSON; a text that does so goes into an
// array.
func ParseValue(value string) ([]string, error) {
	value = strings.TrimSpace(value)
	switch {
	case strings.HasPrefix(value, "["):
		return parseList(value)
	case strings.HasPrefix(value, "{"):
		return parseGenerated(value)
	case value == "":
		return nil, ErrForm
	}
	return []string{value}, nil
}

func parseList(value string) ([]string, error) {
	var texts []string
	if json.Unmarshal([]byte(value), &texts) != nil || len(texts) == 0 {
		return nil, ErrForm
	}
	if slices.Contains(texts, "") {
		return nil, ErrForm
	}
	return texts, nil
}

func parseGenerated(value string) ([]string, error) {
	var made struct{ Prefix, Key string }
	if json.Unmarshal([]byte(value), &made) != nil || made.Key == "" {
		return nil, ErrForm
	}
	return []string{made.Prefix + made.Key}, nil
}
