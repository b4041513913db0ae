package signing

import (
	"crypto/ed25519"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"hash"
	"io"
	"strings"
	"sync"
)

// macPool keeps HMAC states keyed with one key: a Reset saves the two blocks
// that hash the key, and the allocations of a new state.
type macPool struct {
	key  []byte
	pool sync.Pool
}

// sum appends the HMAC-SHA256 of prefix and body, in this order, to dst.
func (p *macPool) sum(dst, prefix, body []byte) []byte {
	h, ok := p.pool.Get().(hash.Hash)
	if ok {
		h.Reset()
	} else {
		h = hmac.New(sha256.New, p.key)
	}
	h.Write(prefix)
	h.Write(body)
	dst = h.Sum(dst)
	p.pool.Put(h)
	return dst
}

// smallOrder are the y coordinates of the eight ed25519 points whose order
// divides 8, little-endian, without the sign bit of x, and the two of them that
// fit into 255 bits a second time (y + 2^255-19). Under such a "public key"
// anyone can make signatures: with R of small order too and S = 0, at least one
// message in eight verifies. Source: RFC 8032 (section 5.1 and 8.9); the same
// list is in libsodium (ge25519_has_small_order).
var smallOrder = map[[ed25519.PublicKeySize]byte]bool{
	point("0100000000000000000000000000000000000000000000000000000000000000"): true, // order 1
	point("ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f"): true, // order 2
	point("0000000000000000000000000000000000000000000000000000000000000000"): true, // order 4
	point("26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc05"): true, // order 8
	point("c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac037a"): true, // order 8
	point("edffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f"): true, // order 4, as 2^255-19
	point("eeffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f"): true, // order 1, as 2^255-18
}

func point(digits string) (p [ed25519.PublicKeySize]byte) {
	if n, err := hex.Decode(p[:], []byte(digits)); err != nil || n != len(p) {
		panic("signing: not a point: " + digits)
	}
	return p
}

// isSmallOrder expects a key of ed25519.PublicKeySize bytes.
func isSmallOrder(key ed25519.PublicKey) bool {
	y := [ed25519.PublicKeySize]byte(key)
	y[len(y)-1] &= 0x7f
	return smallOrder[y]
}

const redacted = "[secret]"

// Format writes "[secret]" for every verb, %x and %p included.
func (Secret) Format(f fmt.State, _ rune) { _, _ = io.WriteString(f, redacted) }

// MarshalText returns "[secret]"; encoding/json and slog's handlers use it.
func (Secret) MarshalText() ([]byte, error) { return []byte(redacted), nil }

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
