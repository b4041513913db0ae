package embedded

import (
	"encoding/binary"
	"fmt"
	"time"

	"github.com/jobhook/jobhook/shared/webhook"
)

// Records are written by hand: webhook.Layout, then fields in a fixed order.
// Numbers are varints, texts have their length before them. It costs about a
// tenth of JSON, and the write path runs some fifty thousand times a second.

type encoder []byte

func newRecord(size int) encoder {
	return append(make(encoder, 0, size), webhook.Layout)
}

func (e encoder) uint(v uint64) encoder { return binary.AppendUvarint(e, v) }
func (e encoder) int(v int64) encoder   { return binary.AppendVarint(e, v) }
func (e encoder) text(s string) encoder { return append(e.uint(uint64(len(s))), s...) }

func (e encoder) bool(v bool) encoder {
	if v {
		return append(e, 1)
	}
	return append(e, 0)
}

// size writes a length that may also be "none at all": nil is not empty.
func (e encoder) size(n int, isNil bool) encoder {
	if isNil {
		return e.uint(0)
	}
	return e.uint(uint64(n) + 1)
}

func (e encoder) bytes(b []byte) encoder { return append(e.size(len(b), b == nil), b...) }

func (e encoder) texts(list []string) encoder {
	e = e.size(len(list), list == nil)
	for _, s := range list {
		e = e.text(s)
	}
	return e
}

// time keeps the instant to the nanosecond, whatever the year; the zone is lost.
func (e encoder) time(t time.Time) encoder {
	if t.IsZero() {
		return append(e, 0)
	}
	return append(e, 1).int(t.Unix()).uint(uint64(t.Nanosecond()))
}

// decoder reads what encoder wrote. It works on a string so that a record is
// copied once and all its texts share that copy. After the first error it
// yields zero values and bad is set; it never panics, whatever it is fed.
type decoder struct {
	rest   string
	layout byte
	bad    bool
}

// openRecord copies a record out of the file and checks its layout.
func openRecord(raw []byte) *decoder {
	d := &decoder{rest: string(raw)}
	if d.layout = d.byte(); d.layout != webhook.Layout {
		d.fail()
	}
	return d
}

func (d *decoder) fail() { d.rest, d.bad = "", true }

func (d *decoder) take(n uint64) string {
	if n > uint64(len(d.rest)) {
		d.fail()
		return ""
	}
	s := d.rest[:n]
	d.rest = d.rest[n:]
	return s
}

func (d *decoder) byte() byte {
	s := d.take(1)
	if s == "" {
		return 0
	}
	return s[0]
}

func (d *decoder) bool() bool { return d.byte() == 1 }

func (d *decoder) uint() uint64 {
	var v uint64
	for shift := 0; shift < 64; shift += 7 {
		b := d.byte()
		v |= uint64(b&0x7f) << shift
		if b < 0x80 {
			return v
		}
	}
	d.fail()
	return 0
}

func (d *decoder) int() int64 {
	v := d.uint()
	return int64(v>>1) ^ -int64(v&1)
}

func (d *decoder) text() string { return d.take(d.uint()) }

// size reads a list's length; each element takes at least a byte, which bounds
// what a damaged length can make us allocate.
func (d *decoder) size() (n int, isNil bool) {
	v := d.uint()
	if v == 0 {
		return 0, true
	}
	if v-1 > uint64(len(d.rest)) {
		d.fail()
		return 0, true
	}
	return int(v - 1), false
}

func (d *decoder) bytes() []byte {
	n, isNil := d.size()
	if isNil {
		return nil
	}
	return []byte(d.take(uint64(n)))
}

func (d *decoder) texts() []string { return decodeList(d, d.text) }

func (d *decoder) time() time.Time {
	if d.byte() == 0 {
		return time.Time{}
	}
	sec, nsec := d.int(), d.uint()
	if nsec >= uint64(time.Second) {
		d.fail()
		return time.Time{}
	}
	return time.Unix(sec, int64(nsec)).UTC()
}

// err is for when all was read that should be there.
func (d *decoder) err(kind string) error {
	if !d.bad && d.rest == "" {
		return nil
	}
	if err := webhook.CheckLayout(int(d.layout)); err != nil {
		return fmt.Errorf("%s: %w", kind, err)
	}
	return recordError(kind)
}

// decodeList reads as many items as its length says. An item may be larger in memory
// than in the file: the length bounds nothing before the items are read.
func decodeList[T any](d *decoder, item func() T) []T {
	n, isNil := d.size()
	if isNil {
		return nil
	}
	all := make([]T, 0, min(n, 64))
	for range n {
		if d.bad {
			return nil
		}
		all = append(all, item())
	}
	return all
}
