package embedded

import (
	"bytes"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/jobhook/jobhook/shared/webhook"
)

// crashed copies a directory as a crash would leave it now, and opens the copy.
func crashed(t *testing.T, dir string) (*DB, error) {
	t.Helper()
	return Open(Config{Dir: copied(t, dir)})
}

func copied(t *testing.T, dir string) string {
	t.Helper()
	to := t.TempDir()
	must(t, os.CopyFS(to, os.DirFS(dir)))
	return to
}

// has requires these events, and no others of the numbers up to the last.
func has(t *testing.T, db *DB, want ...int) {
	t.Helper()
	for n := range want[len(want)-1] + 1 {
		have, _ := lookUp(t, db, event(n, time.Time{}))
		if wanted := slices.Contains(want, n); (have != nil) != wanted {
			t.Errorf("event %d is there: %v, want %v", n, have != nil, wanted)
		}
	}
}

// TestTornWrite: whatever a crash leaves of the last frame, all before it is there.
func TestTornWrite(t *testing.T) {
	dir := t.TempDir()
	db := openDB(t, dir, time.Now)
	insert(t, db, event(0, time.Time{}))
	insert(t, db, event(1, time.Time{}))
	path := logPath(dir, 1)
	before, err := os.ReadFile(path)
	must(t, err)
	insert(t, db, event(2, time.Time{}))
	after, err := os.ReadFile(path)
	must(t, err)
	for name, rest := range map[string]func(cut int) []byte{
		"cut off": func(int) []byte { return nil },
		"zeros":   func(cut int) []byte { return make([]byte, len(after)-cut) },
		"garbage": func(cut int) []byte { return bytes.Repeat([]byte{0xa5}, len(after)-cut+100) },
	} {
		for cut := len(before); cut < len(after); cut++ {
			torn := append(bytes.Clone(after[:cut]), rest(cut)...)
			if slices.Equal(torn, after) { // it ends in such a byte
				continue
			}
			seen := 0
			one := savedLog{first: 1, seed: db.own.log.seed, frames: torn[logHeader:]}
			next, err := one.replay(1, ^uint64(0), func(uint64, []byte) error { seen++; return nil })
			if err != nil || next != 3 || seen != 2 {
				t.Fatalf("%s from byte %d: commit %d is next after %d, %v", name, cut, next, seen, err)
			}
		}
		to := copied(t, dir)
		cut := (len(before) + len(after)) / 2
		must(t, os.WriteFile(logPath(to, 1), append(bytes.Clone(after[:cut]), rest(cut)...), 0o600))
		again := openDB(t, to, time.Now)
		has(t, again, 0, 1)
		insert(t, again, event(2, time.Time{}))
		has(t, again, 0, 1, 2)
	}
}

// TestDamagedLog: a frame that was on disk and cannot be read is damage; one
// that was never synced may be missing although a later one is there.
func TestDamagedLog(t *testing.T) {
	for name, one := range map[string]struct {
		sync    bool // the second commit, before the third
		damaged int
		next    uint64 // when it is no damage
	}{
		"the first of three":  {true, 1, 0},
		"a synced one":        {true, 2, 0},
		"one that was not":    {false, 2, 2},
		"the last":            {true, 3, 3},
		"none":                {true, 4, 4},
		"before one that was": {false, 1, 0},
	} {
		t.Run(name, func(t *testing.T) {
			dir, o := t.TempDir(), newOverlay()
			l, err := createLog(systemDisk(), dir, 7, 1, 1)
			must(t, err)
			ends := []int{logHeader}
			for commit := range uint64(3) {
				c := o.put(notes, []byte{byte(commit) + 1}, bytes.Repeat([]byte("x"), 50), commit+1)
				l.append(commit+1, []change{c}, &[tables]uint64{})
				if frames := l.take(); commit == 0 || one.sync {
					must(t, l.sync(frames, commit+1))
				} else if _, err := l.file.Write(frames); err != nil {
					t.Fatal(err)
				}
				info, err := os.Stat(l.path)
				must(t, err)
				ends = append(ends, int(info.Size()))
			}
			raw, err := os.ReadFile(l.path)
			must(t, errors.Join(err, l.file.Close()))
			if one.damaged < len(ends) {
				raw[ends[one.damaged]-1]++
			}
			must(t, os.WriteFile(l.path, raw, 0o600))
			saved, err := readLog(l.path, 7, 1)
			must(t, err)
			next, err := saved.replay(1, ^uint64(0), func(uint64, []byte) error { return nil })
			if one.next == 0 && !errors.Is(err, ErrFormat) || one.next != 0 && (err != nil || next != one.next) {
				t.Errorf("commit %d is next, %v", next, err)
			}
		})
	}
}

