package embedded

import (
	"context"
	"fmt"
	"math"
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
func (db *DB) makeRoom(ctx context.Context) error {
	own := &db.own
	select {
	case <-own.turn:
	case <-ctx.Done():
		return ctx.Err()
	}
	defer func() { own.turn <- struct{}{} }()
	own.mu.Lock()
	done := own.closed || db.hasRoom() // another has made it
	own.mu.Unlock()
	if done {
		return nil
	}
	db.sync() // nobody writes from here on: all ops of the log are told of
	if err := db.endCheckpoint(); err != nil {
		return err
	}
	own.mu.Lock()
	doubt := own.doubt
	own.mu.Unlock()
	if doubt != nil {
		return db.heal()
	}
	generation := own.log.generation
	if err := db.replaceLog(); err != nil {
		return err
	}
	db.freeze(generation)
	own.checkpoint = make(chan error, 1)
	go func(done chan<- error) { done <- db.writeCheckpoint() }(own.checkpoint)
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

// heal ends a doubt: once the file has all that is in memory, nothing depends on
// how the log ends, and another one can be begun.
func (db *DB) heal() error {
	own := &db.own
	db.freeze(own.log.generation)
	db.state.Load().overlays[1].unlogged = true
	if err := db.writeCheckpoint(); err != nil {
		return err
	}
	if err := db.replaceLog(); err != nil {
		return err
	}
	db.informAll()
	own.mu.Lock()
	own.doubt = nil
	own.mu.Unlock()
	return nil
}

// replaceLog begins a new file of the log. What the file before it holds must be
// on disk by then, or in the data file.
func (db *DB) replaceLog() error {
	old := db.own.log
	log, err := createLog(db.disk, db.dir, db.id, old.generation+1, db.committed.Load()+1)
	if err != nil {
		return err
	}
	_ = old.file.Close()
	db.own.mu.Lock()
	db.own.log = log
	db.own.mu.Unlock()
	return nil
}

// freeze begins a new overlay. The one before it is in the log up to this generation.
func (db *DB) freeze(generation uint64) {
	frozen := db.state.Load().overlays[0]
	frozen.generation, frozen.sequence = generation, db.own.sequence
	db.state.Store(&state{overlays: [2]*overlay{newOverlay(), frozen}, saved: frozen.sequence[events]})
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
	db.state.Store(&state{overlays: [2]*overlay{now.overlays[0], nil}, saved: now.saved})
	// Should it not go away now, the next opening sees that it is not needed.
	_ = db.disk.spare(logPath(db.dir, frozen.generation), filepath.Join(db.dir, spareName))
	return nil
}

// releaseEvery is by how much the overlay grows between two releases of the
// file's pages: reading maps them, and they count as memory.
const releaseEvery = 1 << 20

// keepSmall releases the file's pages now and then. While a checkpoint is under
// way it does so itself: it may move the map.
func (db *DB) keepSmall(overlay int) {
	own := &db.own
	if overlay < own.released { // a new one
		own.released = 0
	} else if overlay-own.released >= releaseEvery && db.state.Load().overlays[1] == nil {
		own.released = overlay
		db.release()
	}
}

func (db *DB) release() {
	if info, err := os.Stat(db.path); err == nil {
		release(db.file, info.Size())
	}
}

// save writes an overlay into the file, table by table in the order of the
// keys. What was put and deleted since the last checkpoint costs it nothing.
func (db *DB) save(o *overlay) error {
	at := saving{next: o.lists[0].head.next[0].Load(), limit: checkpointPiece}
	if o.unlogged {
		at.limit = math.MaxInt
	}
	for at.table < tables {
		err := db.file.Update(func(tx *bbolt.Tx) error {
			if err := at.piece(tx, o); err != nil || at.table < tables {
				return err
			}
			return finishCheckpoint(tx, o)
		})
		if err != nil {
			return fmt.Errorf("checkpoint: %w", explain(err))
		}
		db.release()
	}
	return nil
}

// saving is how far a checkpoint has come: next is nil at a table's end.
type saving struct {
	table table
	next  *entry
	limit int // of a piece, in bytes
}

// piece writes what one transaction of a checkpoint may hold.
func (s *saving) piece(tx *bbolt.Tx, o *overlay) error {
	for size := 0; size < s.limit; {
		bucket := tx.Bucket([]byte(tableNames[s.table]))
		bucket.FillPercent = max(fill[s.table], bbolt.DefaultFillPercent)
		for ; s.next != nil && size < s.limit; s.next = s.next.next[0].Load() {
			value, err := s.next.save(bucket)
			if err != nil {
				return fmt.Errorf("write %s: %w", tableNames[s.table], err)
			}
			size += entrySize + len(s.next.key) + value
		}
		if s.next != nil {
			return nil
		}
		if s.table++; s.table == tables {
			return nil
		}
		s.next = o.lists[s.table].head.next[0].Load()
	}
	return nil
}

// save writes the newest version and says how large its value is.
func (e *entry) save(bucket *bbolt.Bucket) (size int, err error) {
	switch v := e.newest.Load(); {
	case v == nil:
		return 0, nil
	case v.value == nil:
		return 0, bucket.Delete(e.key) //nolint:wrapcheck // piece names the table
	default:
		return len(v.value), bucket.Put(e.key, v.value)
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
	if err := tx.Bucket([]byte(tableNames[meta])).Put([]byte("generation"), seqKey(o.generation+1)); err != nil {
		return fmt.Errorf("note the log's generation: %w", err)
	}
	return nil
}

// finish leaves all in the file, so that no log need be replayed. When that
// fails, the log has it.
func (db *DB) finish() {
	own := &db.own
	if db.endCheckpoint() != nil {
		_ = own.log.file.Close()
		return
	}
	_ = own.log.file.Close()
	last := db.state.Load().overlays[0]
	last.generation, last.sequence, last.unlogged = own.log.generation, own.sequence, own.doubt != nil
	if db.save(last) == nil {
		_ = os.Remove(own.log.path)
		_ = os.Remove(filepath.Join(db.dir, spareName))
	}
}
