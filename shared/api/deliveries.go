package api

import (
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/jobhook/jobhook/shared/webhook"
)

// listDeliveries shows the log of a removed endpoint too, as long as it has one.
func (s *server) listDeliveries(c *call) error {
	if err := checkEndpointID(c.id()); err != nil {
		return err
	}
	q, err := s.logQuery(c)
	if err != nil {
		return err
	}
	deliveries, next, err := s.Store.EndpointDeliveries(c.r.Context(), q)
	if err != nil {
		return listError("deliveries", err)
	}
	if len(deliveries) == 0 && q.Cursor == "" {
		if _, err := s.endpoint(c); err != nil {
			return err
		}
	}
	return c.answer(http.StatusOK, page(deliveries, next, showDelivery))
}

func (s *server) logQuery(c *call) (q webhook.LogQuery, err error) {
	query, err := c.query("status", "since", "until", "limit", "cursor")
	if err != nil {
		return q, err
	}
	q = webhook.LogQuery{Account: c.account(), EndpointID: c.id(), Cursor: query.Get("cursor")}
	if q.Status, err = parseStatus(query); err != nil {
		return q, err
	}
	if q.Since, err = parseTime(query, "since", s.now()); err != nil {
		return q, err
	}
	if q.Until, err = parseTime(query, "until", s.now()); err != nil {
		return q, err
	}
	if !q.Until.IsZero() && !q.Since.Before(q.Until) {
		return q, badField("since", "must be before until")
	}
	q.Limit, err = parseLimit(query)
	return q, err
}

func parseStatus(query url.Values) (webhook.Status, error) {
	if !query.Has("status") {
		return "", nil
	}
	var names []string
	for _, s := range webhook.Statuses() {
		if query.Get("status") == string(s) {
			return s, nil
		}
		names = append(names, string(s))
	}
	return "", badField("status", "must be one of "+strings.Join(names, ", "))
}

// parseTime reads a time in RFC 3339, or as a duration back from now.
func parseTime(query url.Values, name string, now time.Time) (time.Time, error) {
	if !query.Has(name) {
		return time.Time{}, nil
	}
	text, epoch := query.Get(name), time.Unix(0, 0).UTC()
	t, err := time.Parse(time.RFC3339, text)
	if err != nil {
		ago, bad := time.ParseDuration(text)
		if days, ok := strings.CutSuffix(text, "d"); ok {
			var n uint64
			n, bad = strconv.ParseUint(days, 10, 16)
			ago = time.Duration(n) * 24 * time.Hour
		}
		if bad != nil || ago < 0 {
			return t, badField(name, `must be a time like 2026-11-20T12:00:00Z, or a duration back from now like 90m, 2h or 3d`)
		}
		t = now.Add(-ago)
	}
	if t.Before(epoch) { // there was nothing, and the zero time would be no bound
		t = epoch
	}
	return t.UTC(), nil
}
