package receiving

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"time"
	"unicode/utf8"

	"github.com/jobhook/jobhook/shared/webhook"
)

// MaxMessage is what SQS takes in one message, attributes included: 1 MiB.
const MaxMessage = 1 << 20

// Message is one message for the inbox.
type Message struct {
	Source  string // attribute "source"; also the fair queue's group
	ID      string // attribute "id": the sender's id, or the body's hash
	DedupID string // 64 hex digits: the same for every message of one delivery
	Body    []byte // an Envelope as JSON
}

// Envelope is the inbox message's body. The webhook's own body stands in Body
// as it came when it is UTF-8, else in BodyBase64.
type Envelope struct {
	Source     string            `json:"source"`
	ID         string            `json:"id"`
	DedupID    string            `json:"dedup_id"`
	Scheme     string            `json:"scheme"`
	Timestamp  *time.Time        `json:"timestamp"`   // the sender's, as signed; null where the scheme has none
	ReceivedAt time.Time         `json:"received_at"` // ours
	Headers    map[string]string `json:"headers"`     // lower-case names; no signature, no credential
	// Unsigned names the headers that the signature does not cover: who has seen
	// a request can send it again with others. Sorted.
	Unsigned   []string `json:"unsigned_headers"`
	Body       *string  `json:"body,omitempty"`
	BodyBase64 string   `json:"body_base64,omitempty"`
	BodySHA256 string   `json:"body_sha256"` // hex
}

// compose writes the inbox message of an accepted request. The error is a
// *Refusal when it does not fit.
func (s Source) compose(r Request, a Accepted, now time.Time) (Message, error) {
	m := Message{Source: s.Name, ID: a.ID, DedupID: dedupID(s.Name, a.ReceiptID)}
	e := Envelope{
		Source: s.Name, ID: a.ID, DedupID: m.DedupID, Scheme: s.Scheme.Name(),
		ReceivedAt: now.UTC().Truncate(time.Millisecond), Headers: s.matter(r.Header), BodySHA256: a.Digest,
	}
	e.Unsigned = s.unsigned(e.Headers)
	if !a.Timestamp.IsZero() {
		e.Timestamp = &a.Timestamp
	}
	if utf8.Valid(r.Body) {
		text := string(r.Body)
		e.Body = &text
	} else {
		e.BodyBase64 = base64.StdEncoding.EncodeToString(r.Body)
	}
	var buf bytes.Buffer
	buf.Grow(len(r.Body) + len(r.Body)/8 + 1024)
	out := json.NewEncoder(&buf)
	out.SetEscapeHTML(false) // three times the room for every < and >
	if err := out.Encode(e); err != nil {
		return Message{}, fmt.Errorf("write the inbox message: %w", err)
	}
	m.Body = escapeRefused(bytes.TrimSuffix(buf.Bytes(), []byte("\n")))
	if len(m.Body)+len(m.Source)+len(m.ID)+attributesOverhead > MaxMessage {
		return Message{}, tooLarge
	}
	return m, nil
}

// escapeRefused writes the two characters that SQS refuses and JSON allows,
// U+FFFE and U+FFFF, as escapes. JSON has them only within strings. All others
// that SQS refuses are control characters, which are escaped already.
func escapeRefused(text []byte) []byte {
	text = bytes.ReplaceAll(text, []byte("\xEF\xBF\xBE"), []byte(`\ufffe`))
	return bytes.ReplaceAll(text, []byte("\xEF\xBF\xBF"), []byte(`\uffff`))
}

// dedupID is a name for one delivery that fits wherever an id is wanted, SQS's
// MessageDeduplicationId included.
func dedupID(source, receiptID string) string {
	sum := sha256.Sum256([]byte(source + "\n" + receiptID))
	return hex.EncodeToString(sum[:])
}

// attributesOverhead is what the attributes' names and types take.
const attributesOverhead = len("source") + len("id") + 2*len("String")

// Queue sends to one queue of jobhook's own kind.
type Queue interface {
	Send(ctx context.Context, ms ...webhook.Message) []error
}

// QueueInbox is an inbox on such a queue, for `jobhook local`. These queues have
// no attributes: source and id are in the envelope.
type QueueInbox struct{ Queue Queue }

// Send puts one message on the queue.
func (q QueueInbox) Send(ctx context.Context, m Message) error {
	if err := q.Queue.Send(ctx, webhook.Message{Body: m.Body, Group: m.Source})[0]; err != nil {
		return fmt.Errorf("send to the inbox queue: %w", err)
	}
	return nil
}
