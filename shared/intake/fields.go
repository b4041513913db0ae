package intake

import (
	"fmt"
	"net/url"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"
)

// Limits of a completion's fields, in bytes. Account and event id are parts of
// DynamoDB keys (2,048 and 1,024 bytes at most).
const (
	maxAccount = 128
	maxID      = 256
	maxName    = 128
	maxEventID = 600
	maxURL     = 2048
)

// fill sets what was left out and checks the rest.
func (c *completion) fill() error {
	if c.Account == "" {
		c.Account = DefaultAccount
	}
	if err := CheckAccount(c.Account); err != nil {
		return err
	}
	for _, f := range []struct{ name, value, example string }{
		{"id", c.ID, `the job's id, like "bf68a3"`},
		{"status", c.Status, `the job's status, like "success"`},
		{"type", c.Type, `the job's type, like "content_translate"`},
	} {
		if f.value == "" {
			return fault(f.name, "is missing; it must be "+f.example)
		}
	}
	if c.EventType == "" {
		c.EventType = c.Type + "." + c.Status
	}
	if c.EventID == "" {
		c.EventID = c.EventType + "/" + c.ID + "/" + c.Status
	}
	return c.check()
}

func (c *completion) check() error {
	for _, f := range []struct {
		name, value string
		limit       int
	}{
		{"id", c.ID, maxID},
		{"status", c.Status, maxName},
		{"type", c.Type, maxName},
		{"event_type", c.EventType, 2*maxName + 1},
		{"event_id", c.EventID, maxEventID},
	} {
		if err := checkText(f.name, f.value, f.limit); err != nil {
			return err
		}
	}
	if c.CallbackURL == "" {
		if c.CallbackProfile != "" {
			return fault("callback_profile", "is given without a callback_url")
		}
		return nil
	}
	return CheckCallbackURL(c.CallbackURL)
}

func checkText(name, value string, limit int) error {
	if len(value) > limit {
		return fault(name, fmt.Sprintf("is %d bytes long; at most %d are possible", len(value), limit))
	}
	if !utf8.ValidString(value) || strings.ContainsFunc(value, unicode.IsControl) {
		return fault(name, "has control characters; use printable text")
	}
	return nil
}

// CheckAccount says whether a text can name an account.
func CheckAccount(account string) error {
	bad := func(r rune) bool {
		return !strings.ContainsRune("-_.:@", r) && (r > unicode.MaxASCII || !unicode.IsLetter(r) && !unicode.IsDigit(r))
	}
	if account == "" || len(account) > maxAccount || strings.ContainsFunc(account, bad) {
		return fault("account", fmt.Sprintf("must be 1 to %d letters, digits or - _ . : @", maxAccount))
	}
	return nil
}

// CheckCallbackURL says whether a text is a URL that a POST could go to at
// all. Whether it may go there (HTTPS, a public address) is the sender's to
// say: that is a failed delivery, which the customer can see.
func CheckCallbackURL(raw string) error {
	const want = `it must be a whole URL like "https://example.com/hooks?job=1"`
	if len(raw) > maxURL {
		return fault("callback_url", fmt.Sprintf("is %d bytes long; at most %d are possible", len(raw), maxURL))
	}
	u, err := url.Parse(raw)
	switch {
	case err != nil || strings.Contains(raw, " ") || u.Hostname() == "" || !portOK(u.Port()) || u.Opaque != "" || checkText("", raw, maxURL) != nil:
		return fault("callback_url", "is not a URL; "+want)
	case u.Scheme != "https" && u.Scheme != "http":
		return fault("callback_url", "is not an HTTPS URL; "+want)
	case u.User != nil:
		return fault("callback_url", "must not carry a user name or password; verify the signature instead")
	}
	return nil
}

func portOK(port string) bool {
	if port == "" {
		return true
	}
	n, err := strconv.ParseUint(port, 10, 16)
	return err == nil && n > 0
}
