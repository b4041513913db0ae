package webhook

import (
	"crypto/sha256"
	"encoding/base32"
	"encoding/binary"
	"encoding/json"
	"slices"
	"strings"
	"time"

	"github.com/jobhook/jobhook/shared/payload"
)

// JobTarget stands in Event.Targets, in keys and in Delivery.EndpointID for
// the job's own URL. No endpoint's id is like it: those begin with "ep_".
const JobTarget = "job"

// Event is one finished job as its customer is told of it.
type Event struct {
	MessageID  string // webhook-id of every delivery; derived, see MessageID
	EventID    string // the idempotency key within the account
	Type       string // what endpoints choose by: "content_translate.success"
	Account    string
	Job        payload.Job
	OccurredAt time.Time
	AcceptedAt time.Time
	ExpiresAt  time.Time // from then on it counts as gone

	Result json.RawMessage // canonical JSON (payload.Canonical); nil when the completion had none
	Error  json.RawMessage // canonical JSON, a string or an object; nil when there was none

	CallbackURL     string // the job's own URL, used as it is; empty when it has none
	CallbackProfile payload.Profile
	Hash            string // of all that the platform said, see ContentHash

	Targets []string // endpoint ids and JobTarget, once claimed; nil before
	Lease   Lease
	Rev     string // changes with every write; conditional writes compare it
}

// Claimed says whether the event's targets are settled.
func (e Event) Claimed() bool { return e.Targets != nil }

// Lease says which queue message answers for unfinished work, and until when
// nobody else may take it up. An owner that dies leaves a lease that runs out.
type Lease struct {
	Message string // id of the queue message that its owner holds
	Until   time.Time
}

// Active says whether the lease still holds at now.
func (l Lease) Active(now time.Time) bool { return now.Before(l.Until) }

// MessageID derives an event's id from its idempotency key, so that the same
// completion has the same id without a read. 160 bits of SHA-256, base32.
func MessageID(account, eventID string) string {
	sum := sha256.Sum256([]byte("jobhook/event\x00" + account + "\x00" + eventID))
	return "msg_" + encodeID(sum[:20])
}

// EndpointID makes an endpoint's id out of 15 random bytes.
func EndpointID(random [15]byte) string { return "ep_" + encodeID(random[:]) }

func encodeID(b []byte) string {
	return strings.ToLower(base32.StdEncoding.WithPadding(base32.NoPadding).EncodeToString(b))
}

// ContentHash tells two completions with one idempotency key apart. It covers
// what the platform said, not when it was accepted. statedAt is the
// completion's own occurred_at, empty when it gave none.
func ContentHash(e Event, statedAt string) string {
	h := sha256.New()
	for _, field := range []string{
		e.Account, e.EventID, e.Type, e.Job.ID, e.Job.Status, e.Job.Type,
		string(e.Result), string(e.Error), e.CallbackURL, string(e.CallbackProfile), statedAt,
	} {
		var size [8]byte
		binary.BigEndian.PutUint64(size[:], uint64(len(field)))
		h.Write(size[:])
		h.Write([]byte(field))
	}
	return encodeID(h.Sum(nil)[:20])
}

// Finished says whether nothing is left to do for the event by the one who
// claimed it: each target has its delivery, and each delivery that waits has
// its message on the retry queue.
func (e Event) Finished(deliveries []Delivery) bool {
	if !e.Claimed() {
		return false
	}
	for _, target := range e.Targets {
		i := slices.IndexFunc(deliveries, func(d Delivery) bool { return d.EndpointID == target })
		if i < 0 || deliveries[i].Unqueued() {
			return false
		}
	}
	return true
}
