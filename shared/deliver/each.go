package deliver

import (
	"fmt"
	"runtime/debug"
	"sync"
)

// PanicError is a panic that ended the work on one message.
type PanicError struct {
	Value any
	Stack []byte
}

func (e *PanicError) Error() string { return fmt.Sprintf("panic: %v", e.Value) }

// Each calls f for every item at once and returns each one's error. A panic in
// one becomes its error: it must not take the rest of a batch with it.
func Each[T any](items []T, f func(T) error) []error {
	errs := make([]error, len(items))
	if len(items) == 1 {
		errs[0] = guarded(f, items[0])
		return errs
	}
	var wg sync.WaitGroup
	for i, item := range items {
		wg.Go(func() { errs[i] = guarded(f, item) })
	}
	wg.Wait()
	return errs
}

func guarded[T any](f func(T) error, item T) (err error) {
	defer func() {
		if p := recover(); p != nil {
			err = &PanicError{Value: p, Stack: debug.Stack()}
		}
	}()
	return f(item)
}
