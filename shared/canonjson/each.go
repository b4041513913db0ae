package canonjson

import (
	"bytes"
	"encoding/json"
	"iter"
)

// Member is one member of an object.
type Member struct {
	Name  string // exactly as given, its escapes resolved
	Raw   []byte // its value as it came: a part of the text
	Value []byte // its value in canonical form; nil of an object that Each enters
	Inner bool   // a member of the object that Each enters
}

// Each reads an object in one pass and calls f for each of its members in their
// order, repeated ones included. A member named enter ("" for none) that is an
// object is read the same way: its own members come before it, marked Inner.
// Values may be kept: they share one buffer, which is not src. Each value may be
// nested to MaxDepth.
//
// f may have been called when a later part turns out to be invalid. The error
// is an *Error, of kind ErrObject when src is valid JSON of another kind.
func Each(src []byte, enter string, f func(Member)) error {
	w := newWriter(nil, src)
	start := w.space()
	object := w.peek() == '{'
	var err error
	if object {
		err = w.each(enter, false, f)
	} else {
		err = w.value(0)
	}
	if err == nil {
		err = w.end()
	}
	if err == nil && !object {
		err = &Error{ErrObject, start, ""}
	}
	return err
}

// each reads the object that begins here.
func (w *writer) each(enter string, inner bool, f func(Member)) error {
	done, err := w.open(1, '}')
	for !done && err == nil {
		name := len(w.dst)
		if _, err = w.key(); err != nil {
			return err
		}
		m := Member{Name: Unquote(w.dst[name : len(w.dst)-1]), Inner: inner}
		from, start := len(w.dst), w.pos
		if enter != "" && m.Name == enter && w.peek() == '{' {
			err = w.each("", true, f)
		} else if err = w.value(0); err == nil {
			m.Value = w.dst[from:len(w.dst):len(w.dst)] // stays valid when dst moves
		}
		if err != nil {
			return err
		}
		m.Raw = w.src[start:w.pos:w.pos]
		f(m)
		done, err = w.next('}')
	}
	return err
}

// Unquote returns the text of a string in canonical form. Half a surrogate pair,
// which is no text, becomes U+FFFD.
func Unquote(value []byte) string {
	if inner := value[1 : len(value)-1]; bytes.IndexByte(inner, '\\') < 0 {
		return string(inner)
	}
	var s string
	_ = json.Unmarshal(value, &s) // a canonical string always is a string
	return s
}

// Kind names the kind of a valid JSON value that begins without white space:
// object, array, string, bool, null or number.
func Kind(value []byte) string {
	switch value[0] {
	case '{':
		return "object"
	case '[':
		return "array"
	case '"':
		return "string"
	case 't', 'f':
		return "bool"
	case 'n':
		return "null"
	}
	return "number"
}

// Walk yields the members of an object in canonical form: each name as it is
// written, without its quotes, and its value. There a name is written in one
// way only, so that bytes can be compared; and nothing stands between the
// parts, so that a member is len(name)+len(value)+4 bytes with its quotes, colon
// and comma. Of any other text Walk does not panic, and what it yields means
// nothing.
func Walk(object []byte) iter.Seq2[[]byte, []byte] {
	return func(yield func(name, value []byte) bool) {
		for i := 1; i < len(object)-1; {
			colon := endOfString(object, i)
			value := min(colon+1, len(object))
			end := endOfValue(object, value)
			if !yield(object[i+1:max(colon-1, i+1)], object[value:end]) {
				return
			}
			i = end + 1
		}
	}
}

// endOfString returns the offset after the string that begins at i.
func endOfString(text []byte, i int) int {
	for i++; ; i++ {
		n := bytes.IndexByte(text[i:], '"')
		if n < 0 {
			return len(text)
		}
		run := text[i : i+n]
		i += n
		if backslashes := len(run) - len(bytes.TrimRight(run, `\`)); backslashes%2 == 0 {
			return i + 1
		}
	}
}

// endOfValue returns the offset of the comma or bracket after the value at i.
func endOfValue(text []byte, i int) int {
	for depth := 0; i < len(text); {
		switch text[i] {
		case '"':
			i = endOfString(text, i)
			continue
		case '{', '[':
			depth++
		case '}', ']':
			if depth--; depth < 0 {
				return i
			}
		case ',':
			if depth == 0 {
				return i
			}
		}
		i++
	}
	return len(text)
}
