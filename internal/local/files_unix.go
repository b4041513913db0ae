//go:build unix

package local

import "syscall"

// openFiles is how many files this process may have open: Go has raised the
// soft limit to the hard one when the process started.
func openFiles() int {
	var limit syscall.Rlimit
	if err := syscall.Getrlimit(syscall.RLIMIT_NOFILE, &limit); err != nil {
		return fewFiles
	}
	return int(min(uint64(limit.Cur), 1<<20)) //nolint:unconvert // it is signed on FreeBSD
}
