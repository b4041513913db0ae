package canonjson

import (
	"cmp"
	"slices"
)

// member is where a member of an object lies in the output.
type member struct {
	start, end int
	index      uint64 // the array index that its key is, else named
}

// named comes after every array index.
const named = 1 << 32

func (w *writer) object(depth int) error {
	first := len(w.members)
	begin := len(w.dst) + 1
	done, err := w.open(depth, '}')
	if done || err != nil {
		return err
	}
	ordered, last := true, uint64(0)
	for !done {
		m := member{start: len(w.dst)}
		if m.index, err = w.key(); err != nil {
			return err
		}
		if err = w.value(depth); err != nil {
			return err
		}
		m.end = len(w.dst)
		w.members = append(w.members, m)
		ordered, last = ordered && m.index >= last, m.index
		if done, err = w.next('}'); err != nil {
			return err
		}
	}
	if !ordered {
		w.reorder(begin, w.members[first:])
	}
	w.members = w.members[:first]
	return nil
}

// key reads a key and its colon.
func (w *writer) key() (uint64, error) {
	if w.peek() != '"' {
		return 0, w.syntax(w.pos, "a key in quotes")
	}
	start := len(w.dst) + 1
	if err := w.text(); err != nil {
		return 0, err
	}
	index := arrayIndex(w.dst[start : len(w.dst)-1])
	if w.space(); w.peek() != ':' {
		return 0, w.syntax(w.pos, "a colon")
	}
	w.pos++
	w.dst = append(w.dst, ':')
	w.space()
	return index, nil
}

// reorder rewrites the members from begin on in JavaScript's order; those of one
// index stay in the order they came, as the others do.
func (w *writer) reorder(begin int, members []member) {
	slices.SortFunc(members, func(a, b member) int {
		return cmp.Or(cmp.Compare(a.index, b.index), cmp.Compare(a.start, b.start))
	})
	w.spare = w.spare[:0]
	for i, m := range members {
		if i > 0 {
			w.spare = append(w.spare, ',')
		}
		w.spare = append(w.spare, w.dst[m.start:m.end]...)
	}
	copy(w.dst[begin:], w.spare)
}

// IsIndex says whether a key is an array index ("0" to "4294967294"): those
// stand first in a canonical object.
func IsIndex(key []byte) bool { return arrayIndex(key) != named }

// arrayIndex returns the index that a key is, in the canonical decimal form of
// ECMA-262's array index (0 to 2³²-2), else named.
func arrayIndex(key []byte) uint64 {
	if len(key) == 0 || len(key) > 10 || key[0] == '0' && len(key) > 1 {
		return named
	}
	var n uint64
	for _, c := range key {
		if c < '0' || c > '9' {
			return named
		}
		n = n*10 + uint64(c-'0')
	}
	if n > 1<<32-2 {
		return named
	}
	return n
}
