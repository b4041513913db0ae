package api

import (
	"encoding/json"
	"fmt"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/jobhook/jobhook/shared/signing"
	"github.com/jobhook/jobhook/shared/webhook"
)

// newSecret returns the secret that the request gives, or a new one.
func (s *server) newSecret(raw json.RawMessage, p webhook.Profile) (string, error) {
	if raw == nil {
		secret, err := signing.GenerateSecret(s.Random)
		return secret.Reveal(), err
	}
	text, err := parse[string]("secret", `a string: "whsec_" and base64, or for the older profiles any text of 16 bytes or more`, raw)
	if err != nil {
		return "", err
	}
	return text, checkSecret("secret", "", p, text)
}

// seal makes a secret the endpoint's only one.
func (s *server) seal(e *webhook.Endpoint, secret string, now time.Time) error {
	sealed, err := s.Seal(e.Account, e.ID, secret, now)
	if err != nil {
		return fmt.Errorf("seal the secret of %s: %w", e.ID, err)
	}
	e.Secrets = []webhook.SealedSecret{sealed}
	return nil
}

// checkSecret says why a secret cannot sign for a profile, as a problem of that
// field; nothing of the secret is in it.
func checkSecret(field, intro string, p webhook.Profile, text string) error {
	scheme, err := signing.Lookup(string(p))
	if err != nil {
		return err
	}
	secret, err := signing.ParseSecret(text)
	if err != nil {
		return badField(field, intro+err.Error())
	}
	if err := signing.CheckSecret(scheme, secret); err != nil {
		return badField(field, intro+err.Error())
	}
	own := !strings.HasPrefix(text, "whsec_") && !strings.HasPrefix(text, "whsk_")
	switch {
	case p == webhook.Standard && own:
		return badField(field, intro+`the standard profile needs "whsec_" and the base64 of 24 to 64 bytes, or a "whsk_" key`)
	case strings.ContainsRune(text, utf8.RuneError):
		return badField(field, intro+"the secret has a character that was not valid (U+FFFD); give printable text")
	}
	return nil
}

// checkProfileChange refuses a new profile for which one of the endpoint's
// secrets cannot sign, so that no delivery fails for it later. A secret in
// Secrets Manager is not read here.
func (s *server) checkProfileChange(was, is webhook.Endpoint) error {
	if was.Profile == is.Profile {
		return nil
	}
	for _, sealed := range is.Valid(s.Now()) {
		if sealed.Sealed == "" {
			continue
		}
		text, err := s.Open(is.Account, is.ID, sealed)
		if err != nil {
			return fmt.Errorf("open the secret of %s: %w", is.ID, err)
		}
		if err := checkSecret("profile", "the endpoint's secret does not suit it: ", is.Profile, text); err != nil {
			return err
		}
	}
	return nil
}
