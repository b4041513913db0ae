package deliver

import (
	"testing"
	"time"

	"github.com/jobhook/jobhook/shared/webhook"
)

var noon = time.Date(2026, 11, 28, 12, 0, 0, 0, time.UTC)

func took(d time.Duration) webhook.Attempt { return webhook.Attempt{Duration: d, StatusCode: 200} }

func timeout() webhook.Attempt {
	return webhook.Attempt{Duration: 10 * time.Second, Reason: webhook.ReasonTimeout}
}

// seen is an attempt that ended so long after noon.
type seen struct {
	after time.Duration
	webhook.Attempt
}

// TestSlow: until when, after noon, the attempts make their target slow.
func TestSlow(t *testing.T) {
	for _, c := range []struct {
		name  string
		seen  []seen
		until time.Duration
	}{
		{"one timeout", []seen{{0, timeout()}}, 0},
		{"two timeouts within a minute", []seen{{0, timeout()}, {time.Minute, timeout()}}, 2 * time.Minute},
		{"two that are further apart", []seen{{0, timeout()}, {61 * time.Second, timeout()}}, 0},
		{"a median over 2 s", []seen{{0, took(3 * time.Second)}, {1, took(time.Millisecond)}, {time.Second, took(3 * time.Second)}}, 61 * time.Second},
		{"a median of 2 s", []seen{{0, took(2 * time.Second)}, {1, took(2 * time.Second)}, {2, took(2 * time.Second)}}, 0},
		{"two slow answers alone", []seen{{0, took(3 * time.Second)}, {1, took(3 * time.Second)}}, 0},
		{"still slow after half of the time: twice as long", []seen{{0, timeout()}, {0, timeout()}, {31 * time.Second, timeout()}}, 151 * time.Second},
		{"still slow before that", []seen{{0, timeout()}, {0, timeout()}, {30 * time.Second, timeout()}}, time.Minute},
		{"at most ten minutes", []seen{
			{0, timeout()},
			{0, timeout()},
			{time.Minute, timeout()},
			{3 * time.Minute, timeout()},
			{3 * time.Minute, timeout()},
			{7 * time.Minute, timeout()},
			{7 * time.Minute, timeout()},
			{15 * time.Minute, timeout()},
			{15 * time.Minute, timeout()},
		}, 25 * time.Minute},
		{"slow again long after", []seen{{0, timeout()}, {0, timeout()}, {time.Hour, timeout()}, {time.Hour, timeout()}}, 61 * time.Minute},
	} {
		t.Run(c.name, func(t *testing.T) {
			h, a := health{known: map[target]*condition{}}, target{"acme", "ep_a"}
			for _, s := range c.seen {
				s.At = noon.Add(s.after)
				h.observe(a, s.Attempt, time.Time{}, webhook.Health{}, s.At)
			}
			want := time.Time{}
			if c.until > 0 {
				want = noon.Add(c.until)
			}
			if got := h.now(a, webhook.Health{}).SlowUntil; !got.Equal(want) {
				t.Errorf("slow until %s, want %s", got.Sub(noon), want.Sub(noon))
			}
			if got := h.now(target{"acme", "ep_b"}, webhook.Health{}); got != (webhook.Health{}) {
				t.Errorf("another target is %+v", got)
			}
		})
	}
}

// TestHealthIsWrittenSeldom: one write at a time, and one a minute of what has
// been told already.
func TestHealthIsWrittenSeldom(t *testing.T) {
	h, a := health{known: map[target]*condition{}}, target{"acme", "ep_a"}
	refused := webhook.Attempt{StatusCode: 500, Reason: webhook.ReasonHTTPStatus}
	for _, step := range []struct {
		name  string
		after time.Duration
		webhook.Attempt
		pause time.Duration // from then
		done  bool          // the write before has ended
		write bool
	}{
		{"it fails", 0, refused, 0, false, true},
		{"that write is under way", 1, timeout(), 0, false, false},
		{"it has ended, and it still fails", 2, refused, 0, true, false},
		{"slow now", 3, timeout(), 0, false, true},
		{"ended; slow is known", 4, timeout(), 0, true, false},
		{"a short pause", 5, refused, time.Second, false, false},
		{"a long one", 6, refused, time.Hour, false, true},
		{"ended; paused longer within the minute", 7, refused, 2 * time.Hour, true, false},
		{"a minute later", time.Minute + 10, refused, 2 * time.Hour, false, true},
		{"ended; the first success", time.Minute + 11, took(1), 0, true, true},
		{"ended; the second", time.Minute + 12, took(1), 0, true, false},
	} {
		now := noon.Add(step.after)
		pause := time.Time{}
		if step.pause > 0 {
			pause = now.Add(step.pause)
		}
		step.At = now
		h.observe(a, step.Attempt, pause, webhook.Health{}, now)
		if _, write := h.take(a, now, step.done); write != step.write {
			t.Errorf("%s: write is %t", step.name, write)
		}
	}
}

// TestPausedUntil: a pause ends a day after acceptance at the latest.
func TestPausedUntil(t *testing.T) {
	for _, c := range []struct {
		name     string
		paused   time.Duration // from noon, which is now
		accepted time.Duration // before noon
		jitter   float64
		want     time.Duration // 0: it need not wait
	}{
		{"over", 0, time.Hour, 1, 0},
		{"a young delivery", time.Hour, time.Minute, 0, time.Hour},
		{"with jitter", time.Hour, time.Minute, 1, 66 * time.Minute},
		{"up to a day", time.Hour, 23*time.Hour + 30*time.Minute, 1, 30 * time.Minute},
		{"after a day", time.Hour, 24 * time.Hour, 1, 0},
	} {
		got := pausedUntil(webhook.Health{PausedUntil: noon.Add(c.paused)}, noon.Add(-c.accepted), noon, c.jitter)
		if want := noon.Add(c.want); c.want > 0 && !got.Equal(want) || c.want == 0 && !got.IsZero() {
			t.Errorf("%s: it waits until %s, want %s", c.name, got.Sub(noon), c.want)
		}
	}
}

// TestWhoseShare: a job's own URL counts for its server; in the default account
// that is the group too.
func TestWhoseShare(t *testing.T) {
	for _, c := range []struct {
		account, endpoint string
		group             string
		target            target
	}{
		{"acme", "ep_a", "acme", target{"acme", "ep_a"}},
		{"acme", webhook.JobTarget, "acme", target{"acme", "https://a.example:8443"}},
		{webhook.DefaultAccount, webhook.JobTarget, "https://a.example:8443", target{webhook.DefaultAccount, "https://a.example:8443"}},
		{webhook.DefaultAccount, "ep_a", webhook.DefaultAccount, target{webhook.DefaultAccount, "ep_a"}},
	} {
		d := webhook.Delivery{DeliveryKey: webhook.DeliveryKey{Account: c.account, EndpointID: c.endpoint}, URL: "https://a.example:8443/x?token=1"}
		if groupOf(d) != c.group || targetOf(d) != c.target {
			t.Errorf("%s of %s: group %q, target %+v", c.endpoint, c.account, groupOf(d), targetOf(d))
		}
	}
}
