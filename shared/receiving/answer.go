package receiving

import (
	"context"
	"encoding/json"
	"errors"
	"log/slog"
	"net/http"
	"strconv"
	"time"

	"github.com/jobhook/jobhook/shared/webhook"
)

// Answer is what the sender gets.
type Answer struct {
	Status int
	Header map[string]string
	Body   []byte // JSON
}

func jsonAnswer(status int, v any) Answer {
	body, err := json.Marshal(v)
	if err != nil { // strings and bools always marshal
		panic(err)
	}
	return Answer{status, map[string]string{"Content-Type": "application/json", "Cache-Control": "no-store"}, body}
}

func received(duplicate bool) Answer {
	return jsonAnswer(http.StatusOK, map[string]bool{"duplicate": duplicate})
}

// comeAgain is 503: every sender tries again after one, which not all do after
// a 409. Retry-After is in whole seconds, at least one.
func comeAgain(reason string, after time.Duration) Answer {
	a := jsonAnswer(http.StatusServiceUnavailable, map[string]string{"error": reason})
	seconds := max(1, int64((after+time.Second-1)/time.Second))
	a.Header["Retry-After"] = strconv.FormatInt(seconds, 10)
	return a
}

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
	a := jsonAnswer(r.Status, map[string]string{"error": r.Reason})
	if r.Status == http.StatusMethodNotAllowed {
		a.Header["Allow"] = http.MethodPost
	}
	return a
}

// fault answers an error: a *Refusal is the sender's, any other is ours.
func (e *entry) fault(err error) Answer {
	if r, ok := errors.AsType[*Refusal](err); ok {
		return e.refuse(r)
	}
	e.outcome, e.err = "fault", err
	return comeAgain("try again", time.Second)
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
	level := slog.LevelInfo
	if e.detail != "" {
		attrs = append(attrs, slog.String("detail", e.detail))
		if e.outcome != "refused" {
			level = slog.LevelWarn
		}
	}
	if e.settle != nil {
		level, attrs = slog.LevelWarn, append(attrs, slog.Any("settle_error", e.settle))
	}
	if e.err != nil {
		level, attrs = slog.LevelError, append(attrs, slog.Any("error", e.err))
	}
	log.LogAttrs(ctx, level, "webhook.received", attrs...)
}
