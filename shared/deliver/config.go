// Package deliver is the one place where a delivery moves: claim, attempt,
// settle. It decides in which order things are written, posted and sent, so
// that a crash at any step loses nothing and repeats nothing but what cannot
// be helped (a POST whose record did not land).
//
// The order is always: record, then send, then acknowledge. Doing it again is
// harmless, because every write is conditional on the state that it was
// decided from.
package deliver

import (
	"errors"
	"log/slog"
	"time"

	"golang.org/x/sync/semaphore"

	"github.com/jobhook/jobhook/shared/intake"
	"github.com/jobhook/jobhook/shared/schedule"
)

// Defaults of Config.
const (
	DefaultConcurrency   = 32
	DefaultRetention     = 30 * 24 * time.Hour
	DefaultRetryAfterMax = time.Hour
	DefaultLease         = time.Minute
)

const (
	// reserve is what is left for recording after a POST that took all its time.
	reserve = 3 * time.Second
	// leaseMargin is for clocks that differ: a lease ends after its function did.
	leaseMargin = 5 * time.Second
	// settleTimeout bounds the writes that follow a POST; they are made even
	// when the invocation is being canceled.
	settleTimeout = 5 * time.Second
)

// Config is what an operator sets about delivering.
type Config struct {
	Schedule      schedule.Schedule
	SendTimeout   time.Duration // the sender's total deadline
	RetryAfterMax time.Duration // bound on what an endpoint may ask for
	Concurrency   int           // POSTs under way at once in this process
	EndpointCache time.Duration // how long dispatch may use an account's endpoints unread; 0: never
	Intake        intake.Rules
	Wire          Wire
}

// Deps are the parts that delivering works on.
type Deps struct {
	Events     Events
	Deliveries Deliveries
	Loader     Loader
	Endpoints  Endpoints
	Replacer   EndpointReplacer
	Retries    Queue // the delay queue
	Rejected   Queue // completions set aside
	Secrets    Secrets
	Sender     Sender
	Log        *slog.Logger

	Now    func() time.Time
	Chance func() float64 // from 0 to 1, for jitter
	Token  func() string  // a new unique text, for Rev
}

// Message is one message of the completions or the retry queue.
type Message struct {
	ID   string // the same at every receipt of the same message
	Body []byte
}

// ErrBusy says that the message's work cannot be done yet: the message must
// come back. It is no fault.
var ErrBusy = errors.New("its work is under way elsewhere; the message comes back")

func newPosts(n int) *semaphore.Weighted {
	if n <= 0 {
		n = DefaultConcurrency
	}
	return semaphore.NewWeighted(int64(n))
}
