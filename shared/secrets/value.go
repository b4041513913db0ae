package secrets

import (
	"encoding/json"
	"errors"
	"strings"

	"github.com/jobhook/jobhook/shared/webhook"
)

// What can be wrong with a secret's value. Neither holds any of it.
var (
	ErrForm = errors.New(`the secret's value must be a string, a JSON array of strings, newest first, ` +
		`or {"prefix":"…","key":"…"} with "accounts":{"account":"secret"} or without`)
	ErrShared = errors.New("two accounts have the same secret, or one has the signing secret itself, so each could sign for the other: give each its own")
)

// ParseValue reads the value of a secret as an operator may write it, newest
// version first and at least one:
//
//   - a string, such as "whsec_…"; white space around it is dropped, since
//     files end in a line end;
//   - a JSON array of strings, newest first: a rotation done by hand;
//   - {"prefix":"whsec_","key":"…"}, what CloudFormation's GenerateSecretString
//     makes: the text is the prefix and the key. With "accounts" it gives
//     single accounts a secret of their own: {"acme":"whsec_…"}.
//
// What begins with [ or { is read as JSON; a secret that does so goes into an
// array.
func ParseValue(value string) ([]Version, error) {
	value = strings.TrimSpace(value)
	switch {
	case strings.HasPrefix(value, "["):
		var texts []string
		if json.Unmarshal([]byte(value), &texts) != nil {
			return nil, ErrForm
		}
		return newVersions(texts, nil)
	case strings.HasPrefix(value, "{"):
		var made struct {
			Prefix, Key string
			Accounts    map[string]string
		}
		if json.Unmarshal([]byte(value), &made) != nil || made.Key == "" {
			return nil, ErrForm
		}
		return newVersions([]string{made.Prefix + made.Key}, made.Accounts)
	}
	return newVersions([]string{value}, nil)
}

// newVersions refuses what is empty, and a secret that two accounts would have.
func newVersions(texts []string, accounts map[string]string) ([]Version, error) {
	own, holder := map[string]Text{}, map[string]string{}
	for account, text := range accounts {
		if account == "" || text == "" {
			return nil, ErrForm
		}
		if _, there := holder[text]; there {
			return nil, ErrShared
		}
		own[account], holder[text] = NewText(text), account
	}
	versions := make([]Version, len(texts))
	for n, text := range texts {
		if text == "" {
			return nil, ErrForm
		}
		if account, there := holder[text]; there && account != webhook.DefaultAccount {
			return nil, ErrShared
		}
		versions[n] = Version{Text: NewText(text), Accounts: own}
	}
	if len(versions) == 0 {
		return nil, ErrForm
	}
	return versions, nil
}
