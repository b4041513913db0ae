package receiving

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"net/http"
	"time"

	"github.com/jobhook/jobhook/shared/signing"
)

// Judge decides on a request from itself alone: method, address, size,
// signature, freshness, payload, in this order, so that a stranger costs
// little. maxBody is in bytes; 0 means DefaultMaxBody.
//
// The error is a *Refusal, or wraps signing.ErrNoSecret: then the fault is in
// our configuration.
func Judge(s Source, r Request, maxBody int, now time.Time) (Accepted, error) {
	if err := s.admit(r, maxBody); err != nil {
		return Accepted{}, err
	}
	v, err := signing.Verify(s.Scheme, s.Secrets, r.Header, r.Body, now, s.Tolerance)
	if err != nil {
		return Accepted{}, refusal(err)
	}
	if missing := lacks(r.Body, s.Require); missing != "" {
		return Accepted{}, &Refusal{http.StatusUnprocessableEntity, "payload not valid", missing}
	}
	return s.identify(r, v, now), nil
}

func (s Source) admit(r Request, maxBody int) error {
	if maxBody <= 0 {
		maxBody = DefaultMaxBody
	}
	switch {
	case r.Method != http.MethodPost:
		return &Refusal{http.StatusMethodNotAllowed, "method not allowed", "only POST is"}
	case !s.allows(r.IP):
		return &Refusal{http.StatusForbidden, "address not allowed", r.IP.String() + " is in none of allow_ips"}
	case len(r.Body) > maxBody:
		return tooLarge
	}
	return nil
}

var tooLarge = &Refusal{http.StatusRequestEntityTooLarge, "body too large", "it does not fit into a queue message"}

// refusal gives a fault of the request its status: 400 for what is not even a
// signature, 401 for one that does not hold, whatever the reason.
func refusal(err error) error {
	var e *signing.Error
	if !errors.As(err, &e) {
		return err
	}
	detail := e.Kind.Error() + ": " + e.Header + ": " + e.Detail
	if errors.Is(e, signing.ErrMissing) || errors.Is(e, signing.ErrMalformed) {
		return &Refusal{http.StatusBadRequest, e.Kind.Error(), detail}
	}
	return &Refusal{http.StatusUnauthorized, "not verified", detail}
}

// identify names the delivery. An id in a header that the signature does not
// cover counts only together with the body: else a stranger who has seen one
// request could send it again under the id of the next, which would then be
// dropped as a duplicate.
func (s Source) identify(r Request, v signing.Verified, now time.Time) Accepted {
	id, from := s.Identity.Of(r.Header, r.Body)
	sum := sha256.Sum256(r.Body)
	a := Accepted{ID: id, ReceiptID: id, Timestamp: v.Timestamp, Secret: v.Secret, Digest: hex.EncodeToString(sum[:])}
	if from == signing.FromHeader && !s.Identity.Signed {
		a.ReceiptID = id + "#sha256:" + a.Digest
	}
	if from == signing.FromBodyHash && s.OwnID && s.Identity.Named() {
		a.Doubt = "what \"id\" names is not in the request: the body's hash identifies it"
	}
	a.Window = s.window(from)
	a.ExpiresAt = now.Add(a.Window + time.Second).Truncate(time.Second).UTC()
	return a
}
