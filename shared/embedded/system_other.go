//go:build !linux

package embedded

import (
	"os"

	"go.etcd.io/bbolt"
)

// release is for Linux, where a mapped file counts as memory of the process.
func release(*bbolt.DB, int64) {}

// dataFile is for Linux, where a file's content can be synced alone.
type dataFile struct{ *os.File }
