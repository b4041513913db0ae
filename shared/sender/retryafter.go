package sender

import (
	"net/http"
	"strings"
	"time"
)

// MaxRetryAfter is the longest Answer.RetryAfter; what asks for more is taken
// as asking for this. Who schedules has a tighter bound of its own.
const MaxRetryAfter = 365 * 24 * time.Hour

// parseRetryAfter reads RFC 9110, section 10.2.3: whole seconds, or an HTTP
// date, taken relative to now. What is neither, or is past, is 0.
func parseRetryAfter(v string, now time.Time) time.Duration {
	v = strings.TrimSpace(v)
	if v == "" {
		return 0
	}
	if strings.Trim(v, "0123456789") == "" {
		return seconds(v)
	}
	at, err := http.ParseTime(v)
	if err != nil {
		return 0
	}
	return min(max(at.Sub(now), 0), MaxRetryAfter) // Sub saturates
}

// seconds reads digits of any length.
func seconds(digits string) time.Duration {
	var d time.Duration
	for _, c := range []byte(digits) {
		d = d*10 + time.Duration(c-'0')*time.Second
		if d > MaxRetryAfter {
			return MaxRetryAfter
		}
	}
	return d
}
