package webhook

import (
	"context"
	"encoding/json"
	"time"
)

// Store keeps endpoints, events and deliveries. Every store passes
// shared/storetest; what holds for all its methods:
//
//   - Times come back as the same instant, in UTC: OccurredAt to the
//     nanosecond, ExpiresAt to the second, all others to the millisecond. A
//     zero time comes back zero, JSON byte for byte.
//   - What has expired counts as gone, deleted or not. Writes may take that to
//     the second.
//   - Reads are strongly consistent, but for Recoverable and Failing, which may
//     lag by moments.
//   - A write whose condition fails because the very same write (by its Rev)
//     has landed already is a success: an answer may be lost on its way.
//   - Lists give up to limit records and the cursor of what follows, empty at
//     the end; a page may be shorter than limit though more follow. The first
//     page's cursor is empty. A cursor that this list did not give out is
//     ErrCursor. No page skips or repeats a record that is there all along.
//   - An error that is none of this package's is an internal one.
type Store interface { //nolint:interfacebloat // one object serves all of it; its users declare what they need
	// Write makes each change by itself and answers for each: nil, ErrLost
	// (the record is not as it was), ErrTooLarge, or an internal error, after
	// which it may have landed or not. Changes of one call go to the database
	// together where it can take them together.
	Write(ctx context.Context, changes ...Change) []error

	// Events reads events by message id. The answer has an entry for each id,
	// nil where there is no such event.
	Events(ctx context.Context, messageIDs ...string) ([]*Event, error)
	// Arrivals is Events and Generations in one round trip.
	Arrivals(ctx context.Context, messageIDs, accounts []string) ([]*Event, []int64, error)
	// JobEvents reads up to MaxJobEvents events of a job, by OccurredAt.
	JobEvents(ctx context.Context, account, jobID string) ([]Event, error)
	// Deliveries reads deliveries. The answer has an entry for each key, nil
	// where there is no such delivery.
	Deliveries(ctx context.Context, keys ...DeliveryKey) ([]*Delivery, error)
	// Load reads all that each delivery's next attempt needs. The answer has
	// an entry for each key.
	Load(ctx context.Context, keys ...DeliveryKey) ([]Loaded, error)

	// EndpointDeliveries is an endpoint's delivery log, newest first: by
	// AcceptedAt, then MessageID. Removed endpoints and JobTarget have one too.
	EndpointDeliveries(ctx context.Context, q LogQuery) ([]Delivery, string, error)
	// Recoverable lists deliveries that are failed or held, latest SettledAt
	// first.
	Recoverable(ctx context.Context, q LogQuery) ([]Delivery, string, error)

	// AccountEndpoints reads all of an account's endpoints, disabled and
	// removed ones and its job record (when it is set) included.
	AccountEndpoints(ctx context.Context, account string) ([]Endpoint, error)
	// Generations reads, for each account, the number that each change of its
	// endpoints (but of Health) raises; 0 when there was none.
	Generations(ctx context.Context, accounts ...string) ([]int64, error)
	// Endpoint reads one endpoint or the job record; ErrNotFound when there is
	// none or it is removed.
	Endpoint(ctx context.Context, account, id string) (Endpoint, error)
	// ListEndpoints lists an account's endpoints by id, without removed ones
	// and the job record.
	ListEndpoints(ctx context.Context, account string, limit int, cursor string) ([]Endpoint, string, error)
	// InsertEndpoint stores a new endpoint, or answers ErrLost when its id is
	// taken, also by a removed one.
	InsertEndpoint(ctx context.Context, e Endpoint) error
	// ReplaceEndpoint stores e, but for its Health, in place of the record
	// whose Rev is rev, or answers ErrLost. A removed endpoint cannot be
	// replaced.
	ReplaceEndpoint(ctx context.Context, rev string, e Endpoint) error
	// RemoveEndpoint leaves a tombstone: the endpoint with RemovedAt and
	// ExpiresAt set, without its secrets. ErrNotFound when there is none.
	RemoveEndpoint(ctx context.Context, account, id string, at, expires time.Time) error
	// SetHealth replaces an endpoint's Health, or answers ErrNotFound.
	SetHealth(ctx context.Context, account, id string, h Health) error
	// Failing lists endpoints with a FailingSince over all accounts, longest
	// failing first.
	Failing(ctx context.Context, limit int, cursor string) ([]Endpoint, string, error)

	// InsertNote stores a note, or answers ErrLost when its key is taken.
	InsertNote(ctx context.Context, n Note) error
	// ReplaceNote stores n in place of the record whose Rev is rev, or answers
	// ErrLost.
	ReplaceNote(ctx context.Context, rev string, n Note) error
	// Note reads one note, or answers ErrNotFound.
	Note(ctx context.Context, kind NoteKind, owner, id string) (Note, error)
	// Notes lists notes of one kind and owner, by id.
	Notes(ctx context.Context, kind NoteKind, owner string, limit int, cursor string) ([]Note, string, error)
}

// MaxJobEvents bounds what is read of one job.
const MaxJobEvents = 200

// Change is one conditional write: of an event or of a delivery, exactly one of
// which is set. Of an event that is there already only what Event.Claim changes
// is written.
type Change struct {
	Event    *Event
	Delivery *Delivery
	From     string // the Rev of the record that it replaces; empty: it inserts
}

// Loaded is what a retry needs. Event and Delivery are nil where there is none;
// Endpoint is the endpoint, or the job record for JobTarget, also when it is
// removed, and nil where there is none.
type Loaded struct {
	Event    *Event
	Delivery *Delivery
	Endpoint *Endpoint
}

// LogQuery chooses deliveries.
type LogQuery struct {
	Account    string
	EndpointID string // may be empty in Recoverable: all of the account's
	Status     Status // empty: all that the list holds
	// Since and Until bound AcceptedAt, in Recoverable SettledAt: from Since
	// until before Until. Zero: no bound.
	Since, Until time.Time
	Limit        int
	Cursor       string
}

// NoteKind is what a Note is about.
type NoteKind string

// The kinds of notes. The owner of each is an account unless it says otherwise.
const (
	NoteRecovery NoteKind = "recovery" // a replay of many deliveries, with its progress
	NoteLink     NoteKind = "link"     // a one-time link; owner: the hash of its token
	NoteAudit    NoteKind = "audit"    // who did what
	NoteNotice   NoteKind = "notice"   // that a notice was sent: one per endpoint and state
	NoteErasure  NoteKind = "erasure"  // that an account is being erased
)

// Note is a small record beside the deliveries. Its Data is its kind's own.
type Note struct {
	Kind      NoteKind
	Owner     string
	ID        string // unique for kind and owner
	Data      json.RawMessage
	ExpiresAt time.Time
	Rev       string
}
