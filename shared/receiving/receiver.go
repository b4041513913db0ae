// Package receiving is the other end: it verifies an incoming webhook, drops
// duplicates, puts it on the inbox queue and answers.
//
// What is decided from the request alone (Judge, the inbox message, the
// sources' configuration) is pure. Receiver adds the order of the writes:
//
//	claim the receipt, with a lease → send to the inbox → complete the receipt
//
// A crash before the send loses nothing: the sender has no 2xx and comes
// again. A crash between the send and the completion may queue the webhook
// twice, once the lease is over: both messages carry the same dedup_id.
package receiving

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"time"

	"github.com/jobhook/jobhook/shared/webhook"
)

const (
	// DefaultBudget is the time of one request where the context sets no
	// deadline: less than the shortest that a sender waits and still retries.
	DefaultBudget = 10 * time.Second
	// leaseMargin is for clocks that differ: a lease ends after its request did.
	leaseMargin = 2 * time.Second
	// settleTimeout bounds the write that follows the send; it is made even
	// when the request is being canceled.
	settleTimeout = 2 * time.Second
	// reserve is what is left for that write after a send that took all its time.
	reserve = settleTimeout + 500*time.Millisecond
)

// ErrUnknownSource says that no source of that name is configured.
var ErrUnknownSource = errors.New("unknown source")

// Directory finds a source. The error is ErrUnknownSource, or a fault of ours.
type Directory interface {
	Source(ctx context.Context, name string) (Source, error)
}

// Receipts keeps receipts; storetest.Receipts is its contract. What has expired is
// treated as gone. Times are compared with the now that is given, never with
// the store's clock. A write that the same owner has already made, its answer
// lost on the way, is a success.
type Receipts interface {
	// Claim stores r, unless one stands that is Done or whose lease holds at
	// now: then the answer is webhook.ErrLost and the receipt that stands.
	Claim(ctx context.Context, r webhook.Receipt, now time.Time) (standing webhook.Receipt, err error)
	// Complete makes a receipt Done, or answers webhook.ErrLost when owner no
	// longer holds it.
	Complete(ctx context.Context, k webhook.ReceiptKey, owner string) error
	// Release removes the receipt that owner holds and has not completed, or
	// answers webhook.ErrLost when another holds it or it is Done. That there
	// is none is a success.
	Release(ctx context.Context, k webhook.ReceiptKey, owner string) error
}

// Inbox takes what was received. An error says that it may not have it.
type Inbox interface {
	Send(ctx context.Context, m Message) error
}

// Deps are the parts that receiving works on.
type Deps struct {
	Sources  Directory
	Receipts Receipts
	Inbox    Inbox
	Log      *slog.Logger

	Now   func() time.Time
	Token func() string // a new unique text, for the receipt's owner
}

// Receiver receives webhooks. It is safe for concurrent use.
type Receiver struct {
	Deps
	MaxBody int // bytes; 0: DefaultMaxBody
}

// Receive works on one request and returns what to answer. A 2xx is given only
// when the inbox has the webhook.
func (v *Receiver) Receive(ctx context.Context, r Request) Answer {
	started := v.Now()
	e := entry{request: r}
	a := v.receive(ctx, r, &e)
	e.write(ctx, v.Log, a, v.Now().Sub(started))
	return a
}

func (v *Receiver) receive(ctx context.Context, r Request, e *entry) Answer {
	s, err := v.Sources.Source(ctx, r.Source)
	if errors.Is(err, ErrUnknownSource) {
		return e.refuse(&Refusal{http.StatusNotFound, "not found", "no source of this name is configured"})
	}
	if err != nil {
		return e.fault(fmt.Errorf("find the source: %w", err))
	}
	e.source, e.scheme = s.Name, s.Scheme.Name()
	now := v.Now() // after the sources: reading them may have taken its time, and a lease is counted from here
	a, err := Judge(s, r, v.MaxBody, now)
	if err != nil {
		return e.fault(err)
	}
	e.accepted = a
	if challenge, ok := challengeOf(s, r.Body); ok {
		e.outcome = "challenge"
		return jsonAnswer(http.StatusOK, map[string]string{"challenge": challenge})
	}
	m, err := s.compose(r, a, now)
	if err != nil {
		return e.fault(err)
	}
	return v.queue(ctx, m, a, now, e)
}

// queue claims, sends and completes.
func (v *Receiver) queue(ctx context.Context, m Message, a Accepted, now time.Time, e *entry) Answer {
	if _, limited := ctx.Deadline(); !limited {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeout(ctx, DefaultBudget)
		defer cancel()
	}
	claim := webhook.Receipt{
		Key: webhook.ReceiptKey{Source: m.Source, ID: a.ReceiptID}, State: webhook.ReceiptProcessing, Owner: v.Token(),
		Until: lease(ctx, now), ExpiresAt: a.ExpiresAt, Digest: a.Digest,
	}
	standing, err := v.Receipts.Claim(ctx, claim, now)
	if errors.Is(err, webhook.ErrLost) {
		return e.lost(standing, a, now)
	}
	if err != nil { // it may have been made all the same
		v.release(ctx, claim, e)
		return e.fault(fmt.Errorf("claim: %w", err))
	}
	deadline, _ := ctx.Deadline()
	sending, cancel := context.WithDeadline(ctx, deadline.Add(-reserve))
	defer cancel()
	if err := v.Inbox.Send(sending, m); err != nil {
		v.release(ctx, claim, e)
		return e.fault(fmt.Errorf("send to the inbox: %w", err))
	}
	// Completing may fail: the inbox has the webhook, and the sender must not
	// send it again, so the answer is the same.
	ctx, cancel = settled(ctx)
	defer cancel()
	if err := v.Receipts.Complete(ctx, claim.Key, claim.Owner); err != nil {
		e.settle = fmt.Errorf("complete the receipt: %w", err)
	}
	e.outcome, e.detail = "queued", a.Doubt
	return received(false)
}

// release lets the sender's next try begin at once; without it the lease must
// end first.
func (v *Receiver) release(ctx context.Context, claim webhook.Receipt, e *entry) {
	ctx, cancel := settled(ctx)
	defer cancel()
	if err := v.Receipts.Release(ctx, claim.Key, claim.Owner); err != nil {
		e.settle = fmt.Errorf("release the receipt: %w", err)
	}
}

func settled(ctx context.Context) (context.Context, context.CancelFunc) {
	return context.WithTimeout(context.WithoutCancel(ctx), settleTimeout)
}

// lease ends a little after the last moment at which this request can send.
func lease(ctx context.Context, now time.Time) time.Time {
	deadline, _ := ctx.Deadline()
	// The deadline is by the real clock; what is left of it is what counts.
	return now.Add(time.Until(deadline) + leaseMargin).Truncate(time.Millisecond).UTC()
}
