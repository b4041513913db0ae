package receiving

import (
	"context"
	"errors"
	"log/slog"
	"time"

	"github.com/jobhook/jobhook/shared/webhook"
)

// entry is the one log line of a request.
type entry struct {
	request        Request
	source, scheme string // set once the source is known
	accepted       Accepted
	outcome        string
	detail         string
	err            error // a fault of ours that the sender sees
	settle         error // one that it does not
}

func (e *entry) refuse(r *Refusal) Answer {
	e.outcome, e.detail = "refused", r.Detail
	return refused(r)
}

func (e *entry) fault(err error) Answer {
	e.outcome, e.err = "fault", err
	return comeAgain("try again", time.Second)
}

func (e *entry) judged(err error) Answer {
	var r *Refusal
	if errors.As(err, &r) {
		return e.refuse(r)
	}
	return e.fault(err)
}

// lost is for a webhook that another request has claimed.
func (e *entry) lost(standing webhook.Receipt, a Accepted, now time.Time) Answer {
	if standing.At(now) == webhook.Duplicate {
		e.outcome = "duplicate"
		if standing.Digest != "" && standing.Digest != a.Digest {
			e.detail = "its id was received before with another body"
		}
		return received(true)
	}
	e.outcome = "in_progress"
	return comeAgain("in progress", standing.Until.Sub(now))
}

func (e *entry) level() slog.Level {
	switch {
	case e.err != nil:
		return slog.LevelError
	case e.settle != nil || e.detail != "" && e.outcome != "refused":
		return slog.LevelWarn
	default:
		return slog.LevelInfo
	}
}

// write logs "webhook.received": which source and delivery, what came of it.
// Never a header's value, never the payload. A name that is no source's is a
// stranger's text and left out.
func (e *entry) write(ctx context.Context, log *slog.Logger, a Answer, took time.Duration) {
	attrs := append(make([]slog.Attr, 0, 12),
		slog.String("outcome", e.outcome), slog.Int("status_code", a.Status), slog.Int64("duration_ms", took.Milliseconds()),
		slog.String("source", e.source), slog.String("scheme", e.scheme), slog.Int("bytes", len(e.request.Body)))
	if e.accepted.ReceiptID != "" {
		attrs = append(attrs, slog.String("webhook_id", e.accepted.ReceiptID), slog.Int("secret", e.accepted.Secret))
	}
	if e.request.IP.IsValid() {
		attrs = append(attrs, slog.String("ip", e.request.IP.String()))
	}
	if e.detail != "" {
		attrs = append(attrs, slog.String("detail", e.detail))
	}
	for name, err := range map[string]error{"error": e.err, "settle_error": e.settle} {
		if err != nil {
			attrs = append(attrs, slog.Any(name, err))
		}
	}
	log.LogAttrs(ctx, e.level(), "webhook.received", attrs...)
}
