package api

import (
	"crypto/sha256"
	"crypto/subtle"
	"errors"
	"fmt"
	"net/http"
	"strings"
)

// keyCheck compares a bearer key in constant time, whatever its length: both
// sides are hashed first.
type keyCheck struct {
	needed bool
	sum    [sha256.Size]byte
}

func newKeyCheck(key string) keyCheck {
	return keyCheck{needed: key != "", sum: sha256.Sum256([]byte(key))}
}

// minKey is the least length of an API key, in bytes.
const minKey = 24

// CheckKey refuses a key that no client could send in a header, or that is too
// short to be secret; the empty one is none.
func CheckKey(key string) error {
	switch {
	case strings.ContainsFunc(key, func(r rune) bool { return r <= ' ' || r == ',' || r >= 0x7f }):
		return errors.New("JOBHOOK_API_KEY has a space, a comma or a character that is not ASCII: clients cannot send it; choose another")
	case key != "" && len(key) < minKey:
		return fmt.Errorf("JOBHOOK_API_KEY has %d bytes; the minimum is %d: choose a longer one, like the output of openssl rand -hex 16", len(key), minKey)
	}
	return nil
}

// check refuses a request without the key, as RFC 6750, section 3, says.
func (k keyCheck) check(w http.ResponseWriter, r *http.Request) error {
	if !k.needed {
		return nil
	}
	scheme, key, _ := strings.Cut(r.Header.Get("Authorization"), " ")
	given := sha256.Sum256([]byte(strings.TrimSpace(key)))
	same := subtle.ConstantTimeCompare(given[:], k.sum[:]) == 1
	switch {
	case !strings.EqualFold(scheme, "Bearer"):
		w.Header().Set("WWW-Authenticate", `Bearer realm="jobhook"`)
		return &problem{Status: http.StatusUnauthorized, Detail: "send the API key as Authorization: Bearer …"}
	case !same:
		w.Header().Set("WWW-Authenticate", `Bearer realm="jobhook", error="invalid_token"`)
		return &problem{Status: http.StatusUnauthorized, Detail: "this is not the API key"}
	}
	return nil
}
