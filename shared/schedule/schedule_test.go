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
// attempt fails, without chance and with all of it.
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

func TestChanceStaysWithinTenPercent(t *testing.T) {
	s := schedule.Schedule{time.Hour}
	for chance := -0.5; chance <= 1.5; chance += 0.01 {
		got := s.After(1, start, 0, chance).Sub(start)
		if got < time.Hour || got > time.Hour+6*time.Minute {
			t.Fatalf("chance %g: waits %s", chance, got)
		}
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
		"no unit":   {"60", `"60" is not a delay; write delays like "1m,5m,15m"`},
		"a word":    {"1m,soon", `"soon" is not a delay`},
		"empty one": {"1m,,5m", `"" is not a delay`},
		"negative":  {"-1m", "negative"},
		"too long":  {"169h", "too long"},
		"too many":  {strings.Repeat("1m,", 30) + "1m", "31 delays; at most 30"},
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
