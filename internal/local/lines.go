package local

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"
	"unicode"
	"unicode/utf8"
)

// Lines is a slog.Handler for people: one readable line for each delivery
// that moved, and for whatever else happened.
type Lines struct {
	w     io.Writer
	mu    *sync.Mutex
	level slog.Level
	now   func() time.Time
}

// NewLines writes to w what is at least of that level.
func NewLines(w io.Writer, level slog.Level, now func() time.Time) *Lines {
	return &Lines{w: w, mu: &sync.Mutex{}, level: level, now: now}
}

// Enabled says whether a record of this level is written.
func (l *Lines) Enabled(_ context.Context, level slog.Level) bool { return level >= l.level }

// WithAttrs leaves them out: a line shows what a person needs.
func (l *Lines) WithAttrs([]slog.Attr) slog.Handler { return l }

// WithGroup changes nothing, as WithAttrs.
func (l *Lines) WithGroup(string) slog.Handler { return l }

// Handle writes one line.
func (l *Lines) Handle(_ context.Context, r slog.Record) error {
	f := make(fields, 0, 16)
	r.Attrs(func(a slog.Attr) bool { f = append(f, a); return true })
	word, text := l.sentence(r, f)
	line := append(r.Time.AppendFormat(make([]byte, 0, 256), "15:04:05  "), word...)
	for range max(11-utf8.RuneCountInString(word), 1) {
		line = append(line, ' ')
	}
	line = append(append(line, text...), '\n')
	l.mu.Lock()
	defer l.mu.Unlock()
	_, err := l.w.Write(line)
	return err //nolint:wrapcheck // slog's own
}

// sentence is the line's first word, which says what became of something, and
// the rest of it.
func (l *Lines) sentence(r slog.Record, f fields) (word, text string) {
	switch {
	case strings.HasPrefix(r.Message, "delivery.") && (r.Message == "delivery.attempted" || f.text("status") != ""):
		came := f.text("reason")
		if r.Message == "delivery.attempted" {
			if code := f.text("status_code"); code != "" && code != "0" {
				came = code
			}
			came = "  attempt " + f.text("attempt") + ": " + came + " in " + f.text("duration_ms") + " ms"
		} else if came != "" {
			came = "  " + came
		}
		return f.text("status"), f.text("event_type") + " to " + f.text("host") + came + f.again(l.now()) + "  " + f.text("delivery_id")
	case r.Message == "completion.rejected":
		return "rejected", fmt.Sprintf("a completion: %s  (see /v1/rejected)", f.text("reason"))
	case r.Message == "endpoint.disabled":
		return "disabled", fmt.Sprintf("endpoint %s answered 410 Gone", f.text("endpoint_id"))
	case r.Message == "event.unwanted":
		return "unwanted", fmt.Sprintf("%s: no endpoint of account %s wants it  %s", f.text("event_type"), f.text("account"), f.text("message_id"))
	case r.Message == "event.unmatched":
		return "ignored", fmt.Sprintf("an event whose DetailType is %q: only %q is taken", f.text("detail_type"), f.text("want"))
	case r.Message == "message.given_up":
		return "given up", fmt.Sprintf("a message of the queue %s, after %s tries; the next start tries it again", f.text("queue"), f.text("receives"))
	case r.Message == "letters.redriven":
		return "resumed", fmt.Sprintf("%s messages of the queue %s, given up before", f.text("messages"), f.text("queue"))
	}
	word = "info"
	if r.Level >= slog.LevelError {
		word = "error"
	} else if r.Level >= slog.LevelWarn {
		word = "warning"
	}
	text = Printable(r.Message)
	r.Attrs(func(a slog.Attr) bool {
		text += " " + Printable(a.Key) + "=" + f.text(a.Key)
		return true
	})
	return word, text
}

// fields are a record's. A name that is not there is empty.
type fields []slog.Attr

func (f fields) value(name string) (v slog.Value, ok bool) {
	for _, a := range slices.Backward(f) {
		if a.Key == name {
			return a.Value.Resolve(), true
		}
	}
	return v, false
}

func (f fields) text(name string) string {
	value, ok := f.value(name)
	if !ok {
		return ""
	}
	return Printable(value.String())
}

// again says when the next attempt follows; nothing when none does.
func (f fields) again(now time.Time) string {
	next, ok := f.value("next_attempt_at")
	if !ok || next.Kind() != slog.KindTime {
		return ""
	}
	return fmt.Sprintf(", again in %s", max(next.Time().Sub(now), 0).Round(100*time.Millisecond))
}

// maxShown bounds what one field takes on a line, in runes.
const maxShown = 300

// Printable makes a text fit for a terminal: strangers write event types,
// hosts and answers, and what is no printable character could move the cursor,
// turn the text around or break the line. It is shown as Go writes it, \x1b.
func Printable(text string) string {
	plain := len(text) <= maxShown
	for i := 0; i < len(text) && plain; i++ {
		plain = ' ' <= text[i] && text[i] <= '~'
	}
	if plain { // as nearly all are
		return text
	}
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
