//go:build !unix

package sender

import (
	"errors"
	"os"
	"time"
)

// quiet reports whether the socket of an idle connection is open and silent. It
// cannot look without waiting here, so it waits a moment.
func (c *conn) quiet() bool {
	c.raw.SetReadDeadline(time.Now().Add(time.Millisecond))
	_, err := c.raw.Read(make([]byte, 1))
	return errors.Is(err, os.ErrDeadlineExceeded)
}
