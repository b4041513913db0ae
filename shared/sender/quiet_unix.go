//go:build unix

package sender

import (
	"errors"
	"syscall"
)

// quiet reports whether the socket of an idle connection is open and silent: an
// endpoint that has closed it, or has said something unasked, gets no request.
func (c *conn) quiet() bool {
	if c.socket == nil {
		return true
	}
	quiet := false
	err := c.socket.Control(func(fd uintptr) { // Control, as RawConn.Read obeys the last exchange's deadline
		_, err := syscall.Read(int(fd), make([]byte, 1)) // never waits: Go's sockets are non-blocking
		quiet = errors.Is(err, syscall.EAGAIN)
	})
	return err == nil && quiet
}
