package schedule_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/jobhook/jobhook/shared/schedule"
)

var start = time.Date(2026, 11, 20, 12, 0, 0, 0, time.UTC)

// The whole schedule as a table: what each attempt waits for when every
// attempt fails, without jitter and with all of it.
func TestTheWholeSchedule(t *testing.T) {
	var table strings.Builder
	for _, text := range []string{"1m,5m,15m", "1m,5m,15m,1h", "", "0s,30s,2h30m"} {
		s, err := schedule.Parse(text)
		if err != nil {
			t.Fatal(err)
		}
		fmt.Fprintf(&table, "schedule %q: %d attempts\n", s, s.Attempts())
		early, late := start, start
		for n := 1; n <= s.Attempts(); n++ {
			fmt.Fprintf(&table, "  attempt %d  %s  %s\n", n, early.Format(time.TimeOnly), late.Format(time.TimeOnly))
			early, late = s.After(n, early, 0, 0), s.After(n, late, 0, 1)
		}
		if !early.IsZero() || !late.IsZero() {
			t.Errorf("schedule %q allows an attempt after its last", s)
		}
	}
	const want = `schedule "1m,5m,15m": 4 attempts
  attempt 1  12:00:00  12:00:00
  attempt 2  12:01:00  12:01:06
  attempt 3  12:06:00  12:06:36
  attempt 4  12:21:00  12:23:06
schedule "1m,5m,15m,1h": 5 attempts
  attempt 1  12:00:00  12:00:00
  attempt 2  12:01:00  12:01:06
  attempt 3  12:06:00  12:06:36
  attempt 4  12:21:00  12:23:06
  attempt 5  13:21:00  13:29:06
schedule "": 1 attempts
  attempt 1  12:00:00  12:00:00
schedule "0s,30s,2h30m": 4 attempts
  attempt 1  12:00:00  12:00:00
  attempt 2  12:00:00  12:00:00
  attempt 3  12:00:30  12:00:33
  attempt 4  14:30:30  14:45:33
`
	t.Log("\n" + table.String())
	if table.String() != want {
		t.Errorf("the schedule is\n%s\nwant\n%s", table.String(), want)
	}
}

func TestRetryAfterLengthensAndNeverShortens(t *testing.T) {
	s := schedule.Schedule{time.Minute}
	for name, c := range map[string]struct {
		asked time.Duration
		want  time.Duration
	}{
		"nothing asked":   {0, time.Minute},
		"shorter":         {time.Second, time.Minute},
		"longer":          {10 * time.Minute, 10 * time.Minute},
		"negative":        {-time.Hour, time.Minute},
		"just the longer": {time.Minute + 1, time.Minute + 1},
	} {
		t.Run(name, func(t *testing.T) {
			if got := s.After(1, start, c.asked, 0).Sub(start); got != c.want {
				t.Errorf("waits %s, want %s", got, c.want)
			}
		})
	}
}

func TestJitterStaysWithinTenPercent(t *testing.T) {
	for name, c := range map[string]struct{ delay, retryAfter time.Duration }{
		"of the schedule's delay": {time.Hour, time.Minute},
		"of what was asked for":   {time.Minute, time.Hour},
	} {
		t.Run(name, func(t *testing.T) {
			s := schedule.Schedule{c.delay}
			for jitter := -0.5; jitter <= 1.5; jitter += 0.01 {
				got := s.After(1, start, c.retryAfter, jitter).Sub(start)
				if got < time.Hour || got > time.Hour+6*time.Minute {
					t.Fatalf("jitter %g: waits %s", jitter, got)
				}
			}
			if got := s.After(1, start, c.retryAfter, 0.5).Sub(start); got != time.Hour+3*time.Minute {
				t.Errorf("half of it: waits %s", got)
			}
		})
	}
}

