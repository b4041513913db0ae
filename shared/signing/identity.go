package signing

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"net/http"
	"strings"
)

// Identity says what tells one delivery from another, so that a receiver can
// drop duplicates. The order is: headers, field, then the hash of the body,
// which holds only within a window that the receiver chooses: the same words
// sent again much later are a new delivery.
type Identity struct {
	Headers []string // canonical names; the first that the request has just once counts
	Field   string   // a member of the body's JSON object, a string or a number; "" for none
	// Signed says whether the signature covers the header. Where it does not
	// (GitHub, Shopify), a captured request can be replayed under a new id.
	Signed bool
}

// Named reports whether it names a header or a field: else the body's hash is
// all that identifies.
func (i Identity) Named() bool { return len(i.Headers) > 0 || i.Field != "" }

// IDSource is where a delivery's id comes from.
type IDSource int

// The sources of an id.
const (
	FromHeader IDSource = iota + 1
	FromField
	FromBodyHash
)

// String returns "header", "field" or "body hash".
func (s IDSource) String() string {
	switch s {
	case FromHeader:
		return "header"
	case FromField:
		return "field"
	case FromBodyHash:
		return "body hash"
	default:
		return "unknown"
	}
}

// Identity describes what identifies a delivery of this scheme.
func (s Scheme) Identity() Identity {
	i := Identity{Field: s.field, Signed: s.content == contentIDTimeBody || s.id == ""}
	for _, name := range []string{s.id, s.fallback} {
		if name != "" {
			i.Headers = append(i.Headers, name)
		}
	}
	return i
}

// Of returns the id of a request and where it was found; there always is one.
// An id of more than MaxIDLength bytes, or with characters other than printable
// ASCII, is ignored.
func (i Identity) Of(header http.Header, body []byte) (string, IDSource) {
	for _, name := range i.Headers {
		if id, err := single(header, name); err == nil && plainID(id) {
			return id, FromHeader
		}
	}
	if id, ok := i.field(body); ok {
		return id, FromField
	}
	sum := sha256.Sum256(body)
	return "sha256:" + hex.EncodeToString(sum[:]), FromBodyHash
}

func (i Identity) field(body []byte) (string, bool) {
	if i.Field == "" {
		return "", false
	}
	var members map[string]json.RawMessage
	if json.Unmarshal(body, &members) != nil {
		return "", false
	}
	var text string
	if json.Unmarshal(members[i.Field], &text) == nil && plainID(text) {
		return text, true
	}
	var number json.Number
	if json.Unmarshal(members[i.Field], &number) == nil && plainID(number.String()) {
		return number.String(), true
	}
	return "", false
}

func plainID(id string) bool {
	return id != "" && len(id) <= MaxIDLength && !strings.ContainsFunc(id, func(r rune) bool { return r <= ' ' || r > '~' })
}
