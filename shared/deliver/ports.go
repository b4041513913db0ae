package deliver

import (
	"context"
	"time"

	"github.com/jobhook/jobhook/shared/queue"
	"github.com/jobhook/jobhook/shared/sender"
	"github.com/jobhook/jobhook/shared/signing"
	"github.com/jobhook/jobhook/shared/webhook"
)

// Every store that serves these interfaces passes shared/storetest. What has
// expired is treated as gone, whether the store has deleted it yet or not. A
// write whose condition fails because the very same write (by its Rev) has
// already landed is a success: an answer may be lost on its way.

// Events keeps events: the idempotency keys, with their payload.
type Events interface {
	// InsertEvent stores e unless its MessageID is taken. If it is, the
	// answer is webhook.ErrLost and the event that stands.
	InsertEvent(ctx context.Context, e webhook.Event) (standing webhook.Event, err error)
	// LeaseEvent gives the event a lease, a new Rev, and its targets if it
	// has none yet (it keeps those it has), provided that its Rev is still
	// rev, and returns the event as it is then. Otherwise webhook.ErrLost;
	// webhook.ErrNotFound when there is none.
	LeaseEvent(ctx context.Context, messageID, rev string, to webhook.Claim) (webhook.Event, error)
	// LoadEvent returns an event with all its deliveries, consistently, or
	// webhook.ErrNotFound.
	LoadEvent(ctx context.Context, messageID string) (webhook.Event, []webhook.Delivery, error)
}

// Deliveries keeps deliveries with their attempts.
type Deliveries interface {
	// InsertDelivery stores a delivery's first record, or answers
	// webhook.ErrLost when there is one.
	InsertDelivery(ctx context.Context, d webhook.Delivery) error
	// ReplaceDelivery stores d in place of the record whose Rev is rev, or
	// answers webhook.ErrLost.
	ReplaceDelivery(ctx context.Context, rev string, d webhook.Delivery) error
}

// Loader reads in one round trip what a retry needs.
type Loader interface {
	// LoadDelivery returns a delivery with its event and its endpoint as they
	// are now, consistently. Endpoint is nil for the job's own URL and when it
	// was removed. webhook.ErrNotFound when event or delivery is gone.
	LoadDelivery(ctx context.Context, messageID, account, endpointID string) (webhook.Loaded, error)
}

// Endpoints lists all of an account's endpoints, enabled or not.
type Endpoints interface {
	AccountEndpoints(ctx context.Context, account string) ([]webhook.Endpoint, error)
}

// EndpointReplacer stores an endpoint in place of the record whose Rev is rev,
// or answers webhook.ErrLost.
type EndpointReplacer interface {
	ReplaceEndpoint(ctx context.Context, rev string, e webhook.Endpoint) error
}

// Queue sends to one queue.
type Queue interface {
	Send(ctx context.Context, m queue.Message) error
}

// Secrets finds the secrets that sign for an endpoint now, newest first; for
// nil, those of the job-level URLs. An error is a fault of ours.
type Secrets interface {
	For(ctx context.Context, e *webhook.Endpoint, now time.Time) ([]signing.Secret, error)
}

// Sender posts once. An endpoint's refusal is in the answer; an error is a
// fault of ours.
type Sender interface {
	Send(ctx context.Context, r sender.Request) (sender.Answer, error)
}