// TestCrashDuringCheckpoint: the log goes once the file has what it holds, and
// may be replayed over it.
func TestCrashDuringCheckpoint(t *testing.T) {
	dir := t.TempDir()
	var copies []string
	d := systemDisk()
	d.spare = func(path, spare string) error {
		if strings.HasSuffix(path, "-1.log") && len(copies) == 0 {
			copies = append(copies, copied(t, dir))
		}
		return os.Rename(path, spare)
	}
	var all []int
	var reused string // as it is when the spare file has the third generation's name
	open3 := d.open
	d.open = func(path string) (logWriter, error) {
		if strings.HasSuffix(path, "-3.log") {
			reused = copied(t, dir)
		}
		return open3(path)
	}
	db, err := open(Config{Dir: dir}, d, 16<<10)
	must(t, err)
	for n := 0; reused == ""; n++ {
		insert(t, db, event(n, time.Time{}))
		all = append(all, n)
	}
	has(t, openDB(t, reused, time.Now), all[:len(all)-1]...)
	held, err := db.file.Begin(true) // no checkpoint gets further now
	must(t, err)
	for n := len(all); len(generations(t, dir)) < 2; n++ {
		insert(t, db, event(n, time.Time{}))
		all = append(all, n)
	}
	for what, damage := range map[string]func(dir string, older uint64){
		"missing": func(dir string, older uint64) { must(t, os.Remove(logPath(dir, older))) },
		"cut":     func(dir string, older uint64) { must(t, os.Truncate(logPath(dir, older), 500)) },
		"":        func(string, uint64) {},
	} {
		to := copied(t, dir)
		damage(to, generations(t, dir)[0])
		again, err := Open(Config{Dir: to})
		if what != "" {
			if !errors.Is(err, ErrFormat) {
				t.Errorf("the older log is %s: %v", what, err)
			}
			continue
		}
		must(t, err)
		has(t, again, all...)
		must(t, again.Close())
		has(t, openDB(t, to, time.Now), all...)
	}
	must(t, errors.Join(held.Rollback(), db.Close()))
	if left := generations(t, dir); len(left) > 0 {
		t.Errorf("closed, the log has generations %v", left)
	}
	has(t, openDB(t, dir, time.Now), all...)
	if len(copies) != 1 {
		t.Fatalf("%d copies", len(copies))
	}
	has(t, openDB(t, copies[0], time.Now), 0, 1)
	if _, err := os.Stat(logPath(copies[0], 1)); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("the log that is not needed is still there: %v", err)
	}
}

func generations(t *testing.T, dir string) []uint64 {
	t.Helper()
	all, err := logs(dir)
	must(t, err)
	return all
}

func TestLogOfAnotherFile(t *testing.T) {
	dir, other := t.TempDir(), t.TempDir()
	db := openDB(t, dir, time.Now)
	insert(t, db, event(0, time.Time{}))
	openDB(t, other, time.Now)
	to := copied(t, dir)
	raw, err := os.ReadFile(logPath(other, 1))
	must(t, err)
	must(t, os.WriteFile(logPath(to, 1), append(raw, "and more"...), 0o600))
	if _, err := Open(Config{Dir: to}); !errors.Is(err, ErrFormat) {
		t.Errorf("another file's: %v", err)
	}
	to = copied(t, dir)
	must(t, os.Remove(filepath.Join(to, fileName)))
	if _, err := Open(Config{Dir: to}); !errors.Is(err, ErrFormat) {
		t.Errorf("without its file: %v", err)
	}
	if raw, err := os.ReadFile(logPath(to, 1)); err != nil || len(raw) <= logHeader {
		t.Errorf("the log has %d bytes left, %v", len(raw), err)
	}
}

// fullDisk fails, once told to, as the table of TestFullDisk says.
type fullDisk struct {
	full         bool
	fail         func(f *os.File, p []byte) (int, error)
	noSync, none bool
}

var errFull = errors.New("no space left")

func (d *fullDisk) disk() disk {
	return disk{spare: os.Rename, open: func(path string) (logWriter, error) {
		if d.full && d.none {
			return nil, errFull
		}
		f, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE, 0o600)
		return fullFile{f, d}, err
	}}
}

type fullFile struct {
	*os.File
	disk *fullDisk
}

func (f fullFile) Write(p []byte) (int, error) {
	if f.disk.full && f.disk.fail != nil {
		return f.disk.fail(f.File, p)
	}
	return f.File.Write(p)
}

func (f fullFile) Sync() error {
	if f.disk.full && f.disk.noSync {
		return errFull
	}
	return f.File.Sync()
}

// TestFullDisk: whoever waits for the disk gets the error, and so do all after
// them; what was answered stays, and the message of what was left open is
// received only when it has landed.
func TestFullDisk(t *testing.T) {
	half := func(f *os.File, p []byte) (int, error) {
		n, _ := f.Write(p[:len(p)/2])
		return n, errFull
	}
	for name, d := range map[string]*fullDisk{
		"no write":    {fail: func(*os.File, []byte) (int, error) { return 0, errFull }},
		"half writes": {fail: half},
		"no sync":     {noSync: true},
		"no file":     {fail: half, none: true},
	} {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			db, err := open(Config{Dir: dir}, d.disk(), maxOverlay)
			must(t, err)
			q := newQueue(t, db, "q", QueueConfig{})
			insert(t, db, event(0, time.Time{}))
			d.full = true
			for range 3 {
				err := q.Accept(t.Context(), event(1, time.Time{}), webhook.Message{})
				if !errors.Is(err, errFull) || q.Len() != 0 {
					t.Errorf("accept: %v, want %v; %d messages", err, errFull, q.Len())
				}
				if err := q.Delete(t.Context(), place{}.id()); !errors.Is(err, errFull) {
					t.Errorf("a delete, that need not wait for the disk: %v", err)
				}
			}
			again, err := crashed(t, dir)
			must(t, err)
			has(t, again, 0)
			must(t, again.Close())
			d.full = false
			insert(t, db, event(2, time.Time{}))
			has(t, db, 0, 1, 2) // the event that was left open has landed, and its message
			if n := len(receive(t, q, 10)); n != 1 {
				t.Errorf("received %d messages, want 1", n)
			}
			again, err = crashed(t, dir)
			must(t, err)
			has(t, again, 0, 1, 2)
			must(t, again.Close())
			must(t, db.Close())
			has(t, openDB(t, dir, time.Now), 0, 1, 2)
		})
	}
}
