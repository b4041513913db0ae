package api

import (
	"encoding/json"
	"fmt"
	"strings"
	"unicode/utf8"

	"github.com/jobhook/jobhook/shared/payload"
	"github.com/jobhook/jobhook/shared/signing"
	"github.com/jobhook/jobhook/shared/webhook"
)

// newSecret returns the secret that the request gives, or a new one.
func (s *server) newSecret(raw json.RawMessage, p payload.Profile) (string, error) {
	if raw == nil {
		secret, err := signing.GenerateSecret(s.Random)
		return secret.Reveal(), err
	}
	text, err := parse[string]("secret", `a string: "whsec_" and base64, or any text for the older profiles; leave it out to have one made`, raw)
	if err != nil {
		return "", err
	}
	if fault, err := secretFault(p, text); fault != "" || err != nil {
		return "", orProblem("secret", fault, err)
	}
	return text, nil
}

// secretFault says why a secret cannot sign for a profile; nothing of the
// secret is in it. An error is a fault of ours.
func secretFault(p payload.Profile, text string) (string, error) {
	scheme, err := signing.Lookup(string(p))
	if err != nil {
		return "", err
	}
	secret, err := signing.ParseSecret(text)
	if err != nil {
		return err.Error(), nil
	}
	if err := signing.CheckSecret(scheme, secret); err != nil {
		return err.Error(), nil
	}
	own := !strings.HasPrefix(text, "whsec_") && !strings.HasPrefix(text, "whsk_")
	switch {
	case p == payload.Standard && own:
		return `the standard profile needs "whsec_" and the base64 of 24 to 64 bytes, or a "whsk_" key; leave it out to have one made`, nil
	case strings.ContainsRune(text, utf8.RuneError):
		return "the secret has a character that was not valid (U+FFFD): give printable text", nil
	}
	return "", nil
}

func orProblem(field, fault string, err error) error {
	if err != nil {
		return err
	}
	return badField(field, fault)
}

// checkProfileChange finds a secret that could not sign for the endpoint's
// new profile, so that no delivery fails for it later. One that lies in
// Secrets Manager under a name of its own is not read here.
func (s *server) checkProfileChange(was, is webhook.Endpoint) error {
	if was.Profile == is.Profile {
		return nil
	}
	for _, sealed := range is.Valid(s.Now()) {
		if sealed.Sealed == "" {
			continue
		}
		text, err := s.Open(is.Account, is.ID, sealed.Sealed)
		if err != nil {
			return fmt.Errorf("open the secret of %s: %w", is.ID, err)
		}
		if fault, err := secretFault(is.Profile, text); fault != "" || err != nil {
			return orProblem("profile", "the endpoint's secret does not suit it: "+fault, err)
		}
	}
	return nil
}
