package payload

import "bytes"

// object is the text of an object that is being written, without its end.
type object []byte

func (o object) comma() object {
	if o[len(o)-1] == '{' {
		return o
	}
	return append(o, ',')
}

func (o object) key(name string) object {
	return append(appendString(o.comma(), name), ':')
}

func (o object) text(name, value string) object {
	return appendString(o.key(name), value)
}

// value writes a member of canonical JSON, and nothing where there is none.
func (o object) value(name string, json []byte) object {
	if len(json) == 0 {
		return o
	}
	return append(o.key(name), json...)
}

// members writes the members in text, which may be none.
func (o object) members(text []byte) object {
	text = bytes.TrimSuffix(text, []byte(","))
	if len(text) == 0 {
		return o
	}
	return append(o.comma(), text...)
}

// found is what survey sees in an object's own members.
type found struct {
	named             int // offset of the first key that is no array index
	id, status, error bool
	message           []byte // the value of "message", the last if repeated
}

// survey walks once over an object in canonical JSON. There a key is written in
// one way only, so that bytes can be compared. Over any other text it does not
// panic, and what it finds means nothing.
func survey(text []byte) found {
	f := found{named: len(text) - 1}
	for i := 1; i < len(text)-1; {
		colon := endOfString(text, i)
		key := text[i+1 : colon-1]
		value := min(colon+1, len(text))
		end := endOfValue(text, value)
		if arrayIndex(key) == named {
			f.named = min(f.named, i)
		}
		switch string(key) {
		case "id":
			f.id = true
		case "status":
			f.status = true
		case "error":
			f.error = true
		case "message":
			f.message = text[value:end]
		}
		i = end + 1
	}
	return f
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
