// Package deliver is the one place where a delivery moves: claim, attempt,
// settle. It decides in which order things are written, posted and sent, so
// that a crash at any step loses nothing and repeats nothing but what cannot
// be helped (a POST whose record did not land).
//
// The order is always: record, then send, then acknowledge. Doing it again is
// harmless, because every write is conditional on the state that it was
// decided from.
//
// Each function works on a whole batch of queue messages, so that their
// database and queue calls can be joined, and answers for each message: nil
// when it may go, an error when it must come back.
package deliver

import (
	"context"
	"log/slog"
	"time"

	"github.com/jobhook/jobhook/shared/intake"
	"github.com/jobhook/jobhook/shared/schedule"
	"github.com/jobhook/jobhook/shared/sender"
	"github.com/jobhook/jobhook/shared/signing"
	"github.com/jobhook/jobhook/shared/webhook"
)

// Defaults of Config, and of how long events are kept.
const (
	DefaultConcurrency   = 32
	DefaultFanOut        = 25 // what one joined write takes
	DefaultRetryAfterMax = time.Hour
	DefaultRetention     = 30 * 24 * time.Hour
)

// Config is what an operator sets about delivering.
type Config struct {
	Schedule        schedule.Schedule // where an endpoint has none of its own
	SendTimeout     time.Duration     // the sender's total deadline
	RetryAfterMax   time.Duration     // bound on what an endpoint may ask for
	Concurrency     int               // POSTs in flight at once in this process; 0: DefaultConcurrency
	Turns           *Turns            // nil: without bound
	EndpointCache   time.Duration     // how long dispatch may use an account's unchanged endpoints; 0: never
	FanOut          int               // targets of one event that dispatch itself posts to; 0: DefaultFanOut
	CallbackProfile webhook.Profile   // of job URLs whose account has none set; empty: webhook.Standard
	Intake          intake.Rules
	Wire            Wire
}

// Deps are the parts that delivering works on.
type Deps struct {
	Store    Store
	Retries  Queue // the delay queue
	Slow     Queue // attempts at endpoints that are slow now, with a concurrency of their own
	Rejected Queue // completions that cannot be used
	Secrets  Secrets
	Sender   Sender
	Log      *slog.Logger

	Now    func() time.Time
	Chance func() float64 // from 0 to 1, for jitter
	Token  func() string  // a new unique string, for Rev
}

// Store is what delivering uses of webhook.Store.
type Store interface {
	Write(ctx context.Context, changes ...webhook.Change) []error
	Events(ctx context.Context, messageIDs ...string) ([]*webhook.Event, error)
	Deliveries(ctx context.Context, keys ...webhook.DeliveryKey) ([]*webhook.Delivery, error)
	Load(ctx context.Context, keys ...webhook.DeliveryKey) ([]webhook.Loaded, error)
	Arrivals(ctx context.Context, messageIDs, accounts []string) ([]*webhook.Event, []int64, error)
	AccountEndpoints(ctx context.Context, account string) ([]webhook.Endpoint, error)
	Endpoint(ctx context.Context, account, id string) (webhook.Endpoint, error)
	ReplaceEndpoint(ctx context.Context, rev string, e webhook.Endpoint) error
	SetHealth(ctx context.Context, account, id string, h webhook.Health) error
}

// Queue sends to one queue and answers for each message. Messages of one call
// go together where the queue can take them together.
type Queue interface {
	Send(ctx context.Context, ms ...webhook.Message) []error
}

// Secrets finds the secrets that sign for an endpoint (or the job record) now,
// newest first, with their fingerprints. An error is an internal one.
type Secrets interface {
	For(ctx context.Context, e webhook.Endpoint, now time.Time) (valid []signing.Secret, fingerprints []string, err error)
}

// Sender posts once. An endpoint's refusal is in the answer; an error is an
// internal one.
type Sender interface {
	Send(ctx context.Context, r sender.Request) (sender.Answer, error)
}

// Message is one message of the completions or the retry queue.
type Message struct {
	ID    string // the same at every receipt of the same message
	Body  []byte
	Group string // its message group; empty for none
	Slow  bool   // it came over the slow queue
	// Event is the accepted event that the message tells of, as it was stored,
	// where its queue has it in memory; else nil, and it is read.
	Event *webhook.Event
}

// BusyError says that the message's work is in flight elsewhere, so that the
// message must come back. It is no fault.
type BusyError struct {
	Until time.Time // when it is worth looking again; zero: soon
}

func (e *BusyError) Error() string {
	if e.Until.IsZero() {
		return "its work is in flight elsewhere"
	}
	return "its work is in flight elsewhere until " + e.Until.Format(time.RFC3339)
}
