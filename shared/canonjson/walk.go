package canonjson

import (
	"bytes"
	"iter"
)

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
