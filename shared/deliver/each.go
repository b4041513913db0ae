package deliver

import (
	"errors"
	"fmt"
	"sync"
)

// Each calls f for every item at once and joins the errors. A panic in one
// becomes its error: it must not take the rest of a batch with it.
func Each[T any](items []T, f func(T) error) error {
	return errors.Join(Results(items, f)...)
}

// Results is Each with one error for each item.
func Results[T any](items []T, f func(T) error) []error {
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
			err = fmt.Errorf("panic: %v", p)
		}
	}()
	return f(item)
}
