package signing

import (
	"crypto/ed25519"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"fmt"
	"net/http"
	"strconv"
	"strings"
)

// Bounds on what an unverified request can make Verify read and check. They are
// this package's own: no sender comes near them.
const (
	// MaxHeaderLength bounds a signature header, all its values together.
	MaxHeaderLength = 4096
	// MaxSignatures bounds the signatures in a header, unknown versions included.
	MaxSignatures = 32
	// MaxEd25519 is how many v1a signatures of a request are considered, the
	// first ones: each is a pass over the body for each key, where all v1 share
	// one. A sender puts its newest first.
	MaxEd25519 = 4
	// MaxPairs bounds the pairs of an ed25519 key and a signature that are tried,
	// the newest keys first.
	MaxPairs = 16
)

// claims are what a request's headers say of its signature.
type claims struct {
	id, timestamp string
	macs          [][sha256.Size]byte
	signatures    [][ed25519.SignatureSize]byte
}

// read takes the claims from the headers. Names count in any case. A header
// that may hold a list may come several times; any other that comes twice, be
// it with the same value, is malformed: two readers could take different ones.
func (s Scheme) read(h http.Header) (claims, error) {
	var c claims
	var err error
	if s.content == contentIDTimeBody {
		if c.id, err = single(h, s.id); err != nil {
			return c, err
		}
		if bad := checkID(c.id); bad != nil {
			return c, malformed(s.id, "%v", bad)
		}
	}
	if s.timestamp != "" {
		if c.timestamp, err = single(h, s.timestamp); err != nil {
			return c, err
		}
	}
	var value string
	switch s.form {
	case formSingle:
		if value, err = single(h, s.signature); err == nil {
			err = s.parseSingle(value, &c)
		}
	case formStripe:
		if value, err = joined(h, s.signature, ","); err == nil {
			err = s.parseStripe(value, &c)
		}
	default:
		if value, err = joined(h, s.signature, " "); err == nil {
			err = s.parseList(value, &c)
		}
	}
	return c, err
}

// parseList reads "v1,<base64> v1a,<base64>": unknown versions and whatever is
// not well formed are ignored. Values that a gateway has joined by commas
// are read too: base64 has none.
func (s Scheme) parseList(value string, c *claims) error {
	count := 0
	for part := range strings.FieldsSeq(value) {
		for rest := part; rest != ""; {
			if count++; count > MaxSignatures {
				return malformed(s.signature, "it has more than %d signatures", MaxSignatures)
			}
			var version, signature string
			var mac [sha256.Size]byte
			var sig [ed25519.SignatureSize]byte
			version, rest, _ = strings.Cut(rest, ",")
			signature, rest, _ = strings.Cut(rest, ",")
			switch {
			case version == "v1" && fromBase64(mac[:], signature):
				c.macs = append(c.macs, mac)
			case version == "v1a" && len(c.signatures) < MaxEd25519 && fromBase64(sig[:], signature):
				c.signatures = append(c.signatures, sig)
			}
		}
	}
	if len(c.macs)+len(c.signatures) == 0 {
		return malformed(s.signature,
			"no signature in it that can be read: v1, and 44 characters of base64, or v1a, and 88, are needed")
	}
	return nil
}

func (s Scheme) parseSingle(value string, c *claims) error {
	var mac [sha256.Size]byte
	rest, found := strings.CutPrefix(value, s.prefix)
	if s.hex && !(found && fromHex(mac[:], rest)) {
		prefix := ""
		if s.prefix != "" {
			prefix = strconv.Quote(s.prefix) + " and "
		}
		return malformed(s.signature, "it must be %s64 hexadecimal digits and nothing else: it has %d characters", prefix, len(value))
	}
	if !s.hex && !fromBase64(mac[:], rest) {
		return malformed(s.signature, "it must be 44 characters of base64 and nothing else: it has %d", len(value))
	}
	c.macs = append(c.macs, mac)
	return nil
}

// parseStripe reads "t=<seconds>,v1=<hex>,…"; other names are ignored.
func (s Scheme) parseStripe(value string, c *claims) error {
	count := 0
	for part := range strings.SplitSeq(value, ",") {
		if count++; count > MaxSignatures {
			return malformed(s.signature, "it has more than %d parts", MaxSignatures)
		}
		name, text, _ := strings.Cut(strings.TrimSpace(part), "=")
		var mac [sha256.Size]byte
		switch {
		case name == "t" && c.timestamp != "":
			return malformed(s.signature, "it has t= twice")
		case name == "t":
			c.timestamp = text
		case name == "v1" && fromHex(mac[:], text):
			c.macs = append(c.macs, mac)
		}
	}
	if c.timestamp == "" || len(c.macs) == 0 {
		return malformed(s.signature, "it must have t= and Unix seconds, and v1= and 64 hexadecimal digits")
	}
	return nil
}

func fromBase64(dst []byte, text string) bool {
	if len(text) != base64.StdEncoding.EncodedLen(len(dst)) {
		return false
	}
	var buf [ed25519.SignatureSize + 2]byte // a decoder may write up to the padding
	n, err := base64.StdEncoding.Decode(buf[:], []byte(text))
	return err == nil && n == len(dst) && copy(dst, buf[:n]) == n
}

func fromHex(dst []byte, text string) bool {
	if len(text) != hex.EncodedLen(len(dst)) {
		return false
	}
	_, err := hex.Decode(dst, []byte(text)) // takes either case
	return err == nil
}

// single returns the value of a header that a request has exactly once.
func single(h http.Header, name string) (string, error) {
	all := values(h, name)
	if len(all) > 1 {
		return "", malformed(name, "the header comes %d times, once is right", len(all))
	}
	return joined(h, name, "")
}

// joined returns all values of a header as one, bounded.
func joined(h http.Header, name, separator string) (string, error) {
	value := strings.Trim(strings.Join(values(h, name), separator), " \t"+separator)
	switch {
	case value == "":
		return "", &Error{ErrMissing, name, "the request has no such header, or an empty one"}
	case len(value) > MaxHeaderLength:
		return "", malformed(name, "the header has %d bytes, at most %d are read", len(value), MaxHeaderLength)
	}
	return value, nil
}

// values looks a header up in any case: a Lambda event's names are lower case,
// net/http's canonical.
func values(h http.Header, name string) []string {
	var all []string
	for key, some := range h {
		if len(key) == len(name) && strings.EqualFold(key, name) {
			all = append(all, some...)
		}
	}
	return all
}

func malformed(header, format string, args ...any) error {
	return &Error{ErrMalformed, header, fmt.Sprintf(format, args...)}
}
