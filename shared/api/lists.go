package api

import (
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/jobhook/jobhook/shared/webhook"
)

// Sizes of a page.
const (
	DefaultLimit = 50
	MaxLimit     = 200
)

// maxShown bounds how much of a rejected completion a list shows, in bytes, so
// that the longest page stays below the 6 MB that a function can answer.
const maxShown = 4 << 10

type rejectedView struct {
	ID        string `json:"id"`
	Reason    string `json:"reason"`
	At        string `json:"at"`
	Body      string `json:"body"`       // its first 4 KB, as text
	BodyBytes int    `json:"body_bytes"` // how long it is as a whole
}

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

func (s *server) listRejected(c *call) error {
	limit, cursor, err := c.paging()
	if err != nil {
		return err
	}
	items, next, err := s.Rejected.List(c.r.Context(), limit, cursor)
	if err != nil {
		return listError("rejected completions", err)
	}
	return c.answer(http.StatusOK, page(items, next, func(r Rejected) rejectedView {
		shown := strings.ToValidUTF8(string(r.Body[:min(len(r.Body), maxShown)]), "\uFFFD")
		return rejectedView{ID: r.ID, Reason: r.Reason, At: stamp(r.At), Body: shown, BodyBytes: len(r.Body)}
	}))
}

// query reads the call's query; names are the parameters that the call has.
func (c *call) query(names ...string) (url.Values, error) {
	query, err := url.ParseQuery(c.r.URL.RawQuery)
	if err != nil {
		return nil, badRequest("the query is not valid; write it as name=value&name=value, percent-encoded")
	}
	for name, values := range query {
		switch {
		case !slices.Contains(names, name):
			return nil, badField(clip(name), "is not a parameter of this call; the parameters are "+strings.Join(names, ", "))
		case len(values) > 1:
			return nil, badField(name, "is given more than once")
		}
	}
	return query, nil
}

// paging reads the query of a list that has no other parameters.
func (c *call) paging() (limit int, cursor string, err error) {
	query, err := c.query("limit", "cursor")
	if err != nil {
		return 0, "", err
	}
	limit, err = parseLimit(query)
	return limit, query.Get("cursor"), err
}

func parseLimit(query url.Values) (int, error) {
	if !query.Has("limit") {
		return DefaultLimit, nil
	}
	n, err := strconv.Atoi(query.Get("limit"))
	if err != nil || n < 1 || n > MaxLimit {
		return 0, badField("limit", fmt.Sprintf("must be a number from 1 to %d", MaxLimit))
	}
	return n, nil
}

// listError says what is wrong with a cursor; other errors stay what they are.
func listError(what string, err error) error {
	if errors.Is(err, webhook.ErrCursor) {
		return badField("cursor", "is not a cursor of this list; leave it out to start from the beginning")
	}
	return fmt.Errorf("list %s: %w", what, err)
}
