package canonjson_test

import (
	"bytes"
	"encoding/json"
	"io"
	"math/big"
	"regexp"
	"strconv"
	"strings"
	"testing"
)

// sameNumber compares two literals exactly, by another way than the package's:
// as fractions, or, where an exponent is beyond reason, as they are written.
func sameNumber(a, b string) bool {
	if a == b {
		return true
	}
	x, okA := fraction(a)
	y, okB := fraction(b)
	return okA && okB && x.Cmp(y) == 0
}

func fraction(literal string) (*big.Rat, bool) {
	mantissa, exponent, found := strings.Cut(strings.ToLower(literal), "e")
	if strings.Trim(mantissa, "-0.") == "" {
		return new(big.Rat), true
	}
	if e, err := strconv.Atoi(exponent); found && (err != nil || e > 5000 || e < -5000) {
		return nil, false
	}
	return new(big.Rat).SetString(literal)
}

func decode(t *testing.T, text []byte) any {
	t.Helper()
	d := json.NewDecoder(bytes.NewReader(text))
	d.UseNumber()
	var v any
	if err := d.Decode(&v); err != nil {
		t.Fatalf("%v: %.300q", err, text)
	}
	if _, err := d.Token(); err != io.EOF {
		t.Fatalf("more than one value: %.300q", text)
	}
	return v
}

// sameValue compares what encoding/json reads, numbers exactly.
func sameValue(a, b any) bool {
	switch a := a.(type) {
	case json.Number:
		n, ok := b.(json.Number)
		return ok && sameNumber(a.String(), n.String())
	case []any:
		l, ok := b.([]any)
		if !ok || len(l) != len(a) {
			return false
		}
		for i := range a {
			if !sameValue(a[i], l[i]) {
				return false
			}
		}
		return true
	case map[string]any:
		m, ok := b.(map[string]any)
		if !ok || len(m) != len(a) {
			return false
		}
		for k := range a {
			if v, there := m[k]; !there || !sameValue(a[k], v) {
				return false
			}
		}
		return true
	default:
		return a == b
	}
}

var token = regexp.MustCompile(`"(?:[^"\\]|\\.)*"|-?[0-9][^,\]}]*|null`)

// numbers splits a canonical text into its numbers and the rest. null counts
// as a number: JavaScript makes it of 1e400.
func numbers(text string) (rest string, all []string) {
	rest = token.ReplaceAllStringFunc(text, func(t string) string {
		if t[0] == '"' {
			return t
		}
		all = append(all, t)
		return "#"
	})
	return rest, all
}

// justified reports whether JavaScript's output differs from body only in
// numbers whose value JavaScript could not hold.
func justified(body, out string) bool {
	rest, ours := numbers(body)
	restJS, theirs := numbers(out)
	if rest != restJS || len(ours) != len(theirs) {
		return false
	}
	changed := false
	for i := range ours {
		if ours[i] == theirs[i] {
			continue
		}
		if changed = true; theirs[i] != "null" && sameNumber(ours[i], theirs[i]) {
			return false
		}
	}
	return changed
}
