package canonjson

import "slices"

// MaxDepth is how deep arrays and objects may be nested.
const MaxDepth = 1000

// Append appends to dst the JSON text src, rewritten so that Node's
// JSON.stringify(JSON.parse(text)) gives back the same bytes wherever that
// changes no value:
//
//   - no white space between tokens;
//   - strings escaped as JSON.stringify does, a lone surrogate as \udxxx;
//   - a number in JavaScript's form when that has the same decimal value
//     (-0, which JavaScript writes as 0, becomes 0), else as it came;
//   - an object's keys that are array indices ("0" to "4294967294") first, in
//     ascending order, as JavaScript enumerates them; the others in their order.
//
// Repeated keys are all kept, each among its equals in the order it came; such
// an object is not stable in JavaScript. Append changes nothing in its own
// output. It takes time in proportion to the text, and once more the size of
// each object whose keys must move. dst and src must not overlap; on an error
// dst comes back as it was given.
//
// The error is an *Error: not JSON by RFC 8259, not UTF-8, or too deep.
func Append(dst, src []byte) ([]byte, error) {
	w := newWriter(dst, src)
	w.space()
	err := w.value(0)
	if err == nil {
		err = w.end()
	}
	if err != nil {
		return dst, err
	}
	return w.dst, nil
}

type writer struct {
	src, dst []byte
	pos      int      // in src
	members  []member // of all objects that are open, innermost last
	spare    []byte
}

func newWriter(dst, src []byte) *writer {
	return &writer{src: src, dst: slices.Grow(dst, len(src)), members: make([]member, 0, 24)}
}

// end is nothing but white space.
func (w *writer) end() error {
	if w.space() < len(w.src) {
		return w.syntax(w.pos, "the end of the text")
	}
	return nil
}

// space skips white space and returns where it ends.
func (w *writer) space() int {
	for w.pos < len(w.src) && w.src[w.pos] <= ' ' {
		switch w.src[w.pos] {
		case ' ', '\t', '\n', '\r':
			w.pos++
		default:
			return w.pos
		}
	}
	return w.pos
}

// peek returns the next byte, 0 at the end: no token begins with 0.
func (w *writer) peek() byte {
	if w.pos < len(w.src) {
		return w.src[w.pos]
	}
	return 0
}

func (w *writer) value(depth int) error {
	switch c := w.peek(); c {
	case '{':
		return w.object(depth + 1)
	case '[':
		return w.array(depth + 1)
	case '"':
		return w.text()
	case 't':
		return w.literal("true")
	case 'f':
		return w.literal("false")
	case 'n':
		return w.literal("null")
	default:
		if c == '-' || '0' <= c && c <= '9' {
			return w.number()
		}
		return w.syntax(w.pos, "a value")
	}
}

func (w *writer) literal(word string) error {
	if len(w.src)-w.pos < len(word) || string(w.src[w.pos:w.pos+len(word)]) != word {
		return w.syntax(w.pos, "a value")
	}
	w.pos += len(word)
	w.dst = append(w.dst, word...)
	return nil
}

// open reads a bracket and reports whether its match follows at once.
func (w *writer) open(depth int, closing byte) (empty bool, err error) {
	if depth > MaxDepth {
		return false, &Error{ErrDepth, w.pos, ""}
	}
	w.dst = append(w.dst, w.src[w.pos])
	w.pos++
	if w.space(); w.peek() != closing {
		return false, nil
	}
	w.pos++
	w.dst = append(w.dst, closing)
	return true, nil
}

// next reads the comma, or the closing bracket, after an element.
func (w *writer) next(closing byte) (done bool, err error) {
	w.space()
	c := w.peek()
	if c != ',' && c != closing {
		return false, w.syntax(w.pos, "a comma or the closing bracket")
	}
	w.pos++
	w.dst = append(w.dst, c)
	if c == ',' {
		w.space()
	}
	return c == closing, nil
}

func (w *writer) array(depth int) error {
	done, err := w.open(depth, ']')
	for !done && err == nil {
		if err = w.value(depth); err == nil {
			done, err = w.next(']')
		}
	}
	return err
}
