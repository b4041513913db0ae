package embedded

import (
	"errors"
	"fmt"
)

var (
	// ErrInUse says that another process holds the directory. The error that
	// wraps it names the directory.
	ErrInUse = errors.New("another jobhook is running")
	// ErrFormat says that the file is damaged, or no file of this version of
	// jobhook. The error that wraps it names the file.
	ErrFormat = errors.New("not a data file that this jobhook can read")
	// ErrEarlier ends the sentence that begins with the name of a file of the
	// first format.
	ErrEarlier = errors.New("was written by an earlier jobhook that no release reads: move it away or choose another directory with --data")
	// ErrClosed answers every call after Close.
	ErrClosed = errors.New("the data file is closed")
	// ErrTooLarge says that a message's body is over MaxBody.
	ErrTooLarge = errors.New("message body is too large")
)

// recordError says that a record cannot be read.
func recordError(kind string) error {
	return fmt.Errorf("%s: record cannot be read (damaged, or written by another version of jobhook)", kind)
}
