package embedded

import (
	"context"
	"os"
	"runtime"
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
		batch = db.gather(append(batch[:0], ops...))
		db.settle(batch)
		clear(batch)
	}
}

func sizeOf(ops []*write) (size int) {
	for _, w := range ops {
		size += w.size
	}
	return size
}

// release keeps the memory that the mapped file takes from growing with it.
func (db *DB) release(batch []*write) {
	db.unreleased += sizeOf(batch)
	if db.unreleased < releaseEvery {
		return
	}
	db.unreleased = 0
	if info, err := os.Stat(db.path); err == nil {
		release(db.file, info.Size())
	}
}

// gather takes what waits, without waiting for more.
func (db *DB) gather(batch []*write) []*write {
	size := sizeOf(batch)
	for len(batch) < maxBatch && size < maxBatchBytes {
		select {
		case ops, ok := <-db.writes:
			if !ok {
				return batch
			}
			batch, size = append(batch, ops...), size+sizeOf(ops)
		default:
			return batch
		}
	}
	return batch
}

// settle commits the batch and answers its ops. An op that fails half-way voids
// the transaction: it alone is answered with the failure, and the others run
// again without it.
func (db *DB) settle(batch []*write) {
	verdicts := make([]error, len(batch))
	for {
		culprit, err := db.commit(batch, verdicts)
		if culprit < 0 {
			db.answer(batch, verdicts, err)
			return
		}
		batch[culprit].done <- err
		batch = append(batch[:culprit:culprit], batch[culprit+1:]...)
		if len(batch) == 0 {
			return
		}
	}
}

// commit runs the ops in one transaction. culprit is the op that made
// that impossible, or -1; err without one is the commit's own.
func (db *DB) commit(batch []*write, verdicts []error) (culprit int, err error) {
	tx, err := db.file.Begin(true)
	if err != nil {
		return -1, db.explain(err)
	}
	t := &txn{tx: tx, now: db.now(), epoch: db.epoch, noted: db.noted}
	for i, w := range batch {
		verdicts[i] = w.apply(t)
		if t.failure != nil {
			_ = tx.Rollback()
			return i, t.failure
		}
	}
	if err := tx.Commit(); err != nil {
		return -1, db.explain(err)
	}
	db.noted = t.noted
	db.writeCount.Add(uint64(len(batch)))
	db.commitCount.Add(1)
	db.release(batch)
	return -1, nil
}

func (db *DB) answer(batch []*write, verdicts []error, err error) {
	for i, w := range batch {
		verdict := verdicts[i]
		if err != nil {
			verdict = err
		}
		if verdict == nil && w.durable != nil {
			w.durable()
		}
		w.done <- verdict
	}
}

// Stats says what the writer has done since Open.
type Stats struct {
	Writes       uint64 // ops, refused ones included
	Transactions uint64 // commits that carried them, each an fsync or two
}

// Stats counts writes and the transactions that carried them.
func (db *DB) Stats() Stats {
	return Stats{Writes: db.writeCount.Load(), Transactions: db.commitCount.Load()}
}
