package embedded

import (
	"context"
	"fmt"
	"runtime"
	"runtime/debug"
	"sync"
	"time"
)

// write is one op. Ops that are given to writeAll together are in one commit.
type write struct {
	// lazy: its answer need not wait for the disk. See the package's comment.
	lazy bool
	// apply checks, and only then writes. Its error refuses this op alone.
	apply func(*txn) error
	// durable runs once the op is in the log, and on disk unless all ops of its
	// commit are lazy; those that wait for the disk run in the order of the
	// commits. Optional.
	durable func()
	verdict error // apply's
}

// writer is what those who write share. Who applies ops holds mu. Who writes and
// syncs the log, or puts another in its place, has the turn.
type writer struct {
	mu       sync.Mutex
	closed   bool
	sequence [tables]uint64
	changes  []change // reused
	recent   recent
	noted    expiryMark  // see noteExpiry
	swept    []byte      // see sweepExpiring: nothing is left before it
	waiting  *batch      // ops that the next sync is for
	soon     *time.Timer // makes that sync, should nobody wait for it; nil: nobody need

	// Read by who holds mu or has the turn, written by who has both.
	log *logFile
	// doubt is the failure after which the log's end is unknown. Nothing is
	// written until the file has all that is in memory.
	doubt error

	turn       chan struct{} // holds one token: who takes it has the turn, and puts it back
	uninformed []*write      // ops whose durable has not run, in order
	checkpoint chan error    // answers when the checkpoint under way has ended; nil: there is none
	released   int           // the overlay's size when the file's pages were released last
}

// batch is ops that wait for the same sync.
type batch struct {
	ops  []*write
	done chan struct{} // closed when err is known
	err  error
}

func newBatch() *batch { return &batch{done: make(chan struct{})} }

// write applies an op and waits until it is durable, or refused by something
// durable. When ctx ends first, its error is the answer, though the op may still land.
func (db *DB) write(ctx context.Context, w *write) error { return db.writeAll(ctx, w)[0] }

// writeAll is write for several ops, in one commit, with an answer for each.
func (db *DB) writeAll(ctx context.Context, ops ...*write) []error {
	errs := make([]error, len(ops))
	if len(ops) == 0 {
		return errs
	}
	b, err := db.commit(ctx, ops)
	switch {
	case err != nil:
	case b != nil:
		err = db.wait(ctx, b)
	default:
		inform(ops)
	}
	for i, w := range ops {
		if errs[i] = err; err == nil {
			errs[i] = w.verdict
		}
	}
	return errs
}

// commit runs the ops, adds what they change to the log and shows it to all.
// The ops wait with the batch, refused ones, too: what refused them may have been
// another's change that is not on disk yet. It is nil when all are lazy.
func (db *DB) commit(ctx context.Context, ops []*write) (*batch, error) {
	if err := db.enter(ctx); err != nil {
		return nil, err
	}
	own := &db.own
	defer own.mu.Unlock()
	t := &txn{db: db, state: db.state.Load(), commit: db.committed.Load() + 1, now: db.now(), epoch: db.epoch, writer: own, changes: own.changes[:0]}
	lazy := own.log.unwritten() < maxUnwritten
	for _, w := range ops {
		before := len(t.changes)
		if w.verdict = w.applied(t); t.failure != nil {
			w.verdict, t.failure = t.failure, nil
		}
		if w.verdict != nil {
			t.undo(before)
		}
		lazy = lazy && w.lazy
	}
	t.end()
	if own.changes = t.changes; cap(own.changes) > maxChanges {
		own.changes = nil
	}
	if len(t.changes) > 0 {
		own.log.append(t.commit, t.changes, &t.counted)
		db.committed.Store(t.commit)
	}
	clear(t.changes)
	if lazy {
		db.syncSoon()
		return nil, nil
	}
	own.waiting.ops = append(own.waiting.ops, ops...)
	return own.waiting, nil
}

// applied makes a panic, as of bbolt on a damaged page, the op's error: nothing of
// a half-made op must be seen, and the caller may go on.
func (w *write) applied(t *txn) (err error) {
	defer func() {
		if p := recover(); p != nil {
			err = fmt.Errorf("panic: %v\n%s", p, debug.Stack())
		}
	}()
	return w.apply(t)
}

const (
	// maxChanges bounds what is kept for the next commit's changes.
	maxChanges = 8000
	// maxUnwritten is how many bytes of frames lazy ops leave to be written.
	maxUnwritten = 1 << 20
	// lazyFor is how long lazy ops wait for a sync that others need.
	lazyFor = 20 * time.Millisecond
)

// syncSoon sees to it that there is a sync also when nobody waits for it. It is
// for who holds mu.
func (db *DB) syncSoon() {
	own := &db.own
	if own.soon != nil {
		return
	}
	own.soon = time.AfterFunc(lazyFor, func() {
		<-own.turn
		own.mu.Lock()
		closed := own.closed
		own.mu.Unlock()
		if !closed {
			db.sync()
		}
		own.turn <- struct{}{}
	})
}

// enter locks the writer as soon as the overlay and the log can be written to.
func (db *DB) enter(ctx context.Context) error {
	own := &db.own
	for {
		if err := ctx.Err(); err != nil {
			return err
		}
		own.mu.Lock()
		if own.closed {
			own.mu.Unlock()
			return ErrClosed
		}
		if db.hasRoom() {
			return nil
		}
		own.mu.Unlock()
		if err := db.makeRoom(ctx); err != nil {
			return err
		}
	}
}

// hasRoom is for who holds mu.
func (db *DB) hasRoom() bool {
	return db.own.doubt == nil && db.state.Load().overlays[0].size < db.maxOverlay
}

// wait waits for a batch's sync, or makes it if nobody else has the turn. Who
// writes meanwhile is in the next batch.
func (db *DB) wait(ctx context.Context, b *batch) error {
	own := &db.own
	select {
	case <-b.done:
	case <-own.turn:
		select {
		case <-b.done:
		default:
			runtime.Gosched() // those that the last sync woke may have more for this one
			db.sync()
		}
		own.turn <- struct{}{}
	case <-ctx.Done():
		own.mu.Lock()
		db.syncSoon()
		own.mu.Unlock()
		return ctx.Err()
	}
	return b.err
}

// sync puts on disk what has been appended, and answers the batch that waits
// for it. It is for who has the turn. When it fails, what the batch has written
// stays in memory: whether it has landed is open until the file has it.
func (db *DB) sync() {
	own := &db.own
	own.mu.Lock()
	b, log, commit, err, size := own.waiting, own.log, db.committed.Load(), own.doubt, db.state.Load().overlays[0].size
	frames := log.take()
	own.waiting = newBatch()
	if own.soon != nil {
		own.soon.Stop()
		own.soon = nil
	}
	own.mu.Unlock()
	own.uninformed = append(own.uninformed, b.ops...)
	if err == nil {
		err = log.sync(frames, commit)
	}
	if err == nil {
		db.informAll()
	} else {
		own.mu.Lock()
		own.doubt = err
		own.mu.Unlock()
	}
	b.err = err
	close(b.done)
	db.keepSmall(size)
}

// informAll runs what had to wait for the disk.
func (db *DB) informAll() {
	own := &db.own
	inform(own.uninformed)
	clear(own.uninformed)
	own.uninformed = own.uninformed[:0]
}

func inform(ops []*write) {
	for _, w := range ops {
		if w.verdict == nil && w.durable != nil {
			w.durable()
		}
	}
}
