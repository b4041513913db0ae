package embedded

import (
	"encoding/binary"
	"maps"
	"slices"
	"time"

	"github.com/jobhook/jobhook/shared/webhook"
)

// codec writes and reads records: webhook.Layout, then fields in a fixed order.
// Numbers are varints, texts have their length before them. It costs about a
// tenth of JSON, and the write path runs some fifty thousand times a second.
//
// A record's fields are named once, in record, for writing and for reading.
// Reading works on a string, so that a record is copied once and all its
// texts share that copy. After the first error it yields zero values and bad is
// set; it never panics, whatever it is fed.
type codec struct {
	out     []byte // what has been written
	in      string // what is left to read
	reading bool
	bad     bool
	layout  byte
	epoch   uint64 // of this opening of the file
}

// encode writes a record; size is about what it takes.
func encode(epoch uint64, size int, record any) []byte {
	c := codec{out: append(make([]byte, 0, size), webhook.Layout), epoch: epoch}
	c.fields(record)
	return c.out
}

func decode[T any](epoch uint64, raw []byte) (*T, error) {
	c, v := openRecord(raw, epoch), new(T)
	c.fields(v)
	if err := c.end(); err != nil {
		return nil, err
	}
	return v, nil
}

// openRecord copies a record out of the file and checks its layout.
func openRecord(raw []byte, epoch uint64) *codec {
	c := &codec{reading: true, epoch: epoch}
	if len(raw) > 0 {
		c.layout, c.in = raw[0], string(raw[1:])
	}
	if c.layout != webhook.Layout {
		c.fail()
	}
	return c
}

// end is for when all was read that should be there.
func (c *codec) end() error {
	if !c.bad && c.in == "" {
		return nil
	}
	if err := webhook.CheckLayout(int(c.layout)); err != nil {
		return err
	}
	return errRecord
}

func (c *codec) fail() { c.in, c.bad = "", true }

func (c *codec) take(n uint64) string {
	if n > uint64(len(c.in)) {
		c.fail()
		return ""
	}
	s := c.in[:n]
	c.in = c.in[n:]
	return s
}

// fields writes or reads what the pointers point to.
func (c *codec) fields(pointers ...any) {
	for _, p := range pointers {
		if text, ok := p.(*string); ok && !c.reading { // as most are
			c.out = append(binary.AppendUvarint(c.out, uint64(len(*text))), *text...)
			continue
		}
		switch p := p.(type) {
		case *string:
			var n uint64
			c.uint(&n)
			*p = c.take(n)
		case *[]byte:
			n, isNil := c.size(len(*p), *p == nil)
			switch {
			case !c.reading:
				c.out = append(c.out, *p...)
			case !isNil:
				*p = []byte(c.take(uint64(n)))
			}
		case *time.Time:
			c.time(p)
		case *bool:
			c.bool(p)
		case *int:
			signed(c, p)
		case *time.Duration:
			signed(c, p)
		case *[]string:
			list(c, p)
		case *map[string]string:
			c.texts(p)
		default:
			c.record(p)
		}
	}
}

func (c *codec) uint(v *uint64) {
	if !c.reading {
		c.out = binary.AppendUvarint(c.out, *v)
		return
	}
	*v = 0
	for shift := 0; shift < 64 && shift/7 < len(c.in); shift += 7 {
		b := c.in[shift/7]
		*v |= uint64(b&0x7f) << shift
		if b < 0x80 {
			c.in = c.in[shift/7+1:]
			return
		}
	}
	*v = 0
	c.fail()
}

func signed[T ~int | ~int64](c *codec, v *T) {
	n := uint64(*v<<1) ^ uint64(*v>>63)
	if c.uint(&n); c.reading {
		*v = T(n>>1) ^ -T(n&1)
	}
}

func (c *codec) bool(v *bool) {
	switch {
	case c.reading:
		*v = c.take(1) == "\x01"
	case *v:
		c.out = append(c.out, 1)
	default:
		c.out = append(c.out, 0)
	}
}

// time keeps the instant to the nanosecond, whatever the year; the zone is lost.
func (c *codec) time(v *time.Time) {
	there, sec, nsec := !v.IsZero(), v.Unix(), uint64(v.Nanosecond())
	switch c.bool(&there); {
	case !there && c.reading:
		*v = time.Time{}
	case !there:
	case !c.reading:
		c.out = binary.AppendUvarint(binary.AppendVarint(c.out, sec), nsec)
	default:
		signed(c, &sec)
		c.uint(&nsec)
		if *v = time.Unix(sec, int64(nsec)).UTC(); nsec >= uint64(time.Second) {
			c.fail()
		}
	}
}

// size is a length that may also be "none at all": nil is not empty. Each
// element takes at least a byte, which bounds what a damaged length can make us
// allocate.
func (c *codec) size(n int, isNil bool) (int, bool) {
	v := uint64(n) + 1
	if isNil {
		v = 0
	}
	if c.uint(&v); c.reading && v > uint64(len(c.in))+1 {
		c.fail()
		v = 0
	}
	return max(int(v)-1, 0), v == 0
}

// list writes or reads as many items as its length says. An item may be larger
// in memory than in the file: the length bounds nothing before the items are read.
func list[T any](c *codec, v *[]T) {
	n, isNil := c.size(len(*v), *v == nil)
	switch {
	case !c.reading:
	case isNil:
		*v = nil
	default:
		*v = make([]T, 0, min(n, 64))
	}
	for i := 0; i < n && !c.bad; i++ {
		if c.reading {
			*v = append(*v, *new(T))
		}
		c.fields(&(*v)[i])
	}
}

// texts is a map as a list of its names, in order, each with its value.
func (c *codec) texts(v *map[string]string) {
	n, isNil := c.size(len(*v), *v == nil)
	names := slices.Sorted(maps.Keys(*v))
	if c.reading && !isNil {
		*v = make(map[string]string, min(n, 16))
	}
	for i := 0; i < n && !c.bad; i++ {
		var name, value string
		if !c.reading {
			name, value = names[i], (*v)[names[i]]
		}
		if c.fields(&name, &value); c.reading {
			(*v)[name] = value
		}
	}
}
