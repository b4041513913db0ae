package deliver

import (
	"context"
	"math"
	"time"
)

// Turns keeps an account with a thousand deliveries to claim and record from
// taking the processor from all others: beside them it may work on no more than
// a few deliveries at once. One that waits for its endpoint's answer has no turn.
// In Lambda, where a process works on one batch, nobody needs it.
type Turns struct{ slots *slots }

// NewTurns makes turns of which an account has so many while others have some.
func NewTurns(share int) *Turns {
	s := newSlots(math.MaxInt / 2)
	s.share = max(share, 1)
	return &Turns{s}
}

// take waits for a turn. Those before it end by their own deadlines.
func (t *Turns) take(ctx context.Context, account string) {
	if t != nil && !t.slots.try(account, target{}) {
		t.slots.acquire(context.WithoutCancel(ctx), time.Time{}, account, target{})
	}
}

// aside is for what waits, out of turn: for an endpoint, for a slot, for others'
// calls. Those may wait for a turn. back takes it again.
func (t *Turns) aside(ctx context.Context, account string) (back func()) {
	t.leave(account)
	return func() { t.take(ctx, account) }
}

func (t *Turns) leave(account string) {
	if t != nil {
		t.slots.release(account, target{})
	}
}
