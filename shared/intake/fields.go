package intake

import (
	"cmp"
	"fmt"
	"net/url"
	"strconv"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/jobhook/jobhook/shared/webhook"
)

// Limits of a completion's fields, in bytes. The account is part of DynamoDB's
// keys (2,048 bytes at most).
const (
	maxAccount = 128
	maxID      = 256
	maxName    = 128
	maxEventID = 650 // the default form of the longest fields fits
	maxURL     = 2048
)

// fields are a completion's but its result and error; see section 7 of the design.
type fields struct {
	ID, Status, Type, Account string
	EventType, EventID        string
	CallbackURL               string
	CallbackProfile           webhook.Profile
	OccurredAt                string // as it came
}

func (m *members) fields() (f fields, err error) {
	var profile string
	for i, into := range [...]*string{
		jobID: &f.ID, status: &f.Status, jobType: &f.Type, account: &f.Account, callbackURL: &f.CallbackURL,
		callbackProfile: &profile, eventType: &f.EventType, eventID: &f.EventID, occurredAt: &f.OccurredAt,
	} {
		if into == nil { // result or error
			continue
		}
		if *into, err = m.text(i); err != nil {
			return f, err
		}
	}
	if profile != "" {
		if f.CallbackProfile, err = webhook.ParseProfile(profile); err != nil {
			return f, invalid("callback_profile", err.Error())
		}
	}
	return f, nil
}

// fill sets what was left out and checks all.
func (f *fields) fill() error {
	f.Account = cmp.Or(f.Account, webhook.DefaultAccount)
	if err := CheckAccount(f.Account); err != nil {
		return err
	}
	for _, r := range []struct{ name, value, example string }{
		{"id", f.ID, `the job's id, like "bf68a3"`},
		{"status", f.Status, `the job's status, like "success"`},
		{"type", f.Type, `the job's type, like "content_translate"`},
	} {
		if r.value == "" {
			return invalid(r.name, "is missing; it must be "+r.example)
		}
	}
	f.EventType = cmp.Or(f.EventType, f.Type+"."+f.Status)
	f.EventID = cmp.Or(f.EventID, webhook.DefaultEventID(f.EventType, f.ID, f.Status))
	return f.check()
}

func (f *fields) check() error {
	for _, c := range []struct {
		name, value string
		limit       int
		slash       bool // else a default event id could not be taken apart
	}{
		{"id", f.ID, maxID, true},
		{"status", f.Status, maxName, false},
		{"type", f.Type, maxName, false},
		{"event_type", f.EventType, 2*maxName + 1, false},
		{"event_id", f.EventID, maxEventID, true},
	} {
		if err := checkText(c.name, c.value, c.limit); err != nil {
			return err
		}
		if !c.slash && strings.Contains(c.value, "/") {
			return invalid(c.name, `contains a slash, which separates the parts of an event id; use another character, such as "." or "_"`)
		}
	}
	if f.CallbackURL == "" {
		if f.CallbackProfile != "" {
			return invalid("callback_profile", "is given without a callback_url")
		}
		return nil
	}
	return checkCallbackURL(f.CallbackURL)
}

// occurred is when the job ended: as the completion says, else as EventBridge
// does, else when it was accepted.
func (f *fields) occurred(sent string, accepted time.Time) (time.Time, error) {
	if f.OccurredAt != "" {
		t, err := time.Parse(time.RFC3339, f.OccurredAt)
		if err != nil || outOfRange(t) {
			return time.Time{}, invalid("occurred_at", `is not an RFC 3339 time; write it like "2026-11-20T12:00:00Z"`)
		}
		return t.UTC(), nil
	}
	if t, err := time.Parse(time.RFC3339, sent); err == nil && !outOfRange(t) {
		return t.UTC(), nil
	}
	return accepted, nil
}

// outOfRange: in UTC, "9999-12-31T23:59:59-01:00" has a year that RFC 3339
// cannot write, so that no body could be built.
func outOfRange(t time.Time) bool {
	return t.IsZero() || t.UTC().Year() < 0 || t.UTC().Year() > 9999
}

func checkText(name, value string, limit int) error {
	if len(value) > limit {
		return invalid(name, fmt.Sprintf("is %d bytes long; the maximum is %d", len(value), limit))
	}
	if !utf8.ValidString(value) || strings.ContainsFunc(value, unicode.IsControl) {
		return invalid(name, "has control characters; use printable text")
	}
	return nil
}

// CheckAccount says whether a text can name an account.
func CheckAccount(account string) error {
	bad := func(r rune) bool {
		return !strings.ContainsRune("-_.:@", r) && (r > unicode.MaxASCII || !unicode.IsLetter(r) && !unicode.IsDigit(r))
	}
	if account == "" || len(account) > maxAccount || strings.ContainsFunc(account, bad) {
		return invalid("account", fmt.Sprintf("must be 1 to %d letters, digits or - _ . : @", maxAccount))
	}
	return nil
}

// checkCallbackURL says whether a text is a URL that a POST could go to at
// all. Whether it may go there (HTTPS, a public address) is the sender's to
// say: that is a failed delivery, which the customer can see.
func checkCallbackURL(raw string) error {
	const want = `it must be a whole URL like "https://example.com/hooks?job=1"`
	if len(raw) > maxURL {
		return invalid("callback_url", fmt.Sprintf("is %d bytes long; the maximum is %d", len(raw), maxURL))
	}
	u, err := url.Parse(raw)
	var port uint64
	if err == nil {
		port, err = strconv.ParseUint(cmp.Or(u.Port(), "443"), 10, 16)
	}
	switch {
	case err != nil || port == 0 || strings.Contains(raw, " ") || u.Hostname() == "" || u.Opaque != "" || checkText("", raw, maxURL) != nil:
		return invalid("callback_url", "is not a URL; "+want)
	case u.Scheme != "https" && u.Scheme != "http":
		return invalid("callback_url", "is not an HTTPS URL; "+want)
	case u.User != nil:
		return invalid("callback_url", "must not carry a user name or password; verify the signature instead")
	}
	return nil
}
