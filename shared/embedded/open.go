package embedded

import (
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
	format = 2
	// lockWait is how long Open waits for another process to let go.
	lockWait = 100 * time.Millisecond
	// mapSize is address space, not memory: remapping a grown file would have
	// to wait for all readers.
	mapSize = 1 << 30
)

// Config says where the file lies and what time it is.
type Config struct {
	Dir string           // made if need be, for its owner alone
	Now func() time.Time // time.Now when nil
}

// DB is an open data file. It is safe for concurrent use.
type DB struct {
	file   *bbolt.DB
	path   string
	now    func() time.Time
	epoch  uint64   // counts the openings of this file
	queues sync.Map // of *Queue by name

	closing sync.RWMutex // held for writing to set closed
	closed  bool
	writes  chan []*write
	stopped chan struct{} // closed when the writer has ended

	// The writer's own.
	noted      expiryMark
	unreleased int           // bytes since the last release
	written    atomic.Uint64 // ops, refused ones included: tests count them
}

// Open opens the data file in cfg.Dir, making both if they are not there. It
// fails at once with ErrInUse when another process holds it, and with
// ErrFormat when it cannot be read.
func Open(cfg Config) (*DB, error) {
	if cfg.Now == nil {
		cfg.Now = time.Now
	}
	if err := os.MkdirAll(cfg.Dir, 0o700); err != nil {
		return nil, fmt.Errorf("make the data directory: %w", err)
	}
	db := &DB{
		path: filepath.Join(cfg.Dir, fileName), now: cfg.Now,
		writes: make(chan []*write, maxBatch), stopped: make(chan struct{}),
	}
	err := db.open()
	switch {
	case errors.Is(err, berrors.ErrTimeout):
		return nil, fmt.Errorf("%w on %s", ErrInUse, cfg.Dir)
	case errors.Is(err, ErrEarlier):
		return nil, fmt.Errorf("%s %w", db.path, err)
	case err != nil:
		return nil, fmt.Errorf("%s: %w", db.path, err)
	}
	go db.run()
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
	options := bbolt.Options{Timeout: lockWait, FreelistType: bbolt.FreelistMapType, NoStatistics: true, InitialMmapSize: mapSize}
	if runtime.GOOS == "windows" || ^uint(0)>>32 == 0 {
		options.InitialMmapSize = 0 // mapping would make the file itself as large
	}
	db.file, err = bbolt.Open(db.path, 0o600, &options)
	switch {
	case err == nil:
		if err = db.begin(); err != nil {
			_ = db.file.Close()
		}
		return err
	case errors.Is(err, berrors.ErrTimeout), errors.As(err, new(*fs.PathError)):
		return err
	}
	return fmt.Errorf("%w: %w", ErrFormat, err)
}

// begin makes the tables of a new file, checks the format of an old one, and
// starts a new epoch.
func (db *DB) begin() error {
	info, err := os.Stat(db.path)
	if err != nil {
		return fmt.Errorf("look at its size: %w", err)
	}
	err = db.file.Update(func(tx *bbolt.Tx) error {
		t := &txn{tx: tx}
		if info.Size() < tx.Size() { // reading its missing pages later would end the process
			return fmt.Errorf("%w: cut short, %d of %d bytes", ErrFormat, info.Size(), tx.Size())
		}
		if tx.Bucket([]byte(tableNames[meta])) == nil {
			if err := makeTables(t); err != nil {
				return err
			}
		}
		switch have := number(t.get(meta, []byte("format"))); {
		case have == 1:
			return ErrEarlier
		case have != format:
			return fmt.Errorf("%w: its format is %d, not %d", ErrFormat, have, format)
		}
		db.epoch = number(t.get(meta, []byte("epoch"))) + 1
		t.put(meta, []byte("epoch"), seqKey(db.epoch))
		return t.failure
	})
	if err != nil {
		return explain(err)
	}
	// The file's name becomes as durable as its content. Where a directory cannot
	// be synced (Windows), it need not be.
	dir, err := os.Open(filepath.Dir(db.path))
	if err == nil {
		err = errors.Join(dir.Sync(), dir.Close())
	}
	if err != nil && runtime.GOOS != "windows" {
		return fmt.Errorf("sync the data directory: %w", err)
	}
	return nil
}

// makeTables refuses a file that has content of another program's.
func makeTables(t *txn) error {
	if k, _ := t.tx.Cursor().First(); k != nil {
		return fmt.Errorf("%w: it is another program's", ErrFormat)
	}
	for _, name := range tableNames {
		if _, err := t.tx.CreateBucket([]byte(name)); err != nil {
			return fmt.Errorf("make table %s: %w", name, err)
		}
	}
	t.put(meta, []byte("format"), seqKey(format))
	return nil
}

// Close lets the writer finish what it was given, and closes the file. Every
// later call answers ErrClosed.
func (db *DB) Close() error {
	db.closing.Lock()
	if !db.closed {
		db.closed = true
		close(db.writes)
	}
	db.closing.Unlock()
	<-db.stopped
	if err := db.file.Close(); err != nil {
		return fmt.Errorf("close %s: %w", db.path, err)
	}
	return nil
}
