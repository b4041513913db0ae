package api

import (
	"errors"
	"fmt"
	"net/http"

	"github.com/jobhook/jobhook/shared/webhook"
)

// maxTries bounds how often a change is retried because another writer was
// first.
const maxTries = 8

func (s *server) patchEndpoint(c *call) error {
	return c.withBody(maxEndpointBody, func(body []byte) error {
		given, err := decodeObject(body)
		if err != nil {
			return err
		}
		for range maxTries {
			e, err := s.tryPatch(c, given)
			if err == nil {
				return c.answer(http.StatusOK, showEndpoint(e))
			}
			if !errors.Is(err, webhook.ErrLost) {
				return err
			}
		}
		return conflict(typeConcurrentWrite, "others are changing this endpoint at the same time; nothing was changed: try again")
	})
}

// tryPatch answers webhook.ErrLost when the endpoint changed meanwhile.
func (s *server) tryPatch(c *call, given fields) (webhook.Endpoint, error) {
	was, err := s.endpoint(c)
	if err != nil {
		return was, err
	}
	is := was
	if err := s.merge(&is, given); err != nil {
		return was, err
	}
	if err := s.checkProfileChange(was, is); err != nil {
		return was, err
	}
	if len(given) == 0 {
		return was, nil
	}
	is.UpdatedAt, is.Rev = s.now(), s.Token()
	if was.Rev == "" {
		is.CreatedAt = is.UpdatedAt
		err = s.Store.InsertEndpoint(c.r.Context(), is)
	} else {
		err = s.Store.ReplaceEndpoint(c.r.Context(), was.Rev, is)
	}
	if err != nil {
		return was, fmt.Errorf("change endpoint %s: %w", is.ID, err)
	}
	return is, nil
}
