package canonjson

import (
	"bytes"
	"strconv"
)

// number reads a number by the grammar of RFC 8259.
func (w *writer) number() error {
	start := w.pos
	if w.src[w.pos] == '-' {
		w.pos++
	}
	if w.peek() == '0' {
		w.pos++
	} else if !w.digits() {
		return w.syntax(w.pos, "a digit")
	}
	point, exponent := -1, -1
	if w.peek() == '.' {
		point = w.pos - start
		if w.pos++; !w.digits() {
			return w.syntax(w.pos, "a digit")
		}
	}
	if c := w.peek(); c == 'e' || c == 'E' {
		exponent = w.pos - start
		if w.pos++; w.peek() == '+' || w.peek() == '-' {
			w.pos++
		}
		if !w.digits() {
			return w.syntax(w.pos, "a digit")
		}
	}
	w.dst = appendNumber(w.dst, w.src[start:w.pos], point, exponent)
	return nil
}

func (w *writer) digits() bool {
	start := w.pos
	for c := w.peek(); '0' <= c && c <= '9'; c = w.peek() {
		w.pos++
	}
	return w.pos > start
}

// exactDigits is how many decimal digits a double of ordinary size keeps: a
// number of no more digits comes back from JavaScript with its value.
const exactDigits = 15

// maxDigits is how many digits JavaScript prints at most.
const maxDigits = 17

// appendNumber appends a literal in JavaScript's form where that has the same
// value, else as it came. point and exponent are where '.' and 'e' stand, or -1.
func appendNumber(dst, literal []byte, point, exponent int) []byte {
	if simple(literal, point, exponent) || exponent < 0 && shortest(literal) {
		return append(dst, literal...)
	}
	d := parseDecimal(literal, point, exponent)
	switch {
	case d.count == 0:
		return append(dst, '0') // JavaScript writes -0 as 0
	case !d.survives():
		return append(dst, literal...)
	case d.negative:
		return appendJS(append(dst, '-'), d.digits[:d.count], d.point)
	default:
		return appendJS(dst, d.digits[:d.count], d.point)
	}
}

// simple reports, quickly, that a literal is in JavaScript's form already.
func simple(literal []byte, point, exponent int) bool {
	switch {
	case exponent >= 0 || len(literal) > exactDigits:
		return false
	case point < 0:
		return literal[0] != '-' || literal[1] != '0'
	default: // JavaScript begins to write exponents below 0.000001
		return literal[len(literal)-1] != '0' && !bytes.Contains(literal, []byte("0.000000"))
	}
}

// shortest reports whether a literal without exponent is, byte for byte, what
// JavaScript prints: the usual case of 16 and 17 digits, told without taking
// the literal apart.
func shortest(literal []byte) bool {
	var buf [32]byte
	if len(literal) > len(buf)-8 {
		return false
	}
	f, err := strconv.ParseFloat(string(literal), 64)
	if a := max(f, -f); err != nil || a < 1e-6 || a >= 1e21 {
		return false
	}
	return string(strconv.AppendFloat(buf[:0], f, 'f', -1, 64)) == string(literal)
}

// decimal is the value 0.d₁d₂d₃… × 10^point, without zeros at either end.
type decimal struct {
	negative bool
	digits   [maxDigits]byte
	count    int // of significant digits; where above maxDigits, digits has the first
	point    int
}

// exponentBound is far beyond any double and keeps sums from overflowing.
const exponentBound = 1 << 40

func parseDecimal(literal []byte, point, exponent int) decimal {
	d := decimal{negative: literal[0] == '-'}
	mantissa := literal
	if exponent >= 0 {
		mantissa = literal[:exponent]
		d.point = parseExponent(literal[exponent+1:])
	}
	zeros := 0 // since the last digit that is not 0
	for i, c := range mantissa {
		switch {
		case c == '-' || c == '.':
			continue
		case c != '0':
			d.take(zeros, c)
			zeros = 0
		case d.count > 0:
			zeros++
		}
		if d.count == 0 && point >= 0 && i > point {
			d.point-- // a zero between the point and the first digit
		} else if d.count > 0 && (point < 0 || i < point) {
			d.point++
		}
	}
	return d
}

// take adds zeros and a digit that is not 0.
func (d *decimal) take(zeros int, c byte) {
	for ; zeros > 0; zeros-- {
		if d.count < maxDigits {
			d.digits[d.count] = '0'
		}
		d.count++
	}
	if d.count < maxDigits {
		d.digits[d.count] = c
	}
	d.count++
}

func parseExponent(text []byte) int {
	negative := text[0] == '-'
	if negative || text[0] == '+' {
		text = text[1:]
	}
	n := 0
	for _, c := range text {
		n = min(n*10+int(c-'0'), exponentBound)
	}
	if negative {
		return -n
	}
	return n
}

// survives reports whether the shortest decimal of the nearest double, which
// is what JavaScript prints, has the same value as d.
func (d *decimal) survives() bool {
	if d.count > maxDigits || d.point > 309 || d.point < -323 {
		return false
	}
	if d.count <= exactDigits && d.point > -300 && d.point < 300 {
		return true
	}
	// Not the literal: ParseFloat misreads exponents of more than five digits.
	var buf [32]byte
	text := append(append(buf[:0], d.digits[:d.count]...), 'e')
	f, err := strconv.ParseFloat(string(strconv.AppendInt(text, int64(d.point-d.count), 10)), 64)
	if err != nil || f == 0 {
		return false
	}
	digits, exponent, _ := bytes.Cut(strconv.AppendFloat(buf[:0], f, 'e', -1, 64), []byte("e")) // d.ddd and ±xx
	if len(digits) > 1 {
		digits = append(digits[:1], digits[2:]...)
	}
	return parseExponent(exponent)+1 == d.point && string(digits) == string(d.digits[:d.count])
}

// appendJS appends 0.digits × 10^point as ECMA-262's Number::toString does.
func appendJS(dst, digits []byte, point int) []byte {
	k := len(digits)
	switch {
	case k <= point && point <= 21:
		return appendZeros(append(dst, digits...), point-k)
	case 0 < point && point <= 21:
		return append(append(append(dst, digits[:point]...), '.'), digits[point:]...)
	case -6 < point && point <= 0:
		return append(appendZeros(append(dst, '0', '.'), -point), digits...)
	}
	dst = append(dst, digits[0])
	if k > 1 {
		dst = append(append(dst, '.'), digits[1:]...)
	}
	dst = append(dst, 'e')
	if point > 0 {
		dst = append(dst, '+')
	}
	return strconv.AppendInt(dst, int64(point-1), 10)
}

func appendZeros(dst []byte, n int) []byte {
	for range n {
		dst = append(dst, '0')
	}
	return dst
}
