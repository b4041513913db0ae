package embedded

import (
	"bytes"
	"errors"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"time"

	"go.etcd.io/bbolt"
)

func TestSecondOpener(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "data")
	db := openDB(t, dir, time.Now)
	insert(t, db, event(0, time.Time{})) // in the log
	_, err := Open(Config{Dir: dir})
	if !errors.Is(err, ErrInUse) || !strings.Contains(err.Error(), "another jobhook is running on "+dir) {
		t.Errorf("got %v, want ErrInUse that names the directory", err)
	}
	insert(t, db, event(1, time.Time{}))
	must(t, db.Close())
	has(t, openDB(t, dir, time.Now), 0, 1)
}

func TestOnlyItsOwnerReadsIt(t *testing.T) {
	if runtime.GOOS == "windows" {
		t.Skip("permissions are of another kind there")
	}
	dir := filepath.Join(t.TempDir(), "a", "b")
	openDB(t, dir, time.Now)
	for path, want := range map[string]os.FileMode{dir: 0o700, filepath.Join(dir, fileName): 0o600, logPath(dir, 1): 0o600} {
		info, err := os.Stat(path)
		must(t, err)
		if got := info.Mode().Perm(); got != want {
			t.Errorf("%s has mode %o, want %o", path, got, want)
		}
	}
}

func TestOpenRefuses(t *testing.T) {
	for name, damage := range map[string]func(t *testing.T, path string){
		"not a database": func(t *testing.T, path string) {
			must(t, os.WriteFile(path, []byte(strings.Repeat("hello\n", 4000)), 0o600))
		},
		"a few bytes": func(t *testing.T, path string) {
			must(t, os.WriteFile(path, []byte("hello"), 0o600))
		},
		"another program's": func(t *testing.T, path string) {
			must(t, os.Remove(path))
			edit(t, path, func(tx *bbolt.Tx) error {
				_, err := tx.CreateBucket([]byte("theirs"))
				return err
			})
		},
		"another format": func(t *testing.T, path string) {
			edit(t, path, func(tx *bbolt.Tx) error {
				return tx.Bucket([]byte("meta")).Put([]byte("format"), seqKey(format+1))
			})
		},
		"cut short": func(t *testing.T, path string) {
			must(t, os.Truncate(path, 8192))
		},
		"zeros within": func(t *testing.T, path string) {
			f, err := os.OpenFile(path, os.O_WRONLY, 0)
			must(t, err)
			_, err = f.WriteAt(make([]byte, 64<<10), 8192) // all but the two meta pages
			must(t, errors.Join(err, f.Close()))
		},
	} {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			path := filepath.Join(dir, fileName)
			db := openDB(t, dir, time.Now)
			for n := range 50 {
				insert(t, db, event(n, time.Time{}))
			}
			must(t, db.Close())
			damage(t, path)
			_, err := Open(Config{Dir: dir})
			if !errors.Is(err, ErrFormat) || !strings.Contains(err.Error(), path) {
				t.Fatalf("got %v, want ErrFormat that names the file", err)
			}
			must(t, os.Remove(path))
			openDB(t, dir, time.Now)
		})
	}
}

// TestOpenRefusesEarlierFormats: with a sentence that says what to do, and
// without a byte changed.
func TestOpenRefusesEarlierFormats(t *testing.T) {
	for name, one := range map[string]struct {
		format uint64
		tables []string
	}{
		"the first":  {1, []string{"meta", "ids", "events", "work", "log", "endpoints", "queues", "expiry"}},
		"the second": {2, tableNames[:]},
	} {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			path := filepath.Join(dir, fileName)
			edit(t, path, func(tx *bbolt.Tx) error {
				for _, name := range one.tables {
					if _, err := tx.CreateBucket([]byte(name)); err != nil {
						return err
					}
				}
				own := tx.Bucket([]byte("meta"))
				return errors.Join(own.Put([]byte("format"), seqKey(one.format)), own.Put([]byte("epoch"), seqKey(3)))
			})
			before, err := os.ReadFile(path)
			must(t, err)
			_, err = Open(Config{Dir: dir})
			want := path + " was written by an earlier jobhook that no release reads: move it away or choose another directory with --data"
			if !errors.Is(err, ErrEarlier) || err.Error() != want {
				t.Errorf("got  %v\nwant %s", err, want)
			}
			after, err := os.ReadFile(path)
			must(t, err)
			if files, _ := os.ReadDir(dir); !bytes.Equal(before, after) || len(files) != 1 {
				t.Errorf("the file is not as it was, or has company: %v", files)
			}
		})
	}
}

func edit(t *testing.T, path string, change func(*bbolt.Tx) error) {
	t.Helper()
	file, err := bbolt.Open(path, 0o600, nil)
	must(t, err)
	must(t, errors.Join(file.Update(change), file.Close()))
}

func TestOpenNamesWhatItCannotMake(t *testing.T) {
	path := filepath.Join(t.TempDir(), "file")
	must(t, os.WriteFile(path, nil, 0o600))
	if _, err := Open(Config{Dir: filepath.Join(path, "dir")}); err == nil || !strings.Contains(err.Error(), path) {
		t.Errorf("got %v, want an error that names %s", err, path)
	}
}
