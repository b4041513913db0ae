package api

import (
	"errors"
	"fmt"
	"net/url"
	"slices"
	"strconv"
	"strings"

	"github.com/jobhook/jobhook/shared/webhook"
)

// Sizes of a page.
const (
	DefaultLimit = 50
	MaxLimit     = 200
)

// paging is what a list was asked for.
type paging struct {
	limit  int
	cursor string
	status webhook.Status // empty: all
}

// paging reads a list's query; names are the parameters that it takes.
func (c *call) paging(names ...string) (paging, error) {
	query, err := url.ParseQuery(c.r.URL.RawQuery)
	if err != nil {
		return paging{}, badRequest("the query is not valid: write it as name=value&name=value, percent-encoded")
	}
	for name, values := range query {
		switch {
		case !slices.Contains(names, name):
			return paging{}, badField(name, "is no parameter of this list: it takes "+strings.Join(names, ", "))
		case len(values) > 1:
			return paging{}, badField(name, "is given more than once")
		}
	}
	p := paging{cursor: query.Get("cursor")}
	if p.limit, err = parseLimit(query); err != nil {
		return paging{}, err
	}
	p.status, err = parseStatus(query)
	return p, err
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

// listError says what is wrong with a cursor; other errors stay what they are.
func listError(what string, err error) error {
	if errors.Is(err, webhook.ErrCursor) {
		return badField("cursor", "is none that this list gave out: leave it out to begin anew")
	}
	return fmt.Errorf("list %s: %w", what, err)
}
