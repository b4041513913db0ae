package deliver

import (
	"cmp"
	"context"
	"errors"
	"log/slog"
	"maps"
	"slices"
	"sync"
	"time"

	"github.com/jobhook/jobhook/shared/schedule"
	"github.com/jobhook/jobhook/shared/webhook"
)

const (
	// A target is slow after two timeouts within slowWindow, or when the median
	// of its latest attempts took longer than slowMedian: for slowFirst, twice as
	// long each time that it still is, up to slowLongest.
	slowWindow  = time.Minute
	slowMedian  = 2 * time.Second
	slowFirst   = time.Minute
	slowLongest = 10 * time.Minute
	medianOf    = 5 // the latest attempts

	// healthEvery is how often an endpoint's health is recorded at most, unless
	// it is to be cleared.
	healthEvery = time.Minute
	// pauseLongest: beyond this age a delivery's schedule runs regardless of
	// what its endpoint asks for.
	pauseLongest = 24 * time.Hour
	// maxTargets bounds what is kept in memory: about 300 bytes each.
	maxTargets = 10_000
)

// health knows how targets have done lately: from attempts of this process at
// once, and of others by the endpoints' records.
type health struct {
	mu    sync.Mutex
	known map[target]*condition
}

// condition is what attempts at one target have shown.
type condition struct {
	webhook.Health

	latest   []attempted // the latest medianOf, oldest first
	slowFor  time.Duration
	recorded webhook.Health // what was written last
	written  time.Time      // when
	writing  bool
	seen     time.Time
}

type attempted struct {
	at       time.Time
	took     time.Duration
	timedOut bool
}

// now is a target's health, what its record says of it included.
func (h *health) now(t target, recorded webhook.Health) webhook.Health {
	h.mu.Lock()
	defer h.mu.Unlock()
	if c := h.known[t]; c != nil {
		recorded.SlowUntil = later(recorded.SlowUntil, c.SlowUntil)
		recorded.PausedUntil = later(recorded.PausedUntil, c.PausedUntil)
	}
	return recorded
}

func later(a, b time.Time) time.Time {
	if a.After(b) {
		return a
	}
	return b
}

// observe takes an attempt into account, after which the endpoint asked for a
// pause until then; zero for none.
func (h *health) observe(t target, a webhook.Attempt, pause time.Time, recorded webhook.Health, now time.Time) {
	h.mu.Lock()
	defer h.mu.Unlock()
	c := h.known[t]
	if c == nil {
		h.forget()
		c = &condition{recorded: recorded}
		c.FailingSince = recorded.FailingSince
		h.known[t] = c
	}
	if now.Sub(c.written) >= healthEvery { // another process may have written it
		c.recorded = recorded
	}
	c.seen = now
	if len(c.latest) == medianOf {
		c.latest = slices.Delete(c.latest, 0, 1)
	}
	c.latest = append(c.latest, attempted{a.At, a.Duration, a.Reason == webhook.ReasonTimeout})
	if c.isSlow(now) && c.SlowUntil.Sub(now) < c.slowFor/2 {
		if c.slowFor = min(2*c.slowFor, slowLongest); c.SlowUntil.Before(now.Add(-slowLongest)) {
			c.slowFor = slowFirst
		}
		c.SlowUntil = later(c.SlowUntil, now.Add(c.slowFor))
	}
	c.PausedUntil = later(c.PausedUntil, pause)
	switch delivered := webhook.Judge(a) == webhook.Success; {
	case delivered:
		c.FailingSince = time.Time{}
	case c.FailingSince.IsZero():
		c.FailingSince = a.At
	}
}

// take returns the health to be recorded, and whether it is worth a write. One
// is written at a time, so that they land in order: done ends the one before.
func (h *health) take(t target, now time.Time, done bool) (webhook.Health, bool) {
	h.mu.Lock()
	defer h.mu.Unlock()
	c := h.known[t]
	if c == nil || c.writing && !done {
		return webhook.Health{}, false
	}
	if c.writing = c.worthRecording(now); c.writing {
		c.recorded, c.written = c.Health, now
	}
	return c.recorded, c.writing
}

// worthRecording says whether others should know at once: that the target no
// longer fails, or is slow or paused for a minute or more, when its record does
// not say so; anything else once in healthEvery.
func (c *condition) worthRecording(now time.Time) bool {
	have, soon := c.recorded, now.Add(healthEvery)
	switch {
	case c.FailingSince.IsZero() && !have.FailingSince.IsZero(),
		!c.SlowUntil.Before(soon) && !have.SlowUntil.After(now),
		!c.PausedUntil.Before(soon) && !have.PausedUntil.After(now):
		return true
	case now.Sub(c.written) < healthEvery:
		return false
	}
	return c.FailingSince.IsZero() != have.FailingSince.IsZero() || c.SlowUntil.After(have.SlowUntil) || c.PausedUntil.After(have.PausedUntil)
}

// isSlow judges by the latest attempts.
func (c *condition) isSlow(now time.Time) bool {
	timeouts := 0
	var durations [medianOf]time.Duration
	took := durations[:len(c.latest)]
	for i, a := range c.latest {
		if took[i] = a.took; a.timedOut && now.Sub(a.at) <= slowWindow {
			timeouts++
		}
		if now.Sub(a.at) > slowLongest { // too old to say anything
			took[i] = 0
		}
	}
	slices.Sort(took)
	return timeouts >= 2 || len(took) >= 3 && took[len(took)/2] > slowMedian
}

// forget makes room by dropping what was attempted longest ago.
func (h *health) forget() {
	if len(h.known) < maxTargets {
		return
	}
	oldest := slices.SortedFunc(maps.Keys(h.known), func(a, b target) int {
		return cmp.Or(h.known[a].seen.Compare(h.known[b].seen), cmp.Compare(a.name, b.name))
	})
	for _, t := range oldest[:maxTargets/10] {
		delete(h.known, t)
	}
}

// pausedUntil says until when a delivery waits for its endpoint's pause; zero
// when it need not. Those that wait come one after the other, by jitter (0 to
// 1): the first finds out for all whether the endpoint is ready.
func pausedUntil(h webhook.Health, acceptedAt, now time.Time, jitter float64) time.Time {
	if !h.PausedUntil.After(now) {
		return time.Time{}
	}
	until := h.PausedUntil.Add(time.Duration(float64(h.PausedUntil.Sub(now)) * schedule.Jitter * jitter))
	if latest := acceptedAt.Add(pauseLongest); until.After(latest) {
		until = latest
	}
	if !until.After(now) {
		return time.Time{}
	}
	return until
}

// recordHealth lets other processes know of it. It costs nobody time: the
// attempt's own record has been written before.
func (c *courier) recordHealth(ctx context.Context, r *run, t target, e webhook.Endpoint) {
	for news, write := c.health.take(t, c.Now(), false); write; news, write = c.health.take(t, c.Now(), true) {
		settling, cancel := r.settling(ctx)
		err := c.Store.SetHealth(settling, e.Account, e.ID, news)
		cancel()
		if err == nil || errors.Is(err, webhook.ErrNotFound) {
			continue
		}
		c.Log.LogAttrs(ctx, slog.LevelWarn, "health.not_recorded", slog.String("account", e.Account), slog.String("endpoint_id", e.ID), slog.Any("error", err))
	}
}
