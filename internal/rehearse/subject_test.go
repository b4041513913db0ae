//go:build rehearse

package rehearse_test

import (
	"context"
	"fmt"
	"runtime"
	"slices"
	"sync"
	"testing"
	"time"
)

// subject is a testing.TB whose failure is a finding, not the test's own.
type subject struct {
	testing.TB
	ctx      context.Context
	cancel   context.CancelFunc
	patience time.Duration

	mu       sync.Mutex
	first    string
	bad      bool
	cleanups []func()
}

func newSubject(t testing.TB, patience time.Duration) *subject {
	ctx, cancel := context.WithCancel(t.Context())
	return &subject{TB: t, ctx: ctx, cancel: cancel, patience: patience}
}

// run calls f until it ends or fails for good, cleans up after it, and returns
// the first complaint; empty when there is none.
func (s *subject) run(f func()) string {
	done := make(chan struct{})
	go func() {
		defer close(done)
		defer func() {
			if broken := recover(); broken != nil {
				s.Errorf("panic: %v", broken)
			}
		}()
		f()
	}()
	<-done
	s.cancel()
	for _, cleanup := range slices.Backward(s.cleanups) {
		cleanup()
	}
	return s.first
}

func (s *subject) Errorf(format string, args ...any) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.bad = true; s.first == "" {
		s.first = fmt.Sprintf(format, args...)
	}
}

func (s *subject) Error(args ...any)                 { s.Errorf("%s", fmt.Sprint(args...)) }
func (s *subject) Fatalf(format string, args ...any) { s.Errorf(format, args...); runtime.Goexit() }
func (s *subject) Fatal(args ...any)                 { s.Error(args...); runtime.Goexit() }
func (s *subject) Helper()                           {}
func (s *subject) Context() context.Context          { return s.ctx }
func (s *subject) Log(...any)                        {}
func (s *subject) Logf(string, ...any)               {}

func (s *subject) Failed() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.bad
}

func (s *subject) Cleanup(f func()) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.cleanups = append(s.cleanups, f)
}
