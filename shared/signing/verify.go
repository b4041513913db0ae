package signing

import (
	"cmp"
	"crypto/ed25519"
	"crypto/hmac"
	"crypto/sha256"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"
)

// Verified is what is known of a request whose signature is right.
type Verified struct {
	ID        string    // identifies the delivery; see Identity
	From      IDSource  // where ID comes from
	Timestamp time.Time // the sender's, as signed; zero where the scheme has none
	Secret    int       // index of the secret that matched: 0 is the newest
}

// Verify checks that one of secrets signed the request and, where the scheme
// has a timestamp, that it lies within tolerance of now, either way, the bounds
// included. A tolerance of 0 or less means DefaultTolerance. body is the raw
// bytes as they came.
//
// One good signature among bad ones is enough. Secrets that the scheme cannot
// use are ignored. An invalid request gives an *Error; ErrNoSecret says that no
// secret is usable, which is an internal error.
func Verify(scheme Scheme, secrets []Secret, header http.Header, body []byte,
	now time.Time, tolerance time.Duration,
) (Verified, error) {
	if scheme.form == formNone {
		return Verified{}, errors.New("verify: no scheme")
	}
	c, err := scheme.read(header)
	if err != nil {
		return Verified{}, err
	}
	var v Verified
	if v.Timestamp, err = scheme.fresh(c.timestamp, now, tolerance); err != nil {
		return Verified{}, err
	}
	if v.Secret, err = scheme.match(secrets, &c, body); err != nil {
		return Verified{}, err
	}
	v.ID, v.From = scheme.Identity().Of(header, body)
	return v, nil
}

func (s Scheme) fresh(text string, now time.Time, tolerance time.Duration) (time.Time, error) {
	if !s.Timestamped() {
		return time.Time{}, nil
	}
	header := cmp.Or(s.timestamp, s.signature)
	at, err := parseTimestamp(header, text)
	if err != nil {
		return time.Time{}, err
	}
	if tolerance <= 0 {
		tolerance = DefaultTolerance
	}
	off, where := now.Sub(at), "old"
	if off < 0 {
		off, where = -off, "in the future"
	}
	if off > tolerance {
		return at, &Error{ErrStale, header, fmt.Sprintf("the timestamp is %s %s, %s is allowed: compare the clocks, or whether the request was replayed",
			off.Round(time.Second), where, tolerance)}
	}
	return at, nil
}

// maxTimestamp is enough digits for the year 33658, and too few for milliseconds.
const maxTimestamp = 12

func parseTimestamp(header, text string) (time.Time, error) {
	seconds, err := strconv.ParseInt(text, 10, 64)
	switch {
	case strings.Trim(text, "0123456789") != "":
		return time.Time{}, malformed(header, "the timestamp must be Unix seconds, digits alone")
	case len(text) > maxTimestamp:
		return time.Time{}, malformed(header, "the timestamp has %d digits: Unix seconds are needed, not milliseconds", len(text))
	case err != nil:
		return time.Time{}, malformed(header, "the timestamp must be Unix seconds")
	}
	return time.Unix(seconds, 0).UTC(), nil
}

// match returns the index of the first secret that made one of the signatures.
func (s Scheme) match(secrets []Secret, c *claims, body []byte) (int, error) {
	var buf [maxPrefix]byte
	prefix := s.appendPrefix(buf[:0], c.id, c.timestamp)
	usable, pairs := 0, MaxPairs
	for i, secret := range secrets {
		switch {
		case s.mac(secret) != nil:
			usable++
			if c.hasMAC(s.mac(secret), prefix, body) {
				return i, nil
			}
		case secret.asymmetric() && s.form == formList:
			usable++
			if c.hasSignature(secret.hidden().public, prefix, body, &pairs) {
				return i, nil
			}
		}
	}
	if usable == 0 {
		return 0, fmt.Errorf("verify %s: %w among %d", s.name, ErrNoSecret, len(secrets))
	}
	return 0, &Error{ErrMismatch, s.signature, fmt.Sprintf(
		"well formed (HMAC: %d, ed25519: %d), but none made by the %d secret(s) over this body: check the secret, "+
			"and that the body is the raw bytes, not re-encoded JSON", len(c.macs), len(c.signatures), usable)}
}

func (c *claims) hasMAC(key *macPool, prefix, body []byte) bool {
	if len(c.macs) == 0 {
		return false
	}
	var buf [32]byte
	sum := key.sum(buf[:0], prefix, body)
	return slices.ContainsFunc(c.macs, func(mac [sha256.Size]byte) bool { return hmac.Equal(sum, mac[:]) })
}

// hasSignature takes what it tries off pairs, and tries nothing beyond it.
func (c *claims) hasSignature(public ed25519.PublicKey, prefix, body []byte, pairs *int) bool {
	if len(c.signatures) == 0 || *pairs <= 0 {
		return false
	}
	signed := slices.Concat(prefix, body)
	for i := range min(len(c.signatures), *pairs) {
		*pairs--
		if ed25519.Verify(public, signed, c.signatures[i][:]) {
			return true
		}
	}
	return false
}
