package signing

import (
	"errors"
	"fmt"
	"strings"
)

// CheckSecret reports whether secret can sign with scheme. Ask it when the
// endpoint is configured, so that no delivery fails for it later.
func CheckSecret(scheme Scheme, secret Secret) error {
	switch {
	case scheme.form == formNone:
		return errors.New("no scheme")
	case secret.IsZero():
		return fmt.Errorf("%w: there is none", ErrNoSecret)
	case secret.asymmetric() && scheme.form != formList:
		return fmt.Errorf("%w: an ed25519 key cannot make %s, an HMAC: give whsec_ and base64, or printable text of 16 bytes or more",
			ErrNoSecret, scheme.signature)
	case secret.asymmetric() && secret.hidden().private == nil:
		return fmt.Errorf("%w: a whpk_ key only verifies: give the whsk_ key that belongs to it", ErrNoSecret)
	}
	return nil
}

// ParseSecret reads a secret that will verify requests of this scheme. It
// differs from the package's ParseSecret where the scheme's key is the text
// itself: there a "whsec_" need not be followed by base64 (Stripe's is not
// always), and where the scheme must have the "whsec_" or "whpk_" form (Svix).
func (s Scheme) ParseSecret(text string) (Secret, error) {
	if s.form == formNone {
		return Secret{}, errors.New("no scheme")
	}
	if s.form != formList {
		if err := checkText(text); err != nil {
			return Secret{}, err
		}
		return plainSecret(text)
	}
	secret, err := ParseSecret(text)
	if err != nil {
		return Secret{}, err
	}
	if s.name == "svix" && !secret.asymmetric() && !strings.HasPrefix(text, prefixSymmetric) {
		return Secret{}, errors.New("a Svix secret begins with whsec_ (or whpk_): copy it whole")
	}
	return secret, nil
}
