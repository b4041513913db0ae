package sender

import (
	"compress/gzip"
	"io"
	"net/http"
	"strings"
	"unicode/utf8"
)

// read returns the kept part of the answer's body and drains a little more, so
// that the connection can be used again: ended says whether it can. The cap holds
// for what comes out of gzip. Whatever fails is of no interest: the answer's status
// is the outcome.
func (s *Sender) read(res *http.Response, unzip bool) (kept string, ended bool) {
	if res.Body == http.NoBody {
		return "", true
	}
	body, length := io.Reader(res.Body), res.ContentLength
	if unzip && strings.EqualFold(res.Header.Get("Content-Encoding"), "gzip") {
		z, err := gzip.NewReader(body)
		if err != nil {
			return "", false
		}
		body, length = z, -1
	}
	p, _ := s.buffers.Get().(*[]byte)
	defer s.buffers.Put(p)
	buf := *p
	if length > int64(len(buf)) {
		buf = buf[:s.keep] // draining would not reach the end
	}
	n, ended := fill(body, buf)
	return text(buf[:min(n, s.keep)], ended && n <= s.keep, s.keep), ended
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
