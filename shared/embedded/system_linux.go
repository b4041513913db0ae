package embedded

import (
	"errors"
	"fmt"
	"os"
	"syscall"

	"go.etcd.io/bbolt"
)

// release lets go of the mapped file's pages: they stay in the system's cache
// but count no longer as this process's memory, which would otherwise grow
// with the file up to its whole size. What is read again is mapped again.
//
// It may not be called during a transaction of a checkpoint: that may move the map.
func release(file *bbolt.DB, size int64) {
	if data := file.Info().Data; data != 0 {
		// Advice may be refused; nothing depends on it.
		_, _, _ = syscall.Syscall(syscall.SYS_MADVISE, data, uintptr(size), syscall.MADV_DONTNEED)
	}
}

// dataFile syncs its content and size alone.
type dataFile struct{ *os.File }

// Sync is fdatasync.
func (f dataFile) Sync() error {
	for {
		switch err := syscall.Fdatasync(int(f.Fd())); {
		case err == nil:
			return nil
		case !errors.Is(err, syscall.EINTR):
			return fmt.Errorf("fdatasync %s: %w", f.Name(), err)
		}
	}
}
