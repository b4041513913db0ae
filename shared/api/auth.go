package api

import (
	"crypto/sha256"
	"crypto/subtle"
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
