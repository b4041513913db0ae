package embedded

import (
	"syscall"

	"go.etcd.io/bbolt"
)

// release lets go of the mapped file's pages: they stay in the system's cache
// but count no longer as this process's memory, which would otherwise grow
// with the file up to its whole size. What is read again is mapped again.
//
// Only the writer may call it, between transactions: it alone moves the map.
func release(file *bbolt.DB, size int64) {
	if data := file.Info().Data; data != 0 {
		// Advice may be refused; nothing depends on it.
		_, _, _ = syscall.Syscall(syscall.SYS_MADVISE, data, uintptr(size), syscall.MADV_DONTNEED)
	}
}
