package deliver

import (
	"context"
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
	flush func(ctx context.Context, all ...T) []error

	mu      sync.Mutex
	parties int // who may still come
	waiting []joined[T]
	timer   *time.Timer
}

type joined[T any] struct {
	ctx   context.Context //nolint:containedctx // it is handed on with its value
	value T
	done  chan error
}

// do hands v on and returns its own answer. The first of a group lends it its
// context.
func (j *joiner[T]) do(ctx context.Context, v T) error {
	w := joined[T]{ctx, v, make(chan error, 1)}
	j.mu.Lock()
	j.waiting = append(j.waiting, w)
	if len(j.waiting) == 1 {
		j.timer = time.AfterFunc(joinWait, func() { j.send(false) })
	}
	j.mu.Unlock()
	j.send(true)
	return <-w.done
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
	group := j.waiting
	if len(group) == 0 || onlyWhole && len(group) < min(j.parties, maxJoined) {
		j.mu.Unlock()
		return
	}
	j.waiting = nil
	j.timer.Stop()
	j.mu.Unlock()
	values := make([]T, len(group))
	for i, w := range group {
		values[i] = w.value
	}
	for i, err := range j.flush(group[0].ctx, values...) {
		group[i].done <- err
	}
}
