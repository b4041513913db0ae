package embedded

import (
	"fmt"
	"os"
	"path/filepath"

	"go.etcd.io/bbolt"
)

const (
	// maxOverlay is how large an overlay grows before the file gets it. There are
	// at most two of them. Larger ones would save the file pages and cost memory.
	maxOverlay = 8 << 20
	// checkpointPiece bounds one transaction of a checkpoint, in bytes of the
	// overlay: the pages that it changes are in memory until it ends.
	checkpointPiece = 4 << 20
)

// makeRoom sees to it that the overlay and the log can be written to. It waits
// when the checkpoint before has not ended: that bounds the memory.
func (db *DB) makeRoom() error {
	own := &db.own
	if own.doubt == nil && db.state.Load().overlays[0].size < db.maxOverlay {
		return nil
	}
	if err := db.endCheckpoint(); err != nil {
		return err
	}
	if own.log.broken || db.state.Load().overlays[0].size >= db.maxOverlay {
		if err := db.rotate(); err != nil {
			return err
		}
	}
	done := make(chan error, 1)
	own.checkpoint = done
	go func() { done <- db.writeCheckpoint() }()
	if own.doubt != nil {
		if err := db.endCheckpoint(); err != nil {
			return err
		}
		own.doubt = nil
	}
	return nil
}

// endCheckpoint waits for the checkpoint under way. One that has failed is
// tried once more.
func (db *DB) endCheckpoint() error {
	if done := db.own.checkpoint; done != nil {
		db.own.checkpoint = nil
		if <-done == nil {
			return nil
		}
	}
	return db.writeCheckpoint()
}

// rotate begins a new overlay and a new file of the log. What the file before
// it holds must be on disk by then, unless a failure has left that unknown: then
// nobody writes before the checkpoint has it.
func (db *DB) rotate() error {
	old, commit := db.own.log, db.committed.Load()
	if !old.broken {
		if err := old.sync(commit); err != nil {
			db.own.doubt = err
			return err
		}
	}
	log, err := createLog(db.disk, db.dir, db.id, old.generation+1, commit+1)
	if err != nil {
		return err
	}
	_ = old.file.Close()
	db.own.log = log
	frozen := db.state.Load().overlays[0]
	frozen.generation, frozen.sequence = old.generation, db.own.sequence
	db.state.Store(&state{overlays: [2]*overlay{newOverlay(), frozen}})
	return nil
}

// writeCheckpoint writes the frozen overlay, if there is one, into the file, which
// makes its log the spare one. It may be repeated, from wherever it was broken off.
func (db *DB) writeCheckpoint() error {
	now := db.state.Load()
	frozen := now.overlays[1]
	if frozen == nil {
		return nil
	}
	if err := db.save(frozen); err != nil {
		return err
	}
	db.state.Store(&state{overlays: [2]*overlay{now.overlays[0], nil}})
	// Should it not go away now, the next opening sees that it is not needed.
	_ = db.disk.spare(logPath(db.dir, frozen.generation), filepath.Join(db.dir, spareName))
	if info, err := os.Stat(db.path); err == nil {
		release(db.file, info.Size()) // or the mapped file's memory would grow with it
	}
	return nil
}

// save writes an overlay into the file, table by table in the order of the
// keys. What was put and deleted since the last checkpoint costs it nothing.
func (db *DB) save(o *overlay) error {
	next, b := o.lists[0].head.next[0].Load(), table(0)
	for b < tables {
		err := db.file.Update(func(tx *bbolt.Tx) error {
			for size := 0; b < tables && size < checkpointPiece; {
				if next == nil {
					if b++; b < tables {
						next = o.lists[b].head.next[0].Load()
					}
					continue
				}
				bucket := tx.Bucket([]byte(tableNames[b]))
				bucket.FillPercent = max(fill[b], bbolt.DefaultFillPercent)
				for ; next != nil && size < checkpointPiece; next = next.next[0].Load() {
					size += entrySize + len(next.key)
					if err := saveEntry(bucket, next, &size); err != nil {
						return fmt.Errorf("write %s: %w", tableNames[b], err)
					}
				}
			}
			if b < tables {
				return nil
			}
			return finishCheckpoint(tx, o)
		})
		if err != nil {
			return fmt.Errorf("checkpoint: %w", explain(err))
		}
	}
	return nil
}

func saveEntry(bucket *bbolt.Bucket, e *entry, size *int) error {
	switch v := e.newest.Load(); {
	case v == nil:
		return nil
	case v.value == nil:
		return bucket.Delete(e.key)
	default:
		*size += len(v.value)
		return bucket.Put(e.key, v.value)
	}
}

// finishCheckpoint says in the file that it needs the overlay's log no more.
func finishCheckpoint(tx *bbolt.Tx, o *overlay) error {
	for b, n := range o.sequence {
		if bucket := tx.Bucket([]byte(tableNames[b])); n > bucket.Sequence() {
			if err := bucket.SetSequence(n); err != nil {
				return fmt.Errorf("count %s: %w", tableNames[b], err)
			}
		}
	}
	return tx.Bucket([]byte(tableNames[meta])).Put([]byte("generation"), seqKey(o.generation+1))
}

// finish leaves all in the file, so that no log need be replayed. When that
// fails, the log has it.
func (db *DB) finish() {
	own := &db.own
	if db.endCheckpoint() != nil || !own.log.broken && own.log.sync(db.committed.Load()) != nil {
		_ = own.log.file.Close()
		return
	}
	_ = own.log.file.Close()
	last := db.state.Load().overlays[0]
	last.generation, last.sequence = own.log.generation, own.sequence
	if db.save(last) == nil {
		_ = os.Remove(own.log.path)
		_ = os.Remove(filepath.Join(db.dir, spareName))
	}
}
