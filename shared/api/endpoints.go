package api

import (
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/jobhook/jobhook/shared/webhook"
)

// MaxEndpoints bounds an account's endpoints: each of its events is matched
// with all of them, and an event's targets are in one record. Concurrent
// requests may exceed it by a few.
const MaxEndpoints = 500

// tombstone is how much longer than its latest event a removed endpoint is
// kept, so that what is still due to it finds out.
const tombstone = 24 * time.Hour

func (s *server) createEndpoint(c *call) error {
	return c.withBody(maxEndpointBody, func(body []byte) error {
		e, secret, err := s.newEndpoint(c.account(), body)
		if err != nil {
			return err
		}
		existing, err := s.Store.AccountEndpoints(c.r.Context(), c.account())
		if err != nil {
			return fmt.Errorf("count endpoints: %w", err)
		}
		existing = slices.DeleteFunc(existing, func(e webhook.Endpoint) bool { return e.ID == webhook.JobTarget || !e.RemovedAt.IsZero() })
		if len(existing) >= MaxEndpoints {
			return conflict(typeEndpointLimit, fmt.Sprintf(
				"the account has %d endpoints; the maximum is %d: remove one first", len(existing), MaxEndpoints))
		}
		if err := s.Store.InsertEndpoint(c.r.Context(), e); err != nil {
			return fmt.Errorf("create endpoint %s: %w", e.ID, err)
		}
		view := showEndpoint(e)
		view.Secret = secret
		c.w.Header().Set("Location", "/v1/accounts/"+url.PathEscape(e.Account)+"/endpoints/"+e.ID)
		return c.answer(http.StatusCreated, view)
	})
}

func (s *server) newEndpoint(account string, body []byte) (e webhook.Endpoint, secret string, err error) {
	fields, err := decodeObject(body)
	if err != nil {
		return e, "", err
	}
	now := s.now()
	e = webhook.Endpoint{
		Account: account, Events: []string{"*"}, Profile: webhook.Standard,
		IncludeResult: true, Enabled: true, CreatedAt: now, UpdatedAt: now,
	}
	if err := s.fill(&e, fields); err != nil {
		return e, "", err
	}
	if secret, err = s.newSecret(fields["secret"], e.Profile); err != nil {
		return e, "", err
	}
	var random [15]byte
	if _, err := io.ReadFull(s.Random, random[:]); err != nil {
		return e, "", fmt.Errorf("make an endpoint id: %w", err)
	}
	e.ID, e.Rev = webhook.EndpointID(random), s.Token()
	return e, secret, s.seal(&e, secret, now)
}

func (s *server) listEndpoints(c *call) error {
	limit, cursor, err := c.paging()
	if err != nil {
		return err
	}
	endpoints, next, err := s.Store.ListEndpoints(c.r.Context(), c.account(), limit, cursor)
	if err != nil {
		return listError("endpoints", err)
	}
	return c.answer(http.StatusOK, page(endpoints, next, showEndpoint))
}

func (s *server) showEndpoint(c *call) error {
	e, err := s.endpoint(c)
	if err != nil {
		return err
	}
	return c.answer(http.StatusOK, showEndpoint(e))
}

func (s *server) deleteEndpoint(c *call) error {
	if err := checkEndpointID(c.id()); err != nil {
		return err
	}
	if c.id() == webhook.JobTarget {
		c.w.Header().Set("Allow", "GET, PATCH, HEAD")
		return &problem{
			Status: http.StatusMethodNotAllowed,
			Detail: `the settings for the jobs' own URLs cannot be removed; change them with PATCH ({"enabled":false} holds their deliveries)`,
		}
	}
	now := s.now()
	expires := now.Add(s.Rules.Retention + tombstone).Truncate(time.Second)
	err := s.Store.RemoveEndpoint(c.r.Context(), c.account(), c.id(), now, expires)
	if errors.Is(err, webhook.ErrNotFound) {
		return noEndpoint()
	}
	if err != nil {
		return fmt.Errorf("remove endpoint %s: %w", c.id(), err)
	}
	c.w.WriteHeader(http.StatusNoContent)
	return nil
}

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

// endpoint reads the call's endpoint. The job record is there before it is set,
// without a Rev.
func (s *server) endpoint(c *call) (webhook.Endpoint, error) {
	if err := checkEndpointID(c.id()); err != nil {
		return webhook.Endpoint{}, err
	}
	e, err := s.Store.Endpoint(c.r.Context(), c.account(), c.id())
	switch {
	case errors.Is(err, webhook.ErrNotFound) && c.id() == webhook.JobTarget:
		return webhook.JobDefaults(c.account(), s.CallbackProfile), nil
	case errors.Is(err, webhook.ErrNotFound):
		return e, noEndpoint()
	case err != nil:
		return e, fmt.Errorf("read endpoint %s: %w", c.id(), err)
	}
	return e, nil
}

func noEndpoint() *problem { return notFound("endpoint not found") }

// checkEndpointID spares the store what cannot be an endpoint's id.
func checkEndpointID(id string) error {
	const letters = "abcdefghijklmnopqrstuvwxyz0123456789_"
	if id == webhook.JobTarget {
		return nil
	}
	if !strings.HasPrefix(id, "ep_") || len(id) > 64 || strings.Trim(id, letters) != "" {
		return noEndpoint()
	}
	return nil
}
