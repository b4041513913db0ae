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
	// ErrClosed answers every call after Close.
	ErrClosed = errors.New("the data file is closed")
	// ErrTooLarge says that a message's body is over MaxBody.
	ErrTooLarge = errors.New("message body is too large")
)

// errRecord says that a record cannot be read: damaged, or written by another
// version.
var errRecord = errors.New("record cannot be read")

func recordError(kind string) error {
	return fmt.Errorf("%s: %w (damaged, or written by another version of jobhook)", kind, errRecord)
}
