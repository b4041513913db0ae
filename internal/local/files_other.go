//go:build !unix

package local

// openFiles: Windows has no limit on a process's sockets.
func openFiles() int { return 1 << 20 }
