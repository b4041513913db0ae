package canonjson

import (
	"encoding/binary"
	"encoding/hex"
	"unicode/utf16"
	"unicode/utf8"
)

// plain marks the bytes that stand for themselves in a JSON string.
var plain = func() (table [256]bool) {
	for c := 0x20; c < utf8.RuneSelf; c++ {
		table[c] = c != '"' && c != '\\'
	}
	return table
}()

// text reads a string and writes it as JSON.stringify would.
func (w *writer) text() error {
	from := w.pos // what is not yet copied, the opening quote included
	for i := w.pos + 1; i < len(w.src); {
		switch c := w.src[i]; {
		case plain[c]:
			i++
		case c == '"':
			w.dst = append(w.dst, w.src[from:i+1]...)
			w.pos = i + 1
			return nil
		case c == '\\':
			w.dst = append(w.dst, w.src[from:i]...)
			n, err := w.escape(i)
			if err != nil {
				return err
			}
			i += n
			from = i
		case c < 0x20:
			return w.syntax(i, "an escape in place of the control character")
		default:
			_, n := utf8.DecodeRune(w.src[i:])
			if n == 1 {
				return &Error{ErrUTF8, i, ""}
			}
			i += n
		}
	}
	return w.syntax(len(w.src), "the closing quote")
}

// escape writes the escape that begins at i and returns its length.
func (w *writer) escape(i int) (int, error) {
	if i+1 >= len(w.src) {
		return 0, w.syntax(len(w.src), "an escape")
	}
	switch c := w.src[i+1]; c {
	case '"', '\\', 'b', 'f', 'n', 'r', 't':
		w.dst = append(w.dst, '\\', c)
		return 2, nil
	case '/':
		w.dst = append(w.dst, '/')
		return 2, nil
	case 'u':
		return w.unicode(i)
	default:
		return 0, w.syntax(i+1, `one of " \ / b f n r t u`)
	}
}

// unicode writes \uxxxx, or a pair of them, as what they stand for.
func (w *writer) unicode(i int) (int, error) {
	r, ok := hex4(w.src, i+2)
	if !ok {
		return 0, w.syntax(i+2, "four hexadecimal digits")
	}
	if !utf16.IsSurrogate(r) {
		w.dst = appendRune(w.dst, r)
		return 6, nil
	}
	if i+7 < len(w.src) && w.src[i+6] == '\\' && w.src[i+7] == 'u' {
		low, ok := hex4(w.src, i+8)
		if pair := utf16.DecodeRune(r, low); ok && pair != utf8.RuneError {
			w.dst = utf8.AppendRune(w.dst, pair)
			return 12, nil
		}
	}
	w.dst = appendHex(w.dst, r)
	return 6, nil
}

func hex4(src []byte, i int) (rune, bool) {
	var unit [2]byte
	if i+4 > len(src) {
		return 0, false
	}
	_, err := hex.Decode(unit[:], src[i:i+4])
	return rune(binary.BigEndian.Uint16(unit[:])), err == nil
}

// short holds the letters of the escapes of two characters.
var short = [0x20]byte{'\b': 'b', '\t': 't', '\n': 'n', '\f': 'f', '\r': 'r'}

// appendRune appends a rune as it stands in a string of JSON.stringify.
func appendRune(dst []byte, r rune) []byte {
	switch {
	case r == '"' || r == '\\':
		return append(dst, '\\', byte(r))
	case r >= 0x20:
		return utf8.AppendRune(dst, r)
	case short[r] != 0:
		return append(dst, '\\', short[r])
	default:
		return appendHex(dst, r)
	}
}

func appendHex(dst []byte, r rune) []byte {
	const digits = "0123456789abcdef"
	return append(dst, '\\', 'u', digits[r>>12&15], digits[r>>8&15], digits[r>>4&15], digits[r&15])
}

// AppendString appends s, which must be valid UTF-8, as a canonical JSON string.
func AppendString[S string | []byte](dst []byte, s S) []byte {
	dst = append(dst, '"')
	from := 0
	for i := range len(s) {
		if c := s[i]; c < utf8.RuneSelf && !plain[c] {
			dst = appendRune(append(dst, s[from:i]...), rune(c))
			from = i + 1
		}
	}
	return append(append(dst, s[from:]...), '"')
}
