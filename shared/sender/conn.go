package sender

import (
	"bufio"
	"errors"
	"fmt"
	"math"
	"net"
	"net/http"
	"os"
	"syscall"
	"time"
)

// past is a deadline that wakes whatever waits for a connection.
var past = time.Unix(1, 0)

var errHeaderTooLarge = errors.New("the answer's headers are too large")

// conn is a connection, for one exchange at a time.
type conn struct {
	raw    net.Conn        // from the dial
	top    net.Conn        // raw, or TLS over it
	socket syscall.RawConn // of raw; nil if it has none
	to     server
	used   int64 // wall clock at the end of the last exchange, Unix nanoseconds; 0 if there was none

	in       *bufio.Reader // over Read
	left     int           // how much Read may still return
	answered bool          // a byte of the answer has arrived
}

func newConn(raw, top net.Conn, to server) *conn {
	c := &conn{raw: raw, top: top, to: to}
	if s, ok := raw.(syscall.Conn); ok {
		c.socket, _ = s.SyscallConn()
	}
	c.in = bufio.NewReader(c)
	return c
}

// Read serves the bufio.Reader.
func (c *conn) Read(b []byte) (int, error) {
	if c.left <= 0 {
		return 0, errHeaderTooLarge
	}
	n, err := c.top.Read(b[:min(len(b), c.left)])
	c.left -= n
	c.answered = c.answered || n > 0
	return n, err //nolint:wrapcheck // io.EOF must stay what it is
}

// close leaves out TLS's close_notify: nobody waits for it, and writing it could
// block for five seconds.
func (c *conn) close() { c.raw.Close() }

// asked is what http.ReadResponse wants to know of the request: its method.
var asked = &http.Request{Method: http.MethodPost}

// answer reads the head of the final answer. The limit holds for all heads
// together, and so for the number of 1xx answers before it. The body is only to be
// read: closing it would first read it to its end, however long it is.
func (c *conn) answer() (*http.Response, error) {
	c.left, c.answered = maxHeaderBytes, false
	for {
		res, err := http.ReadResponse(c.in, asked)
		if err != nil {
			return nil, fmt.Errorf("read the answer: %w", err)
		}
		if res.StatusCode/100 != 1 || res.StatusCode == http.StatusSwitchingProtocols {
			c.left = math.MaxInt // what is read of the body is bounded elsewhere
			return res, nil
		}
	}
}

// write starts to write b while the answer is awaited, which may come before the
// endpoint has read everything. The returned function ends it, if need be, and
// reports whether all was written.
func (c *conn) write(b []byte) (end func() bool) {
	done := make(chan error, 1)
	go func() {
		_, err := c.top.Write(b)
		done <- err
	}()
	return func() bool {
		c.top.SetWriteDeadline(past)
		return <-done == nil
	}
}

// spent reports whether the endpoint has sent nothing after the answer just
// read: it would be taken for the answer to the next request. TLS may hold such
// bytes in its own buffer, which a read shows that does not wait. (The same read
// handles session tickets.)
func (c *conn) spent() bool {
	if c.in.Buffered() > 0 || c.top == c.raw {
		return c.in.Buffered() == 0
	}
	c.top.SetReadDeadline(past)
	_, err := c.top.Read(make([]byte, 1))
	return errors.Is(err, os.ErrDeadlineExceeded)
}
