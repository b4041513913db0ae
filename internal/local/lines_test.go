package local_test

import (
	"bytes"
	"context"
	"errors"
	"log/slog"
	"strings"
	"testing"
	"time"
	"unicode"

	"github.com/jobhook/jobhook/internal/local"
)

var noon = time.Date(2026, time.November, 20, 12, 0, 0, 0, time.UTC)

func line(level slog.Level, message string, attrs ...any) string {
	var out bytes.Buffer
	r := slog.NewRecord(noon, level, message, 0)
	r.Add(attrs...)
	_ = local.NewLines(&out, slog.LevelInfo, func() time.Time { return noon }).Handle(context.Background(), r)
	return out.String()
}

func TestLines(t *testing.T) {
	attempt := []any{"delivery_id", "msg_1.ep_1", "event_type", "translate.success", "host", "example.com"}
	for _, c := range []struct {
		name    string
		level   slog.Level
		message string
		attrs   []any
		want    string
	}{
		{
			"delivered", 0, "delivery.attempted", append(attempt, "status", "delivered", "attempt", 1, "status_code", 204, "duration_ms", int64(12)),
			"12:00:00  delivered  translate.success to example.com  attempt 1: 204 in 12 ms  msg_1.ep_1",
		},
		{
			"retrying", 0, "delivery.attempted", append(attempt, "status", "retrying", "attempt", 2, "status_code", 503, "duration_ms", 12, "reason", "http_status", "next_attempt_at", noon.Add(5*time.Minute)),
			"12:00:00  retrying   translate.success to example.com  attempt 2: 503 in 12 ms, again in 5m0s  msg_1.ep_1",
		},
		{
			"no answer", 0, "delivery.attempted", append(attempt, "status", "failed", "attempt", 4, "status_code", 0, "duration_ms", 10000, "reason", "timeout"),
			"12:00:00  failed     translate.success to example.com  attempt 4: timeout in 10000 ms  msg_1.ep_1",
		},
		{
			"overdue", 0, "delivery.attempted", append(attempt, "status", "retrying", "attempt", 1, "status_code", 0, "duration_ms", 1, "reason", "refused", "next_attempt_at", noon.Add(-time.Hour)),
			"12:00:00  retrying   translate.success to example.com  attempt 1: refused in 1 ms, again in 0s  msg_1.ep_1",
		},
		{
			"held", 0, "delivery.held", append(attempt, "status", "held", "reason", "endpoint_disabled"),
			"12:00:00  held       translate.success to example.com  endpoint_disabled  msg_1.ep_1",
		},
		{
			"canceled", 0, "delivery.canceled", append(attempt, "status", "canceled"),
			"12:00:00  canceled   translate.success to example.com  msg_1.ep_1",
		},
		{
			"postponed", 0, "delivery.postponed", append(attempt, "status", "pending", "reason", "secret_unreadable", "next_attempt_at", noon.Add(time.Minute)),
			"12:00:00  pending    translate.success to example.com  secret_unreadable, again in 1m0s  msg_1.ep_1",
		},
		{
			"unwanted", 0, "event.unwanted",
			[]any{"event_type", "a.b", "account", "acme", "message_id", "msg_1"},
			"12:00:00  unwanted   a.b: no endpoint of account acme wants it  msg_1",
		},
		{
			"rejected", 4, "completion.rejected",
			[]any{"reason", "id: is missing"},
			"12:00:00  rejected   a completion: id: is missing  (see /v1/rejected)",
		},
		{
			"gone", 4, "endpoint.disabled",
			[]any{"endpoint_id", "ep_1"},
			"12:00:00  disabled   endpoint ep_1 answered 410 Gone",
		},
		{
			"another event", 4, "event.unmatched",
			[]any{"detail_type", "Order\tPaid", "want", "Job Completed"},
			`12:00:00  ignored    an event whose DetailType is "Order\\tPaid": only "Job Completed" is taken`,
		},
		{
			"given up", 8, "message.given_up",
			[]any{"queue", "retries", "queue_message_id", "1", "receives", 5},
			"12:00:00  given up   a message of the queue retries, after 5 tries; the next start tries it again",
		},
		{
			"resumed", 4, "letters.redriven",
			[]any{"queue", "retries", "messages", 2},
			"12:00:00  resumed    2 messages of the queue retries, given up before",
		},
		{
			"fault", 8, "function.failed",
			[]any{"queue", "retries", "error", errors.New("disk\nfull")},
			`12:00:00  error      function.failed queue=retries error=disk\nfull`,
		},
		{"warning", 4, "retry.expired", nil, "12:00:00  warning    retry.expired"},
		{"info", 0, "message.returned", []any{"receives", "2"}, "12:00:00  info       message.returned receives=2"},
		{"nothing known", 0, "delivery.attempted", nil, "12:00:00              to   attempt :  in  ms  "},
		{"wrong kinds", 0, "delivery.attempted", []any{"status", 1, "status_code", "x", "next_attempt_at", "soon"}, "12:00:00  1           to   attempt : x in  ms  "},
	} {
		t.Run(c.name, func(t *testing.T) { equal(t, "line", line(c.level, c.message, c.attrs...), c.want+"\n") })
	}
}

func TestNothingOfStrangersSteersTheTerminal(t *testing.T) {
	for name, text := range map[string]string{
		"escape": "\x1b[2J\x1b]0;owned\a", "line": "a\r\nb", "C1": "\u009b2J", "delete": "a\x7fb", "bidi": "a\u202ecod.exe",
		"separator": "a\u2028b", "invalid": "a\xff\xfe", "NUL": "\x00", "long": strings.Repeat("x", 1<<20),
	} {
		t.Run(name, func(t *testing.T) {
			for _, out := range []string{
				line(8, text), line(0, "delivery.attempted", "event_type", text, "host", text, "status", text, "reason", text),
				line(4, "completion.rejected", "reason", text), line(4, "event.unmatched", "detail_type", text), line(0, "x", text, text),
			} {
				body, ended := strings.CutSuffix(out, "\n")
				if !ended || strings.ContainsFunc(body, func(r rune) bool { return !unicode.IsPrint(r) }) || len(body) > 3000 {
					t.Errorf("%d bytes: %.200q", len(out), out)
				}
			}
		})
	}
}

func FuzzPrintable(f *testing.F) {
	f.Add("\x1b[2J")
	f.Add("übermäßig ✓ 日本")
	f.Fuzz(func(t *testing.T, text string) {
		shown := local.Printable(text)
		if strings.ContainsFunc(shown, func(r rune) bool { return !unicode.IsPrint(r) }) {
			t.Errorf("%q becomes %q", text, shown)
		}
		if again := local.Printable(shown); again != shown && len([]rune(shown)) <= 300 {
			t.Errorf("%q becomes %q", shown, again)
		}
	})
}

func TestQuietLines(t *testing.T) {
	l := local.NewLines(&bytes.Buffer{}, slog.LevelWarn, time.Now)
	equal(t, "info", l.Enabled(context.Background(), slog.LevelInfo), false)
	equal(t, "warn", l.Enabled(context.Background(), slog.LevelWarn), true)
}
