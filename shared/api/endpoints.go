package api

import (
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"

	"github.com/jobhook/jobhook/shared/payload"
	"github.com/jobhook/jobhook/shared/webhook"
)

// MaxEndpoints bounds an account's endpoints: each of its events is held
// against all of them, and an event's targets lie in one record. Requests that
// race may pass it by a few.
const MaxEndpoints = 500

func (s *server) createEndpoint(c *call) error {
	return c.withBody(maxEndpointBody, func(body []byte) error {
		e, secret, err := s.newEndpoint(c.account(), body)
		if err != nil {
			return err
		}
		if err := s.checkRoom(c); err != nil {
			return err
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
	now := s.Now().UTC()
	e = webhook.Endpoint{
		Account: account, Events: []string{"*"}, Profile: payload.Standard,
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
	sealed, err := s.Seal(e.Account, e.ID, secret)
	if err != nil {
		return e, "", fmt.Errorf("seal the secret of %s: %w", e.ID, err)
	}
	e.Secrets = []webhook.SealedSecret{{Sealed: sealed}}
	return e, secret, nil
}

func (s *server) checkRoom(c *call) error {
	count := 0
	for cursor := ""; ; {
		endpoints, next, err := s.Store.ListEndpoints(c.r.Context(), c.account(), MaxLimit, cursor)
		if err != nil {
			return fmt.Errorf("count endpoints: %w", err)
		}
		if count += len(endpoints); count >= MaxEndpoints {
			return conflict(typeEndpointLimit, fmt.Sprintf(
				"the account has %d endpoints, which is the most it can have: remove one first", count))
		}
		if cursor = next; next == "" {
			return nil
		}
	}
}

func (s *server) listEndpoints(c *call) error {
	p, err := c.paging("limit", "cursor")
	if err != nil {
		return err
	}
	endpoints, next, err := s.Store.ListEndpoints(c.r.Context(), c.account(), p.limit, p.cursor)
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
	err := s.Store.DeleteEndpoint(c.r.Context(), c.account(), c.id())
	if errors.Is(err, webhook.ErrNotFound) {
		return noEndpoint()
	}
	if err != nil {
		return fmt.Errorf("remove endpoint %s: %w", c.id(), err)
	}
	c.w.WriteHeader(http.StatusNoContent)
	return nil
}

func (s *server) endpoint(c *call) (webhook.Endpoint, error) {
	if err := checkEndpointID(c.id()); err != nil {
		return webhook.Endpoint{}, err
	}
	e, err := s.Store.Endpoint(c.r.Context(), c.account(), c.id())
	if errors.Is(err, webhook.ErrNotFound) {
		return e, noEndpoint()
	}
	if err != nil {
		return e, fmt.Errorf("read endpoint %s: %w", c.id(), err)
	}
	return e, nil
}

func noEndpoint() *problem { return notFound("this account has no such endpoint") }

// checkEndpointID spares the store what no endpoint is called, and keeps it
// from what is no endpoint, such as webhook.JobTarget.
func checkEndpointID(id string) error {
	const letters = "abcdefghijklmnopqrstuvwxyz0123456789_"
	if !strings.HasPrefix(id, "ep_") || len(id) > 64 || strings.Trim(id, letters) != "" {
		return noEndpoint()
	}
	return nil
}
