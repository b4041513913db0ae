package signing

import (
	"crypto/ed25519"
	"crypto/hmac"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"strings"
	"unicode"
	"unicode/utf8"
)

const (
	prefixSymmetric = "whsec_"
	prefixPrivate   = "whsk_"
	prefixPublic    = "whpk_"

	// minKey and maxKey bound the key of a "whsec_" secret, in bytes: Standard
	// Webhooks 1.0, "Signature scheme".
	minKey, maxKey = 24, 64
	// generatedKey is the output of SHA-256, which RFC 2104 (section 3) advises
	// for the key of an HMAC.
	generatedKey = 32
)

// Bounds of a secret that has none of the "wh…_" forms, in bytes.
const (
	// MinSecretLength is 128 bits: NIST SP 800-131A asks for at least 112 of the
	// key of an HMAC.
	MinSecretLength = 16
	// MaxSecretLength is this package's own: room for any vendor's secret.
	MaxSecretLength = 1024
)

// Secret is one signing or verifying secret. Its zero value is no secret.
// However it is printed, logged or marshalled it shows as "[secret]";
// Reveal alone gives it away.
type Secret struct {
	// A function, since fmt calls no method of an unexported field and would
	// walk into anything else: "%s" prints even what a pointer points to.
	hidden func() *material
}

type material struct {
	text    string // as the customer sees it
	decoded []byte // key of webhook-signature's v1; nil for ed25519
	private ed25519.PrivateKey
	public  ed25519.PublicKey
	std     macPool // keyed with decoded
	raw     macPool // keyed with text
}

// ParseSecret reads a secret in the form in which a customer sees it:
//
//   - "whsec_" and the standard base64 of 24 to 64 bytes: an HMAC key;
//   - "whsk_" and the base64 of an ed25519 seed (32 bytes) or private key (64);
//   - "whpk_" and the base64 of an ed25519 public key (32), not of small order: verifies only;
//   - any other printable text of MinSecretLength to MaxSecretLength bytes: its
//     bytes are the key.
//
// Errors say what would be right and never hold any of the secret.
func ParseSecret(s string) (Secret, error) {
	if err := checkText(s); err != nil {
		return Secret{}, err
	}
	prefix := s[:strings.IndexByte(s, '_')+1]
	if prefix != prefixSymmetric && prefix != prefixPrivate && prefix != prefixPublic {
		return plainSecret(s)
	}
	key, err := base64.StdEncoding.DecodeString(s[len(prefix):])
	switch {
	case err != nil: // it names an offset in the secret
		return Secret{}, fmt.Errorf("what follows %s must be standard base64 with its padding", prefix)
	case prefix == prefixPrivate:
		return parsePrivate(s, key)
	case prefix == prefixSymmetric && (len(key) < minKey || len(key) > maxKey):
		return Secret{}, fmt.Errorf("a whsec_ secret must decode to %d to %d bytes: this one has %d", minKey, maxKey, len(key))
	case prefix == prefixSymmetric:
		return newSecret(&material{text: s, decoded: key}), nil
	case len(key) != ed25519.PublicKeySize:
		return Secret{}, fmt.Errorf("a whpk_ key must decode to 32 bytes: this one has %d", len(key))
	case isSmallOrder(key):
		return Secret{}, errors.New("the whpk_ key is a point of small order, under which anyone can forge signatures: give the public key of a generated pair")
	}
	return newSecret(&material{text: s, public: key}), nil
}

// GenerateSecret makes a new "whsec_" secret of 32 bytes read from random,
// which must be cryptographically secure (crypto/rand.Reader).
func GenerateSecret(random io.Reader) (Secret, error) {
	key := make([]byte, generatedKey)
	if _, err := io.ReadFull(random, key); err != nil {
		return Secret{}, fmt.Errorf("generate a secret: %w", err)
	}
	return ParseSecret(prefixSymmetric + base64.StdEncoding.EncodeToString(key))
}

// Reveal returns the secret as the customer sees it. It is for the one answer
// that shows a new secret, and for sealing; never for a log.
func (s Secret) Reveal() string {
	if s.IsZero() {
		return ""
	}
	return s.hidden().text
}

// IsZero reports whether there is no secret.
func (s Secret) IsZero() bool { return s.hidden == nil }

// Equal reports, in constant time, whether both are the same text.
func (s Secret) Equal(other Secret) bool {
	return s.IsZero() == other.IsZero() && hmac.Equal([]byte(s.Reveal()), []byte(other.Reveal()))
}

// Key is what webhook-signature is made or verified with: the HMAC key, or the
// ed25519 public key. Two secrets of one key verify each other's webhooks,
// however they are written. It is as secret as the secret.
func (s Secret) Key() string {
	switch {
	case s.IsZero():
		return ""
	case s.asymmetric():
		return string(s.hidden().public)
	}
	return string(s.hidden().decoded)
}

// PublicKey returns the "whpk_" form to hand to whoever verifies, and whether
// the secret has one: an HMAC secret has none.
func (s Secret) PublicKey() (string, bool) {
	if !s.asymmetric() {
		return "", false
	}
	return prefixPublic + base64.StdEncoding.EncodeToString(s.hidden().public), true
}

func (s Secret) asymmetric() bool { return !s.IsZero() && s.hidden().public != nil }

// plainSecret is the secret whose bytes are the key, for every scheme.
func plainSecret(s string) (Secret, error) {
	if len(s) < MinSecretLength {
		return Secret{}, fmt.Errorf("the secret has %d bytes: give at least %d that nobody can guess", len(s), MinSecretLength)
	}
	return newSecret(&material{text: s, decoded: []byte(s)}), nil
}

func newSecret(m *material) Secret {
	m.raw.key = []byte(m.text)
	m.std.key = m.decoded
	return Secret{func() *material { return m }}
}

func checkText(s string) error {
	switch {
	case s == "":
		return errors.New("the secret is empty: give whsec_ and base64, or printable text of 16 bytes or more")
	case len(s) > MaxSecretLength:
		return fmt.Errorf("the secret has %d bytes: at most %d are allowed", len(s), MaxSecretLength)
	case strings.TrimSpace(s) != s:
		return errors.New("the secret begins or ends with white space: remove it")
	case !utf8.ValidString(s):
		return errors.New("the secret is not valid UTF-8: give printable text")
	case strings.ContainsFunc(s, func(r rune) bool { return !unicode.IsPrint(r) }):
		return errors.New("the secret has a character that cannot be printed: give printable text")
	}
	return nil
}

func parsePrivate(s string, key []byte) (Secret, error) {
	if len(key) != ed25519.SeedSize && len(key) != ed25519.PrivateKeySize {
		return Secret{}, fmt.Errorf("a whsk_ secret must decode to an ed25519 seed of 32 bytes or a key of 64: this one has %d", len(key))
	}
	private := ed25519.NewKeyFromSeed(key[:ed25519.SeedSize])
	// A foreign public half would make signatures that betray the private one.
	if len(key) == ed25519.PrivateKeySize && !private.Equal(ed25519.PrivateKey(key)) {
		return Secret{}, errors.New("the two halves of the whsk_ secret do not belong together: give the seed of 32 bytes, or seed and public key of one pair")
	}
	public, _ := private.Public().(ed25519.PublicKey)
	return newSecret(&material{text: s, private: private, public: public}), nil
}
