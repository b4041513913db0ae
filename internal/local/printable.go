package local

import (
	"strconv"
	"strings"
	"unicode"
)

// maxShown bounds what one field takes on a line, in runes.
const maxShown = 300

// Printable makes a text fit for a terminal: strangers write event types,
// hosts and answers, and what is no printable character could move the cursor,
// turn the text around or break the line. It is shown as Go writes it, \x1b.
func Printable(text string) string {
	var out strings.Builder
	shown := 0
	for _, r := range text {
		if shown++; shown > maxShown {
			out.WriteString("…")
			break
		}
		if unicode.IsPrint(r) {
			out.WriteRune(r)
			continue
		}
		quoted := strconv.QuoteRune(r)
		out.WriteString(quoted[1 : len(quoted)-1])
	}
	return out.String()
}
