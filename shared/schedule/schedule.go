// Package schedule says when a delivery's next attempt is due. It is pure:
// time and jitter are arguments.
package schedule

import (
	"errors"
	"fmt"
	"strings"
	"time"
)

const (
	// MaxDelay bounds one delay: a longer one would outlive the record.
	MaxDelay = 7 * 24 * time.Hour
	// MaxRetries bounds the list's length: every attempt is kept in one record.
	MaxRetries = 30
	// MaxHop is the longest delay that SQS accepts (DelaySeconds).
	MaxHop = 900 * time.Second
	// Jitter is the largest part of a delay that may be added to it.
	Jitter = 0.10
)

// Default is jobhook's schedule: three retries.
const Default = "1m,5m,15m"

// named are the schedules that have a name.
var named = map[string]string{
	"default":  Default,
	"antinium": "1m,5m,15m,1h",
	// Standard Webhooks 1.0's, 75h35m5s in all.
	"standard": "5s,5m,30m,2h,5h,10h,14h,20h,24h",
	// The same, its last delay cut so that they are three days (72h) in all.
	"3d": "5s,5m,30m,2h,5h,10h,14h,20h,20h24m55s",
}

// Schedule lists the delays after each failed attempt: three delays allow
// four attempts.
type Schedule []time.Duration

// Parse reads delays as Go writes them, separated by commas: "1m,5m,15m,1h"; or
// the name of a schedule: default, antinium, standard, 3d. An empty text is the
// schedule without retries.
func Parse(text string) (Schedule, error) {
	text = strings.TrimSpace(text)
	if delays, ok := named[text]; ok {
		text = delays
	}
	if text == "" {
		return nil, nil
	}
	parts := strings.Split(text, ",")
	if len(parts) > MaxRetries {
		return nil, fmt.Errorf("schedule has %d delays; the maximum is %d", len(parts), MaxRetries)
	}
	list := make(Schedule, 0, len(parts))
	for _, part := range parts {
		delay, err := parseDelay(strings.TrimSpace(part))
		if err != nil {
			return nil, err
		}
		list = append(list, delay)
	}
	return list, nil
}

var errForm = errors.New(`write delays like "1m,5m,15m" (units s, m, h), or a name: default, antinium, standard or 3d`)

func parseDelay(text string) (time.Duration, error) {
	delay, err := time.ParseDuration(text)
	switch {
	case err != nil:
		return 0, fmt.Errorf("schedule: %q is not a delay; %w", text, errForm)
	case delay < 0:
		return 0, fmt.Errorf("schedule: %q is negative; %w", text, errForm)
	case delay > MaxDelay:
		return 0, fmt.Errorf("schedule: %q is too long; the maximum is %s", text, short(MaxDelay))
	}
	return delay, nil
}

// String writes the delays as Parse reads them; a name is not kept.
func (s Schedule) String() string {
	parts := make([]string, len(s))
	for i, delay := range s {
		parts[i] = short(delay)
	}
	return strings.Join(parts, ",")
}

// short drops the zero parts that time.Duration prints: 1h0m0s is 1h.
func short(d time.Duration) string {
	text := d.String()
	if strings.HasSuffix(text, "m0s") {
		text = strings.TrimSuffix(text, "0s")
	}
	if strings.HasSuffix(text, "h0m") {
		text = strings.TrimSuffix(text, "0m")
	}
	return text
}

// Attempts is how many attempts the schedule allows in all.
func (s Schedule) Attempts() int { return len(s) + 1 }

// After says when the attempt that follows attempt number n (from 1), which
// ended at that time, is due. It is the zero time when the schedule allows no
// more. retryAfter is what the endpoint asked for, already bounded by the
// caller: it lengthens the delay and never shortens it. Either is lengthened by
// up to Jitter, so that endpoints that ask many deliveries to wait for the same
// time do not get them all at once: jitter, from 0 to 1, says by how much of that.
func (s Schedule) After(n int, ended time.Time, retryAfter time.Duration, jitter float64) time.Time {
	if n < 1 || n > len(s) {
		return time.Time{}
	}
	delay := max(s[n-1], retryAfter)
	delay += time.Duration(float64(delay) * Jitter * min(max(jitter, 0), 1))
	return ended.Add(delay)
}

// Longest is how long the attempts can take in all when jitter and endpoints
// lengthen every delay: an event must be kept for longer than that.
func (s Schedule) Longest(retryAfterMax, sendTimeout time.Duration) time.Duration {
	total := sendTimeout
	for _, delay := range s {
		delay = max(delay, retryAfterMax)
		total += delay + delay/10 + sendTimeout
	}
	return total
}

// Hop is how long to let a message wait in SQS for what is due: in whole
// seconds, never ending early unless the time does not fit in one hop.
func Hop(now, due time.Time) time.Duration {
	wait := due.Sub(now)
	if wait <= 0 {
		return 0
	}
	seconds := (wait + time.Second - 1).Truncate(time.Second)
	return min(seconds, MaxHop)
}
