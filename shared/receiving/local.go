package receiving

import (
	"context"
	"fmt"
	"os"

	"github.com/jobhook/jobhook/shared/webhook"
)

// File is a Fetcher of a file, for `jobhook local`.
type File string

// Fetch reads the file as it is now.
func (f File) Fetch(context.Context) ([]byte, error) {
	raw, err := os.ReadFile(string(f))
	if err != nil {
		return nil, fmt.Errorf("read the sources' file: %w", err)
	}
	return raw, nil
}

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
