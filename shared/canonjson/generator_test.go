package canonjson_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"math"
	"math/rand/v2"
	"strconv"
)

// generator writes random JSON texts with all that is awkward in them.
type generator struct {
	r        *rand.Rand
	out      bytes.Buffer
	repeated bool
}

func pick[T any](g *generator, from ...T) T { return from[g.r.IntN(len(from))] }

func (g *generator) space() { g.out.WriteString(pick(g, "", "", "", "", " ", "\n\t", "\r ")) }

func (g *generator) value(depth int) {
	g.space()
	switch n := g.r.IntN(10); {
	case depth < 6 && n < 3:
		g.object(depth)
	case depth < 6 && n < 5:
		g.array(depth)
	case n < 8:
		g.out.WriteString(g.number())
	case n < 9:
		g.text(g.word(), pick(g, "", "", "", `\ud83d`, `\uDE00`, `\ude00\ud83d`))
	default:
		g.out.WriteString(pick(g, "true", "false", "null"))
	}
	g.space()
}

func (g *generator) array(depth int) {
	g.out.WriteByte('[')
	g.space()
	for i := range g.r.IntN(5) {
		if i > 0 {
			g.out.WriteByte(',')
		}
		g.value(depth + 1)
	}
	g.out.WriteByte(']')
}

func (g *generator) object(depth int) {
	seen := map[string]bool{}
	g.out.WriteByte('{')
	g.space()
	for i := range g.r.IntN(7) {
		key := pick(g, g.word(), g.word(), strconv.Itoa(g.r.IntN(30)), strconv.FormatUint(uint64(g.r.Uint32()), 10),
			pick(g, "id", "status", "error", "message", "__proto__", "4294967294", "4294967295", "00", "-0", "1e1"))
		if seen[key] && g.r.IntN(8) > 0 {
			key = fmt.Sprintf("%s %d", key, i)
		}
		g.repeated = g.repeated || seen[key]
		seen[key] = true
		if i > 0 {
			g.out.WriteByte(',')
		}
		g.space()
		g.text(key, "")
		g.space()
		g.out.WriteByte(':')
		g.value(depth + 1)
	}
	g.out.WriteByte('}')
}

func (g *generator) word() string {
	word := ""
	for range g.r.IntN(6) {
		word += pick(g, "a", "Z", "0", " ", "\"", "\\", "/", "<", "&", "\x00", "\x1f", "\n", "\t", "\b", "\x7f", "é", "\u2028", "\ufeff", "漢", "🎉", "\U0010ffff", "\ufffd")
	}
	return word
}

// text writes a string with escapes where none is needed, and in all forms, and
// then end as it is.
func (g *generator) text(s, end string) {
	g.out.WriteByte('"')
	for _, r := range s {
		quoted, _ := json.Marshal(string(r))
		switch {
		case g.r.IntN(4) == 0 && r < 0x10000:
			fmt.Fprintf(&g.out, pick(g, `\u%04x`, `\u%04X`), r)
		case g.r.IntN(4) == 0 && r >= 0x10000:
			r -= 0x10000
			fmt.Fprintf(&g.out, `\u%04X\u%04x`, 0xd800+r>>10, 0xdc00+r&0x3ff)
		case r == '/':
			g.out.WriteString(pick(g, `/`, `\/`))
		case r == '"' || r == '\\' || r < ' ':
			g.out.Write(quoted[1 : len(quoted)-1])
		default:
			g.out.WriteRune(r)
		}
	}
	g.out.WriteString(end)
	g.out.WriteByte('"')
}

func (g *generator) number() string {
	x := math.Float64frombits(g.r.Uint64())
	if math.IsNaN(x) || math.IsInf(x, 0) {
		x = 1.5
	}
	y := math.Ldexp(g.r.Float64(), g.r.IntN(140)-70)
	switch g.r.IntN(10) {
	case 0:
		return strconv.Itoa(g.r.IntN(1000) - 500)
	case 1:
		return strconv.FormatInt(1<<53+g.r.Int64N(64)-32, 10)
	case 2:
		return strconv.FormatUint(g.r.Uint64(), 10)
	case 3:
		return strconv.FormatFloat(math.Float64frombits(g.r.Uint64()>>12), pick(g, byte('e'), 'g'), -1, 64) // subnormal
	case 4:
		return strconv.FormatFloat(x, pick(g, byte('e'), 'E', 'g'), pick(g, -1, -1, 3, 16, 17, 25), 64)
	case 5:
		return strconv.FormatFloat(y, pick(g, byte('e'), 'f', 'g'), pick(g, -1, -1, 14, 15, 16, 17), 64)
	case 6:
		return pick(g, "0", "-0", "0.0", "-0.00", "0e5", "1e400", "-1E+400", "1e-400", "0.1000000000000000055511", "1.0", "10.50", "1e0", "100e-2")
	case 7:
		return fmt.Sprintf("%d.%0*d", g.r.IntN(3), 1+g.r.IntN(12), g.r.IntN(10))
	case 8:
		return fmt.Sprintf("%de%s%d", 1+g.r.IntN(99999), pick(g, "", "+", "-"), g.r.IntN(30))
	default:
		return strconv.FormatFloat(float64(float32(y)), 'g', -1, 32)
	}
}
