package sender

import (
	"io"
	"net/http"
	"strings"
	"unicode/utf8"
)

// read returns the kept part of the answer's body and drains a little more, so
// that the connection can be used again. net/http decompresses while it is read:
// the cap holds for what comes out. Faults are of no interest: the answer's
// status is the outcome.
func (s *Sender) read(res *http.Response) string {
	if res.Body == http.NoBody || res.StatusCode == http.StatusSwitchingProtocols {
		return "" // the body of a 101 is the connection itself and has no deadline
	}
	p, _ := s.buffers.Get().(*[]byte)
	defer s.buffers.Put(p)
	buf := *p
	if res.ContentLength > int64(len(buf)) {
		buf = buf[:s.keep] // draining would not reach the end
	}
	n, ended := fill(res.Body, buf)
	if n > s.keep {
		n, ended = s.keep, false
	}
	return text(buf[:n], ended, s.keep)
}

func fill(r io.Reader, buf []byte) (n int, ended bool) {
	for n < len(buf) {
		m, err := r.Read(buf[n:])
		n += m
		if err != nil {
			return n, err == io.EOF
		}
	}
	return n, false
}

// text makes valid UTF-8 of at most limit bytes. Unless b is the whole body, a
// character that the cap cut in two is dropped rather than replaced.
func text(b []byte, whole bool, limit int) string {
	if !whole {
		b = trimPartial(b)
	}
	if utf8.Valid(b) {
		return string(b)
	}
	s := strings.ToValidUTF8(string(b), "\uFFFD")
	if len(s) <= limit {
		return s
	}
	return string(trimPartial([]byte(s[:limit])))
}

// trimPartial drops the beginning of a character at the end of b.
func trimPartial(b []byte) []byte {
	for i := 1; i <= min(utf8.UTFMax-1, len(b)); i++ {
		if c := b[len(b)-i]; utf8.RuneStart(c) {
			if !utf8.FullRune(b[len(b)-i:]) {
				return b[:len(b)-i]
			}
			return b
		}
	}
	return b
}
