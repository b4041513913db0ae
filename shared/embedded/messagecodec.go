package embedded

import (
	"time"

	"github.com/jobhook/jobhook/shared/webhook"
)

// stored is a message as it lies in the file.
type stored struct {
	sentAt        time.Time
	group, reason string
	body          []byte
}

func encodeMessage(m webhook.Message, sentAt time.Time) []byte {
	return stored{sentAt: sentAt, group: m.Group, reason: m.Reason, body: m.Body}.encode()
}

func (m stored) encode() []byte {
	r := newRecord(48 + len(m.group) + len(m.reason) + len(m.body))
	return r.time(m.sentAt).text(m.group).text(m.reason).bytes(m.body)
}

func decodeMessage(raw []byte) (stored, error) {
	d := openRecord(raw)
	m := stored{sentAt: d.time(), group: d.text(), reason: d.text(), body: d.bytes()}
	return m, d.err("message")
}
