package deliver

import (
	"context"
	"log/slog"
	"net/url"

	"github.com/jobhook/jobhook/shared/webhook"
)

// logState writes the one line that says what happened: "delivery.attempted",
// or, where nothing was posted, "delivery.held" and the like.
func (c *courier) logState(ctx context.Context, ev webhook.Event, d webhook.Delivery, attempted bool) {
	if !c.Log.Enabled(ctx, slog.LevelInfo) {
		return
	}
	attrs := append(make([]slog.Attr, 0, 16),
		slog.String("delivery_id", d.ID()), slog.String("event_id", d.EventID),
		slog.String("event_type", ev.Type), slog.String("account", d.Account),
		slog.String("host", host(d.URL)), slog.String("profile", string(d.Profile)), slog.String("status", string(d.Status)))
	message := "delivery." + string(d.Status)
	switch a, _ := d.Last(); {
	case attempted:
		message = "delivery.attempted"
		attrs = append(attrs, slog.Int("attempt", a.Number), slog.Int("status_code", a.StatusCode),
			slog.Int64("duration_ms", a.Duration.Milliseconds()))
		if a.Reason != "" {
			attrs = append(attrs, slog.String("reason", string(a.Reason)))
		}
	case d.Open():
		message = "delivery.postponed"
		fallthrough
	default:
		attrs = append(attrs, slog.String("reason", string(d.Reason)))
	}
	if !d.NextAttemptAt.IsZero() {
		attrs = append(attrs, slog.Time("next_attempt_at", d.NextAttemptAt))
	}
	c.Log.LogAttrs(ctx, slog.LevelInfo, message, attrs...)
}

// origin is the server that a URL names.
func origin(raw string) string {
	u, err := url.Parse(raw)
	if err != nil {
		return ""
	}
	return u.Scheme + "://" + u.Host
}

// host is all of a URL that goes into a log: the rest may hold a secret.
func host(raw string) string {
	u, err := url.Parse(raw)
	if err != nil {
		return ""
	}
	return u.Host
}
