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
