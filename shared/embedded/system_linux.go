package embedded

import (
	"errors"
	"os"
	"syscall"

	"go.etcd.io/bbolt"
)

// release lets go of the mapped file's pages: they stay in the system's cache
// but count no longer as this process's memory, which would otherwise grow
// with the file up to its whole size. What is read again is mapped again.
//
// It may only be called between two checkpoints: they alone move the map.
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
		if err := syscall.Fdatasync(int(f.Fd())); !errors.Is(err, syscall.EINTR) {
			return os.NewSyscallError("fdatasync", err)
		}
	}
}
