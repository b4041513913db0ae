package secrets

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/jobhook/jobhook/shared/signing"
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
		if _, there := holder[keyOf(text)]; there {
			return nil, ErrShared
		}
		own[account], holder[keyOf(text)] = NewText(text), account
	}
	versions := make([]Version, len(texts))
	for n, text := range texts {
		if text == "" {
			return nil, ErrForm
		}
		if account, there := holder[keyOf(text)]; there && account != webhook.DefaultAccount {
			return nil, ErrShared
		}
		versions[n] = Version{Text: NewText(text), Accounts: own}
	}
	if len(versions) == 0 {
		return nil, ErrForm
	}
	return versions, nil
}

// keyOf is what a secret signs with, since one key may be written in more than
// one way; a text that is no secret is refused when it is to sign.
func keyOf(text string) string {
	s, err := signing.ParseSecret(text)
	if err != nil {
		return text
	}
	return s.Key()
}

// Version is one version of a secret.
type Version struct {
	Text Text
	// Accounts are secrets that single accounts have instead of Text, by
	// account. Only the signing secret has them.
	Accounts map[string]Text
	Until    time.Time // it signs until then; zero: no end is set
}

// valid says whether the version signs at now.
func (v Version) valid(now time.Time) bool { return v.Until.IsZero() || now.Before(v.Until) }

// gives says whether the version gives text to an account other than this one.
func (v Version) gives(text Text, account string) bool {
	for other, its := range v.Accounts {
		if other != account && its.Reveal() == text.Reveal() {
			return true
		}
	}
	return account != webhook.DefaultAccount && v.Text.Reveal() == text.Reveal()
}

// Text is a secret's text. However it is printed it shows as "[secret]".
type Text struct {
	hidden func() string // fmt walks into anything else
}

// NewText hides a text.
func NewText(s string) Text { return Text{func() string { return s }} }

// Reveal returns the text, for deriving a key; never for a log.
func (t Text) Reveal() string {
	if t.hidden == nil {
		return ""
	}
	return t.hidden()
}

// Format writes "[secret]" for every verb.
func (Text) Format(f fmt.State, _ rune) { _, _ = io.WriteString(f, "[secret]") }

// MarshalText returns "[secret]".
func (Text) MarshalText() ([]byte, error) { return []byte("[secret]"), nil }
