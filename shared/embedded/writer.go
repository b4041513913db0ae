package embedded

import (
	"context"
	"os"
	"runtime"
	"slices"
)

const (
	maxBatch = 1000
	// maxBatchBytes bounds what one transaction holds in memory: a queue
	// message may be a MiB.
	maxBatchBytes = 4 << 20
	// releaseEvery is after how many bytes of ops the file's pages are released.
	releaseEvery = 2 << 20
)

// write is one op for the writer. Ops that are given to it together are in one
// transaction.
type write struct {
	size int // bytes that it adds, about
	// apply checks, and only then writes. Its error refuses this op alone. It
	// may run again when another op's failure voids the transaction.
	apply func(*txn) error
	// durable runs once the op is on disk, in the writer's goroutine, in the
	// order of the commits. Optional.
	durable func()
	verdict error // apply's; the writer's own
	done    chan error
}

// write hands an op to the writer and waits until it is durable or refused.
// When ctx ends first, its error is the answer, though the op may still land.
func (db *DB) write(ctx context.Context, w *write) error { return db.writeAll(ctx, w)[0] }

// writeAll is write for several ops, in one transaction, with an answer for each.
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

// run is the writer.
func (db *DB) run() {
	defer close(db.stopped)
	batch := make([]*write, 0, maxBatch)
	for ops := range db.writes {
		runtime.Gosched() // those that the last commit woke may have more
		batch = db.gather(batch[:0], ops)
		db.settle(batch)
		clear(batch)
		if db.unreleased < releaseEvery {
			continue
		}
		// This keeps the memory that the mapped file takes from growing with it.
		db.unreleased = 0
		if info, err := os.Stat(db.path); err == nil {
			release(db.file, info.Size())
		}
	}
}

// gather adds ops and what else waits to the batch, without waiting for more.
func (db *DB) gather(batch, ops []*write) []*write {
	for size := 0; ops != nil; {
		for _, w := range ops {
			size, db.unreleased = size+w.size, db.unreleased+w.size
		}
		batch = append(batch, ops...)
		if len(batch) >= maxBatch || size >= maxBatchBytes {
			break
		}
		select {
		case ops = <-db.writes: // nil when it is closed
		default:
			ops = nil
		}
	}
	return batch
}

// settle commits the batch and answers its ops. An op that fails half-way voids
// the transaction: it alone is answered with the failure, and the others run
// again without it.
func (db *DB) settle(batch []*write) {
	for len(batch) > 0 {
		culprit, err := db.commit(batch)
		if culprit >= 0 {
			batch[culprit].done <- err
			batch = slices.Delete(batch, culprit, culprit+1)
			continue
		}
		for _, w := range batch {
			if err != nil {
				w.verdict = err
			} else if w.verdict == nil && w.durable != nil {
				w.durable()
			}
			w.done <- w.verdict
		}
		return
	}
}

// commit runs the ops in one transaction. culprit is the op that made
// that impossible, or -1; err without one is the commit's own.
func (db *DB) commit(batch []*write) (culprit int, err error) {
	tx, err := db.file.Begin(true)
	if err != nil {
		return -1, explain(err)
	}
	t := &txn{tx: tx, now: db.now(), epoch: db.epoch, noted: db.noted}
	for i, w := range batch {
		w.verdict = w.apply(t)
		if t.failure != nil {
			_ = tx.Rollback()
			return i, t.failure
		}
	}
	if err := tx.Commit(); err != nil {
		return -1, explain(err)
	}
	db.noted = t.noted
	db.written.Add(uint64(len(batch)))
	return -1, nil
}
