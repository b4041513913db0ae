package embedded

import (
	"crypto/rand"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"runtime/debug"
	"sync"
	"sync/atomic"
	"time"

	"go.etcd.io/bbolt"
	berrors "go.etcd.io/bbolt/errors"
)

const (
	fileName = "jobhook.db"
	// format is the version of the file as a whole: its tables and their keys.
	format = 3
	// lockWait is how long Open waits for another process to let go.
	lockWait = 100 * time.Millisecond
)

// Config says where the file lies and what time it is.
type Config struct {
	Dir string           // made if need be, for its owner alone
	Now func() time.Time // time.Now when nil
}

// DB is an open data file with its log. It is safe for concurrent use.
type DB struct {
	file       *bbolt.DB
	dir, path  string
	disk       disk
	maxOverlay int
	now        func() time.Time
	id         uint64   // of this file: its log has it too
	epoch      uint64   // counts the openings of this file
	queues     sync.Map // of *Queue by name

	state     atomic.Pointer[state]
	committed atomic.Uint64 // the last commit that readers see
	own       writer
	closing   sync.Once
}

// Open opens the data file in cfg.Dir, making both if they are not there. It
// fails at once with ErrInUse when another process holds it, and with
// ErrFormat when it cannot be read.
func Open(cfg Config) (*DB, error) { return open(cfg, systemDisk(), maxOverlay) }

func open(cfg Config, d disk, maxOverlay int) (*DB, error) {
	if cfg.Now == nil {
		cfg.Now = time.Now
	}
	if err := os.MkdirAll(cfg.Dir, 0o700); err != nil {
		return nil, fmt.Errorf("make the data directory: %w", err)
	}
	db := &DB{
		dir: cfg.Dir, path: filepath.Join(cfg.Dir, fileName), disk: d, maxOverlay: maxOverlay, now: cfg.Now,
	}
	db.own.waiting, db.own.turn = newBatch(), make(chan struct{}, 1)
	db.own.turn <- struct{}{}
	err := db.open()
	switch {
	case errors.Is(err, berrors.ErrTimeout):
		return nil, fmt.Errorf("%w on %s", ErrInUse, cfg.Dir)
	case errors.Is(err, ErrEarlier):
		return nil, fmt.Errorf("%s %w", db.path, err)
	case err != nil:
		return nil, fmt.Errorf("%s: %w", db.path, err)
	}
	return db, nil
}

// open opens the file itself. bbolt believes what a damaged file says and may
// panic, or read beyond its end; both come back as ErrFormat here.
func (db *DB) open() (err error) {
	defer debug.SetPanicOnFault(debug.SetPanicOnFault(true))
	defer func() {
		if cause := recover(); cause != nil { // the file stays locked until this process ends
			err = fmt.Errorf("%w: damaged", ErrFormat)
		}
	}()
	options := bbolt.Options{Timeout: lockWait, FreelistType: bbolt.FreelistMapType, NoStatistics: true, InitialMmapSize: db.disk.mapSize}
	if runtime.GOOS == "windows" || ^uint(0)>>32 == 0 {
		options.InitialMmapSize = 0 // mapping would make the file itself as large
	}
	db.file, err = bbolt.Open(db.path, 0o600, &options)
	switch {
	case err == nil:
		if err = db.start(); err != nil {
			_ = db.file.Close()
		}
		return err
	case errors.Is(err, berrors.ErrTimeout), errors.As(err, new(*fs.PathError)):
		return err
	}
	return fmt.Errorf("%w: %w", ErrFormat, err)
}

// start makes the tables of a new file, checks the format of an old one, starts
// a new epoch and brings into the file what its log has.
func (db *DB) start() error {
	info, err := os.Stat(db.path)
	if err != nil {
		return fmt.Errorf("look at its size: %w", err)
	}
	saved, err := logs(db.dir)
	if err != nil {
		return err
	}
	var needed uint64 // the first generation of the log that it needs
	err = db.file.Update(func(tx *bbolt.Tx) error {
		if info.Size() < tx.Size() { // reading its missing pages later would end the process
			return fmt.Errorf("%w: cut short, %d of %d bytes", ErrFormat, info.Size(), tx.Size())
		}
		if tx.Bucket([]byte(tableNames[meta])) == nil {
			if len(saved) > 0 {
				return fmt.Errorf("%w: it is not the file whose log lies beside it", ErrFormat)
			}
			if err := makeTables(tx); err != nil {
				return err
			}
		}
		needed, err = db.readMeta(tx)
		return err
	})
	if err != nil {
		return explain(err)
	}
	return db.recover(saved, needed)
}

