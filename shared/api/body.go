package api

import (
	"bytes"
	"errors"
	"fmt"
	"mime"
	"net/http"
	"strings"
	"sync"
)

// maxEndpointBody bounds the body of a POST or PATCH of an endpoint: 100 event
// types and 20 headers at their longest take less.
const maxEndpointBody = 64 << 10

// maxKept bounds a buffer that is kept for the next request.
const maxKept = 64 << 10

var buffers = sync.Pool{New: func() any { return new(bytes.Buffer) }}

// withBody reads the request's body and passes it on; do must not keep it.
func (c *call) withBody(limit int64, do func(body []byte) error) error {
	if err := c.checkContent(); err != nil {
		return err
	}
	if c.r.ContentLength > limit {
		c.w.Header().Set("Connection", "close") // its rest is not worth reading
		return tooLarge(limit)
	}
	buf, _ := buffers.Get().(*bytes.Buffer)
	defer func() {
		if buf.Cap() <= maxKept {
			buf.Reset()
			buffers.Put(buf)
		}
	}()
	if _, err := buf.ReadFrom(http.MaxBytesReader(c.w, c.r.Body, limit)); err != nil {
		if errors.As(err, new(*http.MaxBytesError)) {
			return tooLarge(limit)
		}
		return badRequest("the body broke off before its end")
	}
	return do(buf.Bytes())
}

func tooLarge(limit int64) *problem {
	return &problem{
		Status: http.StatusRequestEntityTooLarge,
		Detail: fmt.Sprintf("the body is too large; at most %d bytes are read", limit),
	}
}

// checkContent wants JSON and says so: a web page can send another type, or
// none, to a foreign server without asking, JSON it cannot.
func (c *call) checkContent() error {
	if enc := c.r.Header.Get("Content-Encoding"); enc != "" && !strings.EqualFold(enc, "identity") {
		return c.unsupported("Content-Encoding: send the body as it is, without compression")
	}
	given := c.r.Header.Get("Content-Type")
	if given == "application/json" {
		return nil
	}
	kind, params, err := mime.ParseMediaType(given)
	switch {
	case err != nil || kind != "application/json" && !strings.HasSuffix(kind, "+json"):
		return c.unsupported("Content-Type: send the body as JSON, with Content-Type: application/json")
	case params["charset"] != "" && !strings.EqualFold(params["charset"], "utf-8"):
		return c.unsupported("Content-Type: JSON is always in UTF-8; leave out the charset")
	}
	return nil
}

func (c *call) unsupported(detail string) *problem {
	c.w.Header().Set("Accept", "application/json") // RFC 9110, section 15.5.16
	return &problem{Status: http.StatusUnsupportedMediaType, Detail: detail}
}
