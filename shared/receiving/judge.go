package receiving

import (
	"cmp"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/netip"
	"strconv"
	"strings"
	"time"

	"github.com/jobhook/jobhook/shared/signing"
)

// DefaultMaxBody bounds a body: what an SQS message can hold (1 MiB since
// 2025), before the envelope.
const DefaultMaxBody = 1 << 20

// Request is an incoming webhook as it came.
type Request struct {
	Source string // the name in the path
	Method string
	Header http.Header // names in any case
	Body   []byte      // the raw bytes
	IP     netip.Addr  // of the connection, never from a header; may be invalid (unknown)
}

// Accepted is what is known of a request that may be queued.
type Accepted struct {
	ID        string // the sender's id, or the body's hash
	ReceiptID string // the key of its receipt within the source
	Timestamp time.Time
	Secret    int // index of the secret that matched
	Digest    string
	ExpiresAt time.Time // of its receipt, in whole seconds
	Window    time.Duration
	Doubt     string // for the log: what was expected of it and is not there
}

// Refusal is why a request goes no further. Reason is short enough to be told
// to a stranger; Detail is for the log.
type Refusal struct {
	Status int
	Reason string
	Detail string
}

func (r *Refusal) Error() string { return r.Reason }

// Judge decides on a request from itself alone: method, address, size,
// signature, freshness, payload, in this order, so that a stranger costs
// little. maxBody is in bytes; 0 means DefaultMaxBody.
//
// The error is a *Refusal, or wraps signing.ErrNoSecret: then the fault is in
// our configuration.
func Judge(s Source, r Request, maxBody int, now time.Time) (Accepted, error) {
	switch {
	case r.Method != http.MethodPost:
		return Accepted{}, &Refusal{http.StatusMethodNotAllowed, "method not allowed", "only POST is"}
	case !s.allows(r.IP):
		return Accepted{}, &Refusal{http.StatusForbidden, "address not allowed", r.IP.String() + " is in none of allow_ips"}
	case len(r.Body) > cmp.Or(max(maxBody, 0), DefaultMaxBody):
		return Accepted{}, tooLarge
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

// lacks returns what is wrong with a body that must have some fields, "" when
// nothing is. A path's parts are members of objects, or indexes of lists; a
// field that is null is not there.
func lacks(body []byte, paths []string) string {
	if len(paths) == 0 {
		return ""
	}
	if !json.Valid(body) {
		return "the body is not JSON"
	}
	for _, path := range paths {
		if !has(body, path) {
			return fmt.Sprintf("the field %q is missing", path)
		}
	}
	return ""
}

func has(value json.RawMessage, path string) bool {
	for part := range strings.SplitSeq(path, ".") {
		var object map[string]json.RawMessage
		var list []json.RawMessage
		if json.Unmarshal(value, &object) == nil {
			value = object[part]
		} else if i, err := strconv.Atoi(part); err == nil && json.Unmarshal(value, &list) == nil && i >= 0 && i < len(list) {
			value = list[i]
		} else {
			return false
		}
	}
	return value != nil && string(value) != "null"
}

// challengeOf returns the text that Slack wants back when an Events API URL is
// set: {"type":"url_verification","challenge":"…"}. It is answered only after
// the signature, and never queued.
// Source: https://docs.slack.dev/reference/events/url_verification
func challengeOf(s Source, body []byte) (string, bool) {
	if s.Scheme.Name() != "slack" {
		return "", false
	}
	var v struct{ Type, Challenge string }
	if json.Unmarshal(body, &v) != nil || v.Type != "url_verification" {
		return "", false
	}
	return v.Challenge, true
}
