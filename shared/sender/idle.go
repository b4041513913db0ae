package sender

import (
	"sync"
	"sync/atomic"
	"time"
)

// idleWatch closes kept connections after a long pause by the wall clock.
//
// Between invocations Lambda freezes the process: timers, which run on the
// monotonic clock, stand still, and so does the transport's own idle timeout;
// the endpoint meanwhile closes its side. The first POST after the thaw would be
// written into a dead connection and cost an attempt. The wall clock goes on, so
// before the first send after more than idleLimit the old connections go. During
// shorter pauses the kernel still sees the endpoint's FIN at each thaw, and
// servers commonly keep connections for longer than that.
type idleWatch struct {
	mu   sync.Mutex
	last atomic.Int64 // wall clock, Unix nanoseconds; 0 before the first send
}

// wake is called before a send. Sends that start together all wait until the
// old connections are gone; without a long pause nobody waits.
func (w *idleWatch) wake(now time.Time, closeIdle func()) {
	if !w.stale(now) {
		return
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.stale(now) {
		closeIdle()
		w.used(now)
	}
}

func (w *idleWatch) used(now time.Time) { w.last.Store(now.UnixNano()) }

func (w *idleWatch) stale(now time.Time) bool {
	last := w.last.Load()
	return last != 0 && now.UnixNano()-last > int64(idleLimit)
}
