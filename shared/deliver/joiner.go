package deliver

import (
	"context"
	"fmt"
	"sync"
	"time"
)

const (
	// joinWait is how long an outcome waits at most for others to go with it.
	joinWait = 5 * time.Millisecond
	// maxJoined is what one BatchExecuteStatement takes.
	maxJoined = 25
)

// joiner makes calls of many out of calls of one: those of one invocation that
// come within joinWait go together. Nobody waits when all who could still come
// are there already.
type joiner[T any] struct {
	ctx   context.Context //nolint:containedctx // the invocation's: a call is of many, and is not one's to end
	end   time.Time       // when a call ends
	flush func(ctx context.Context, all ...T) []error

	mu      sync.Mutex
	parties int // who may still come
	waiting []joined[T]
	timer   *time.Timer
}

type joined[T any] struct {
	value T
	done  chan error
}

// do hands v on and returns its own answer, or the end of ctx; then v may still
// be on its way. The last one that can come makes its call itself.
func (j *joiner[T]) do(ctx context.Context, v T) error {
	if j.alone() {
		return j.flush(ctx, v)[0]
	}
	w := joined[T]{v, make(chan error, 1)}
	j.mu.Lock()
	j.waiting = append(j.waiting, w)
	if len(j.waiting) == 1 {
		j.timer = time.AfterFunc(joinWait, func() { j.send(false) })
	}
	j.mu.Unlock()
	j.send(true)
	select {
	case err := <-w.done:
		return err
	case <-ctx.Done():
		return fmt.Errorf("no answer yet: %w", ctx.Err())
	}
}

// alone says whether a call would wait for nobody: none waits, and none can come.
func (j *joiner[T]) alone() bool {
	j.mu.Lock()
	defer j.mu.Unlock()
	return j.parties == 1 && len(j.waiting) == 0
}

// leave says that one party will not come any more.
func (j *joiner[T]) leave() {
	j.mu.Lock()
	j.parties--
	j.mu.Unlock()
	j.send(true)
}

// send hands on what waits: all of it, or, when asked, only if nothing more
// can come or no more would fit.
func (j *joiner[T]) send(onlyWhole bool) {
	j.mu.Lock()
	defer j.mu.Unlock()
	if len(j.waiting) == 0 || onlyWhole && len(j.waiting) < min(j.parties, maxJoined) {
		return
	}
	go j.call(j.waiting)
	j.waiting = nil
	j.timer.Stop()
}

// call answers everyone in a group, whatever becomes of the call.
func (j *joiner[T]) call(group []joined[T]) {
	ctx, cancel := context.WithDeadline(context.WithoutCancel(j.ctx), j.end)
	defer cancel()
	values, errs := make([]T, len(group)), []error(nil)
	for i, w := range group {
		values[i] = w.value
	}
	err := guarded(func(struct{}) error { errs = j.flush(ctx, values...); return nil }, struct{}{})
	if err == nil && len(errs) != len(group) {
		err = fmt.Errorf("%d of %d were answered", len(errs), len(group))
	}
	for i, w := range group {
		if err != nil {
			w.done <- err
		} else {
			w.done <- errs[i]
		}
	}
}