// readMeta checks the format, starts a new epoch and says which generation of the
// log is the first that the file needs.
func (db *DB) readMeta(tx *bbolt.Tx) (needed uint64, err error) {
	own := tx.Bucket([]byte(tableNames[meta]))
	have := func(name string) uint64 { return number(own.Get([]byte(name))) }
	switch have("format") {
	case 1, 2:
		return 0, ErrEarlier
	case format:
	default:
		return 0, fmt.Errorf("%w: its format is %d, not %d", ErrFormat, have("format"), format)
	}
	for b, name := range tableNames {
		bucket := tx.Bucket([]byte(name))
		if bucket == nil {
			return 0, fmt.Errorf("%w: its table %s is missing", ErrFormat, name)
		}
		db.own.sequence[b] = bucket.Sequence()
	}
	db.id, db.epoch, needed = have("id"), have("epoch")+1, have("generation")
	if err := own.Put([]byte("epoch"), seqKey(db.epoch)); err != nil {
		return 0, fmt.Errorf("begin an epoch: %w", err)
	}
	return needed, nil
}

// makeTables refuses a file that has content of another program's.
func makeTables(tx *bbolt.Tx) error {
	if k, _ := tx.Cursor().First(); k != nil {
		return fmt.Errorf("%w: it is another program's", ErrFormat)
	}
	for _, name := range tableNames {
		if _, err := tx.CreateBucket([]byte(name)); err != nil {
			return fmt.Errorf("make table %s: %w", name, err)
		}
	}
	var id [8]byte
	_, _ = rand.Read(id[:]) // never fails
	own := tx.Bucket([]byte(tableNames[meta]))
	return errors.Join(own.Put([]byte("format"), seqKey(format)), own.Put([]byte("id"), id[:]), own.Put([]byte("generation"), seqKey(1)))
}

// recover replays the log into the file, as one checkpoint, and begins a new one.
func (db *DB) recover(saved []uint64, needed uint64) error {
	o, commit, last := newOverlay(), uint64(0), needed-1
	var files []*savedLog
	for _, generation := range saved {
		if generation < needed { // its checkpoint was done
			continue
		}
		if generation != last+1 {
			return fmt.Errorf("%w: %s is missing", ErrFormat, filepath.Base(logPath(db.dir, last+1)))
		}
		one, err := readLog(logPath(db.dir, generation), db.id, generation)
		if err != nil {
			return err
		}
		last, files = generation, append(files, one)
	}
	for i, one := range files {
		end := ^uint64(0)
		switch {
		case one == nil && i == len(files)-1:
			continue
		case one == nil || i > 0 && len(one.frames) > 0 && one.first != commit+1:
			return fmt.Errorf("%w: its log is damaged", ErrFormat)
		case i < len(files)-1 && files[i+1] != nil:
			end = files[i+1].first
		}
		next, err := one.replay(one.first, end, func(commit uint64, raw []byte) error { return db.replayed(o, commit, raw) })
		if err != nil {
			return err
		}
		commit = next - 1
	}
	db.committed.Store(commit)
	o.generation, o.sequence = last, db.own.sequence
	if err := db.save(o); err != nil {
		return err
	}
	for _, generation := range saved {
		_ = os.Remove(logPath(db.dir, generation))
	}
	_ = os.Remove(filepath.Join(db.dir, spareName))
	db.state.Store(&state{overlays: [2]*overlay{newOverlay(), nil}, saved: db.own.sequence[events]})
	var err error
	db.own.log, err = createLog(db.disk, db.dir, db.id, last+1, commit+1)
	return err
}

// replayed puts a commit's changes into the overlay.
func (db *DB) replayed(o *overlay, commit uint64, raw []byte) error {
	err := eachChange(raw,
		func(b table, key, value []byte) { o.put(b, key, value, commit) },
		func(b table, n uint64) { db.own.sequence[b] = max(db.own.sequence[b], n) })
	if err != nil {
		return fmt.Errorf("%w: commit %d of its log cannot be read", ErrFormat, commit)
	}
	return nil
}

// syncDir makes the names in a directory as durable as what they name. Where a
// directory cannot be synced (Windows), it need not be.
func syncDir(path string) error {
	dir, err := os.Open(path)
	if err == nil {
		err = errors.Join(dir.Sync(), dir.Close())
	}
	if err != nil && runtime.GOOS != "windows" {
		return fmt.Errorf("sync the data directory: %w", err)
	}
	return nil
}

// Close answers all who wait for the disk, and closes the file. Every later
// call answers ErrClosed.
func (db *DB) Close() error {
	db.closing.Do(func() {
		own := &db.own
		own.mu.Lock()
		own.closed = true
		own.mu.Unlock()
		<-own.turn
		db.sync()
		db.finish()
		own.turn <- struct{}{}
	})
	if err := db.file.Close(); err != nil {
		return fmt.Errorf("close %s: %w", db.path, err)
	}
	return nil
}
