package embedded

import (
	"context"
	"errors"
	"os"
	"runtime"

	"go.etcd.io/bbolt"
	berrors "go.etcd.io/bbolt/errors"
)

const (
	maxBatch = 1000
	// maxBatchBytes bounds what one transaction holds in memory: a queue
	// message may be a MiB.
	maxBatchBytes = 4 << 20
	// releaseEvery is after how many bytes of ops the file's pages are released.
	releaseEvery = 2 << 20
)

// write is one op for the writer.
type write struct {
	size int // bytes that it adds, about
	// apply validates, and only then writes. Its error refuses this op alone.
	// It may run again when a neighbour's fault voids the transaction.
	apply func(*txn) error
	// durable runs once the op is on disk, in the writer's goroutine, in the
	// order of the commits. Optional.
	durable func()
	done    chan error
}

// write hands an op to the writer and waits until it is durable or refused.
// When ctx ends first, its error is the answer, though the op may still land.
func (db *DB) write(ctx context.Context, w *write) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	w.done = make(chan error, 1)
	if err := db.submit(ctx, w); err != nil {
		return err
	}
	select {
	case err := <-w.done:
		return err
	case <-ctx.Done():
		return ctx.Err()
	}
}

// submit holds closing for reading, so that Close cannot close the channel
// under it; the writer reads on until then, so that this ends.
func (db *DB) submit(ctx context.Context, w *write) error {
	db.closing.RLock()
	defer db.closing.RUnlock()
	if db.closed {
		return ErrClosed
	}
	select {
	case db.writes <- w:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// run is the writer.
func (db *DB) run() {
	defer close(db.stopped)
	batch := make([]*write, 0, maxBatch)
	for first := range db.writes {
		runtime.Gosched() // those that the last commit woke may have more
		batch = db.gather(append(batch[:0], first))
		db.settle(batch)
		clear(batch)
	}
}

// release keeps the memory that the mapped file takes from growing with it.
func (db *DB) release(batch []*write) {
	for _, w := range batch {
		db.unreleased += w.size
	}
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
	size := batch[0].size
	for len(batch) < maxBatch && size < maxBatchBytes {
		select {
		case w, ok := <-db.writes:
			if !ok {
				return batch
			}
			batch, size = append(batch, w), size+w.size
		default:
			return batch
		}
	}
	return batch
}

// settle commits the batch and answers its ops. An op that faults half-way
// voids the transaction: it alone is answered with the fault, and the others
// run again without it.
func (db *DB) settle(batch []*write) {
	verdicts := make([]error, len(batch))
	for {
		faulty, err := db.commit(batch, verdicts)
		if faulty < 0 {
			db.answer(batch, verdicts, err)
			return
		}
		batch[faulty].done <- err
		batch = append(batch[:faulty:faulty], batch[faulty+1:]...)
		if len(batch) == 0 {
			return
		}
	}
}

// commit runs the ops in one transaction. faulty is the op that made that
// impossible, or -1; err without one is the commit's own.
func (db *DB) commit(batch []*write, verdicts []error) (faulty int, err error) {
	tx, err := db.file.Begin(true)
	if err != nil {
		return -1, db.explain(err)
	}
	t := &txn{tx: tx, now: db.now(), epoch: db.epoch, noted: db.noted}
	for i, w := range batch {
		verdicts[i] = w.apply(t)
		if t.fault != nil {
			_ = tx.Rollback()
			return i, t.fault
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

// explain turns the file's own errors into ours.
func (db *DB) explain(err error) error {
	if errors.Is(err, berrors.ErrDatabaseNotOpen) {
		return ErrClosed
	}
	return err
}

// alone is for the ops of Open, before the writer runs.
func (db *DB) alone(apply func(*txn) error) error {
	err := db.file.Update(func(tx *bbolt.Tx) error {
		t := &txn{tx: tx}
		if err := apply(t); err != nil {
			return err
		}
		return t.fault
	})
	return db.explain(err)
}
