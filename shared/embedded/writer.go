package embedded

import (
	"context"
	"runtime"
)

const (
	maxBatch = 1000
	// maxBatchBytes bounds what one commit holds in memory: a queue message may
	// be a MiB.
	maxBatchBytes = 4 << 20
)

// write is one op for the writer. Ops that are given to it together are in one
// commit.
type write struct {
	size int // bytes that it adds, about
	// lazy: its answer need not wait for the disk. See the package's comment.
	lazy bool
	// apply checks, and only then writes. Its error refuses this op alone.
	apply func(*txn) error
	// durable runs once the op is in the log, and on disk unless it is lazy, in
	// the writer's goroutine, in the order of the commits. Optional.
	durable func()
	verdict error // apply's; the writer's own
	done    chan error
}

// writer is what only the writer's goroutine knows.
type writer struct {
	log      *logFile
	sequence [tables]uint64
	changes  []change // reused
	// doubt is the failure after which the log's end is unknown. Nothing is
	// written until the file has all that was answered.
	doubt      error
	checkpoint chan error // answers when the checkpoint under way has ended; nil: there is none

	released int // the overlay's size when the file's pages were released last

	recent recent
	noted  expiryMark // see noteExpiry
	swept  []byte     // see sweepExpiring: nothing is left before it
}

// write hands an op to the writer and waits until it is durable or refused.
// When ctx ends first, its error is the answer, though the op may still land.
func (db *DB) write(ctx context.Context, w *write) error { return db.writeAll(ctx, w)[0] }

// writeAll is write for several ops, in one commit, with an answer for each.
func (db *DB) writeAll(ctx context.Context, ops ...*write) []error {
	errs := make([]error, len(ops))
	if len(ops) == 0 {
		return errs
	}
	for _, w := range ops {
		w.done = make(chan error, 1)
	}
	err := db.submit(ctx, ops)
	for i, w := range ops {
		if errs[i] = err; err != nil {
			continue
		}
		select {
		case errs[i] = <-w.done:
		case <-ctx.Done():
			errs[i] = ctx.Err()
		}
	}
	return errs
}

// submit holds closing for reading, so that Close cannot close the channel
// under it; the writer reads on until then, so that this ends.
func (db *DB) submit(ctx context.Context, ops []*write) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	db.closing.RLock()
	defer db.closing.RUnlock()
	if db.closed {
		return ErrClosed
	}
	select {
	case db.writes <- ops:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// run is the writer. Of all that waits, what need not wait for the disk goes
// first.
func (db *DB) run() {
	defer close(db.stopped)
	lazy, durable := make([]*write, 0, maxBatch), make([]*write, 0, maxBatch)
	for ops := range db.writes {
		runtime.Gosched() // those that the last commit woke may have more
		lazy, durable = db.gather(lazy[:0], durable[:0], ops)
		db.settle(lazy, false)
		db.settle(durable, true)
		db.keepSmall()
		clear(lazy)
		clear(durable)
	}
	db.finish()
}

// gather sorts ops and what else waits into two commits, without waiting for
// more.
func (db *DB) gather(lazy, durable, ops []*write) (lazyToo, durableToo []*write) {
	for size := 0; ops != nil; {
		wait := false
		for _, w := range ops {
			size, wait = size+w.size, wait || !w.lazy
		}
		if wait {
			durable = append(durable, ops...)
		} else {
			lazy = append(lazy, ops...)
		}
		if len(lazy)+len(durable) >= maxBatch || size >= maxBatchBytes {
			break
		}
		select {
		case ops = <-db.writes: // nil when it is closed
		default:
			ops = nil
		}
	}
	return lazy, durable
}

// settle commits the ops and answers them.
func (db *DB) settle(batch []*write, sync bool) {
	if len(batch) == 0 {
		return
	}
	err := db.commit(batch, sync)
	db.written.Add(uint64(len(batch)))
	for _, w := range batch {
		if err != nil {
			w.verdict = err
		} else if w.verdict == nil && w.durable != nil {
			w.durable()
		}
		w.done <- w.verdict
	}
}

// commit runs the ops, writes what they change to the log and then shows it to
// all. Its error is for all of them, also for those that were refused: what
// refused them may have been another's change that did not land.
func (db *DB) commit(batch []*write, sync bool) error {
	own := &db.own
	if err := db.makeRoom(); err != nil {
		return err
	}
	t, err := db.begin()
	if err != nil {
		return err
	}
	t.commit++
	t.writer, t.changes = own, own.changes[:0]
	for _, w := range batch {
		before := len(t.changes)
		if w.verdict = w.apply(t); t.failure != nil {
			w.verdict, t.failure = t.failure, nil
		}
		if w.verdict != nil {
			t.undo(before)
		}
	}
	t.end()
	if own.changes = t.changes; cap(own.changes) > 8*maxBatch {
		own.changes = nil
	}
	if len(t.changes) > 0 {
		err = own.log.append(t.commit, t.changes, &t.counted)
		if err == nil && sync {
			err = own.log.sync(t.commit)
		}
		if err != nil {
			t.undo(0)
			own.doubt = err
			return err
		}
		db.committed.Store(t.commit)
	}
	clear(t.changes)
	return nil
}
