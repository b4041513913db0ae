package sender

import (
	"net/http"
	"strings"
	"testing"
	"time"
)

func TestParseRetryAfter(t *testing.T) {
	t.Parallel()
	now := time.Date(2026, 11, 20, 12, 0, 0, 0, time.FixedZone("", 3600))
	date := func(d time.Duration) string { return now.Add(d).UTC().Format(http.TimeFormat) }
	for _, c := range []struct {
		in   string
		want time.Duration
	}{
		{"", 0},
		{"0", 0},
		{"1", time.Second},
		{" 120 ", 2 * time.Minute},
		{"007", 7 * time.Second},
		{"31536000", MaxRetryAfter},
		{"31536001", MaxRetryAfter},
		{"9223372036854775807", MaxRetryAfter},
		{"18446744073709551616", MaxRetryAfter},
		{strings.Repeat("9", 5000), MaxRetryAfter},
		{"-1", 0},
		{"+1", 0},
		{"1.5", 0},
		{"1e3", 0},
		{"soon", 0},
		{"0x10", 0},
		{"1 2", 0},
		{"１", 0},
		{date(90 * time.Second), 90 * time.Second},
		{date(0), 0},
		{date(-time.Hour), 0},
		{date(2 * MaxRetryAfter), MaxRetryAfter},
		{"Fri, 31 Dec 9999 23:59:59 GMT", MaxRetryAfter},
		{"Mon, 01 Jan 0001 00:00:00 GMT", 0},
		{"Friday, 20-Nov-26 11:01:00 GMT", time.Minute},
		{"Fri Nov 20 11:01:00 2026", time.Minute},
		{"Fri, 32 Nov 2026 11:00:00 GMT", 0},
	} {
		if got := parseRetryAfter(c.in, now); got != c.want {
			t.Errorf("%.40q: %v, want %v", c.in, got, c.want)
		}
	}
}

func FuzzParseRetryAfter(f *testing.F) {
	f.Add("120")
	f.Add("Fri, 31 Dec 9999 23:59:59 GMT")
	now := time.Unix(1795176000, 0)
	f.Fuzz(func(t *testing.T, v string) {
		if d := parseRetryAfter(v, now); d < 0 || d > MaxRetryAfter {
			t.Errorf("%q: %v", v, d)
		}
	})
}

func TestRetryAfterDateIsRelativeToNow(t *testing.T) {
	t.Parallel()
	now := time.Date(2026, 11, 20, 12, 0, 0, 0, time.UTC)
	srv := serve(t, func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Retry-After", "Fri, 20 Nov 2026 12:01:00 GMT")
		w.WriteHeader(503)
	})
	s := local(t, Config{now: func() time.Time { return now }})
	if a := post(t, s, srv.URL); a.RetryAfter != time.Minute {
		t.Errorf("RetryAfter %v", a.RetryAfter)
	}
}
