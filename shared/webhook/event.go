package webhook

import (
	"crypto/sha256"
	"encoding/base32"
	"encoding/binary"
	"encoding/json"
	"slices"
	"strings"
	"time"
)

// JobTarget stands in Event.Targets, in keys and in Delivery.EndpointID for
// the job's own URL. It is also the id of the endpoint record that holds an
// account's settings for those URLs. Every other endpoint's id begins with "ep_".
const JobTarget = "job"

// DefaultAccount is the account of completions that name none.
const DefaultAccount = "default"

// Job is the job whose end is told.
type Job struct{ ID, Status, Type string }

// Event is one finished job as its customer is told of it.
type Event struct {
	MessageID  string // webhook-id of every delivery; derived, see MessageID
	EventID    string // with Account and Job.ID, the idempotency key
	Type       string // what endpoints choose by: "content_translate.success"
	Account    string
	Job        Job
	OccurredAt time.Time // to the nanosecond, as the platform said it
	AcceptedAt time.Time // in whole milliseconds: part of its deliveries' keys
	ExpiresAt  time.Time // in whole seconds; from then on it counts as gone

	Result json.RawMessage // canonical JSON; nil when the completion had none
	Error  json.RawMessage // canonical JSON, a string or an object; nil when there was none
	// ResultOmitted says that the result was over the limit and was left out.
	ResultOmitted bool

	CallbackURL     string  // the job's own URL, used as it is; empty when it has none
	CallbackProfile Profile // empty: as the account's job record says
	Hash            string  // of all that the platform said, see ContentHash

	Targets []string // endpoint ids and JobTarget, once claimed; nil before
	// HandedOver are the targets whose first record waits on the retry queue:
	// whoever takes the event over leaves them alone.
	HandedOver []string
	Lease      Lease
	Rev        string // changes with every write; conditional writes compare it
}

// Claimed says whether the event's targets are settled.
func (e Event) Claimed() bool { return e.Targets != nil }

// Key is the key of the event's delivery to one of its targets.
func (e Event) Key(target string) DeliveryKey {
	return DeliveryKey{Account: e.Account, EndpointID: target, MessageID: e.MessageID, AcceptedAt: e.AcceptedAt}
}

// Keys are the keys of the event's deliveries, in the order of its targets.
func (e Event) Keys() []DeliveryKey {
	keys := make([]DeliveryKey, len(e.Targets))
	for i, target := range e.Targets {
		keys[i] = e.Key(target)
	}
	return keys
}

// Claim gives the event's work to the holder of the lease: its targets, unless
// they are settled already. The Change must land before anything is done for
// it. An event without targets keeps no payload.
func (e Event) Claim(targets []string, l Lease, rev string) (Event, Change) {
	from := e.Rev
	if !e.Claimed() {
		e.Targets = targets
	}
	if len(e.Targets) == 0 {
		e.Targets, e.Result, e.Error = []string{}, nil, nil
	}
	e.Lease, e.Rev = l, rev
	return e, Change{Event: &e, From: from}
}

// Yield ends its holder's work on the event early: targets are those whose
// first record it has left to the retry queue. With release the lease ends too,
// so that the rest can be taken up at once.
func (e Event) Yield(targets []string, release bool, rev string) Change {
	from := e.Rev
	e.HandedOver = append(slices.Clone(e.HandedOver), targets...)
	if release {
		e.Lease.Until = time.Time{}
	}
	e.Rev = rev
	return Change{Event: &e, From: from}
}

// Lease says which queue message answers for unfinished work, and until when
// nobody else may take it up. An owner that dies leaves a lease that runs out.
type Lease struct {
	Message string // id of the queue message that its owner holds
	Until   time.Time
}

// Active says whether the lease still holds at now.
func (l Lease) Active(now time.Time) bool { return now.Before(l.Until) }

const (
	messagePrefix = "msg_"
	// idPart is the length of each half of a message id: 80 bits of SHA-256 in
	// base32.
	idPart = 16
)

// MessageID derives an event's id from its idempotency key, so that the same
// completion has the same id without a read: "msg_", JobPart, and as much again
// of the whole key.
func MessageID(account, jobID, eventID string) string {
	return messagePrefix + JobPart(account, jobID) + hashed("jobhook/event", account, jobID, eventID)[:idPart]
}

// JobPart is what the message ids of all events of a job have in common: 16
// characters, behind the prefix.
func JobPart(account, jobID string) string { return hashed("jobhook/job", account, jobID)[:idPart] }

// SplitMessageID cuts a message id into its job part and its event part.
func SplitMessageID(id string) (job, event string, ok bool) {
	rest, ok := strings.CutPrefix(id, messagePrefix)
	if !ok || len(rest) != 2*idPart || strings.Trim(rest, "abcdefghijklmnopqrstuvwxyz234567") != "" {
		return "", "", false
	}
	return rest[:idPart], rest[idPart:], true
}

// DefaultEventID is the event id of a completion that gives none. event type
// and status hold no slash, so the job's id can be read off it.
func DefaultEventID(eventType, jobID, status string) string {
	return eventType + "/" + jobID + "/" + status
}

// JobOfEventID reads the job's id off an event id of the default form.
func JobOfEventID(eventID string) (jobID string, ok bool) {
	first, last := strings.IndexByte(eventID, '/'), strings.LastIndexByte(eventID, '/')
	if first < 1 || last <= first+1 || last == len(eventID)-1 {
		return "", false
	}
	return eventID[first+1 : last], true
}

// EndpointID makes an endpoint's id out of 15 random bytes.
func EndpointID(random [15]byte) string { return "ep_" + encodeID(random[:]) }

// ids are in lower case.
var ids = base32.NewEncoding("abcdefghijklmnopqrstuvwxyz234567").WithPadding(base32.NoPadding)

func encodeID(b []byte) string { return ids.EncodeToString(b) }

// hashed is the SHA-256 of fields, in base32. Lengths before the fields keep
// "ab"+"c" apart from "a"+"bc".
func hashed[T ~string | ~[]byte](fields ...T) string {
	var sum [sha256.Size]byte
	h, short := sha256.New(), make([]byte, 0, 256)
	for _, field := range fields {
		short = binary.BigEndian.AppendUint64(short, uint64(len(field)))
		if len(field) <= cap(short)-len(short)-8 {
			short = append(short, field...)
			continue
		}
		h.Write(short)
		h.Write([]byte(field))
		short = short[:0]
	}
	h.Write(short)
	return encodeID(h.Sum(sum[:0]))
}

// ContentHash tells two completions with one idempotency key apart. It covers
// what the platform said, not when it was accepted. statedAt is the
// completion's own occurred_at, empty when it gave none; result is the result
// as it came, also when the event goes without it.
func ContentHash(e Event, statedAt string, result []byte) string {
	text := func(s string) []byte { return []byte(s) }
	return hashed(text(e.Account), text(e.EventID), text(e.Type), text(e.Job.ID), text(e.Job.Status), text(e.Job.Type),
		result, []byte(e.Error), text(e.CallbackURL), text(string(e.CallbackProfile)), text(statedAt))[:2*idPart]
}
