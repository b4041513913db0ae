package receiving

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/jobhook/jobhook/shared/signing"
)

// minSecret is the least length of a secret, in bytes: anything shorter is
// guessed from one request that was seen.
const minSecret = signing.MinSecretLength

func (r reader) secrets(scheme signing.Scheme) []signing.Secret {
	if _, there := r.raw["secrets"]; !there {
		r.add(r.path, `secrets is missing: ["the secret that the sender shows"], the newest first`)
		return nil
	}
	texts := r.list("secrets", "secrets")
	if len(texts) > signing.MaxValid {
		r.add(r.at("secrets"), "it has %d: at most %d can be valid at once", len(texts), signing.MaxValid)
	}
	secrets := make([]signing.Secret, 0, len(texts))
	for i, text := range texts {
		secret, err := parseSecret(scheme, text)
		at := fmt.Sprintf("%s[%d]", r.at("secrets"), i)
		switch {
		case err != nil:
			r.add(at, "%v", err)
		case slices.Index(texts, text) < i:
			r.add(at, "it is the same as an earlier one: remove it")
		default:
			secrets = append(secrets, secret)
		}
	}
	return secrets
}

// parseSecret takes what can verify and nothing else. An HMAC would take a key
// of ed25519 for mere text: whoever knows the public one could sign.
func parseSecret(scheme signing.Scheme, text string) (signing.Secret, error) {
	list := scheme.Name() == "standard" || scheme.Name() == "svix"
	switch {
	case strings.Contains(text, "…"):
		return signing.Secret{}, errors.New(`it has a "…", so it is an example's: put the sender's own secret here`)
	case strings.HasPrefix(text, "whsk_"):
		return signing.Secret{}, errors.New("it is a private key (whsk_), which belongs to the sender alone: give the whpk_ key that goes with it")
	case strings.HasPrefix(text, "whpk_") && !list:
		return signing.Secret{}, fmt.Errorf("it is an ed25519 public key (whpk_), and scheme %s signs with a shared secret: give that", scheme.Name())
	}
	secret, err := scheme.ParseSecret(text)
	if err == nil && len(text) < minSecret {
		err = fmt.Errorf("it has %d bytes: a secret has at least %d", len(text), minSecret)
	}
	return secret, err
}