// Longest is what After gives when everything lengthens it.
func TestLongest(t *testing.T) {
	const timeout = 10 * time.Second
	for name, retryAfter := range map[string]time.Duration{"nothing asked": 0, "asked for more than some delays": 10 * time.Minute, "asked for a day": 24 * time.Hour} {
		t.Run(name, func(t *testing.T) {
			s := schedule.Schedule{time.Minute, 5 * time.Minute, time.Hour}
			ended := start.Add(timeout)
			for n := 1; n < s.Attempts(); n++ {
				ended = s.After(n, ended, retryAfter, 1).Add(timeout)
			}
			if got := s.Longest(retryAfter, timeout); got != ended.Sub(start) {
				t.Errorf("longest is %s, want %s", got, ended.Sub(start))
			}
		})
	}
}

func TestNamedSchedules(t *testing.T) {
	for name, c := range map[string]struct {
		delays string
		total  time.Duration
	}{
		"default":  {"1m,5m,15m", 21 * time.Minute},
		"antinium": {"1m,5m,15m,1h", 81 * time.Minute},
		"standard": {"5s,5m,30m,2h,5h,10h,14h,20h,24h", 75*time.Hour + 35*time.Minute + 5*time.Second},
		"3d":       {"5s,5m,30m,2h,5h,10h,14h,20h,20h24m55s", 72 * time.Hour},
	} {
		t.Run(name, func(t *testing.T) {
			s, err := schedule.Parse(name)
			if err != nil || s.String() != c.delays {
				t.Fatalf("%q is %q (%v), want %q", name, s, err, c.delays)
			}
			var total time.Duration
			for _, delay := range s {
				total += delay
			}
			if total != c.total {
				t.Errorf("%q takes %s, want %s", name, total, c.total)
			}
		})
	}
}

func TestAfterOutsideTheSchedule(t *testing.T) {
	s := schedule.Schedule{time.Minute}
	for _, n := range []int{-1, 0, 2, 100} {
		if got := s.After(n, start, time.Hour, 1); !got.IsZero() {
			t.Errorf("after attempt %d: %s, want none", n, got)
		}
	}
}

func TestHop(t *testing.T) {
	for name, c := range map[string]struct{ wait, want time.Duration }{
		"past":             {-time.Hour, 0},
		"now":              {0, 0},
		"a moment":         {1, time.Second},
		"part of a second": {1500 * time.Millisecond, 2 * time.Second},
		"whole seconds":    {60 * time.Second, 60 * time.Second},
		"at the limit":     {900 * time.Second, 900 * time.Second},
		"beyond":           {900*time.Second + 1, 900 * time.Second},
		"hours":            {5 * time.Hour, 900 * time.Second},
	} {
		t.Run(name, func(t *testing.T) {
			if got := schedule.Hop(start, start.Add(c.wait)); got != c.want {
				t.Errorf("hops %s, want %s", got, c.want)
			}
		})
	}
}

func TestParseRefuses(t *testing.T) {
	for name, c := range map[string]struct{ text, says string }{
		"no unit":       {"60", `"60" is not a delay; write delays like "1m,5m,15m"`},
		"a word":        {"1m,soon", `"soon" is not a delay`},
		"empty one":     {"1m,,5m", `"" is not a delay`},
		"negative":      {"-1m", "negative"},
		"too long":      {"169h", `"169h" is too long; the maximum is 168h`},
		"too many":      {strings.Repeat("1m,", 30) + "1m", "31 delays; the maximum is 30"},
		"no name":       {"Standard", `"Standard" is not a delay; write delays like "1m,5m,15m" (units s, m, h), or a name: default, antinium, standard or 3d`},
		"name and more": {"standard,1m", `"standard" is not a delay`},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := schedule.Parse(c.text)
			if err == nil || !strings.Contains(err.Error(), c.says) {
				t.Errorf("error is %v, want one that says %q", err, c.says)
			}
		})
	}
}

func TestParseReadsWhatStringWrites(t *testing.T) {
	for _, text := range []string{"", "1m,5m,15m", "1h", "1h30m,2s", "500ms", "1m30s"} {
		s, err := schedule.Parse(text)
		if err != nil || s.String() != text {
			t.Errorf("%q reads back as %q (%v)", text, s, err)
		}
	}
}
