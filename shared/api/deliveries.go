package api

import "net/http"

// listDeliveries shows the log of a removed endpoint too, as long as it has one.
func (s *server) listDeliveries(c *call) error {
	if err := checkEndpointID(c.id()); err != nil {
		return err
	}
	p, err := c.paging("limit", "cursor", "status")
	if err != nil {
		return err
	}
	deliveries, next, err := s.Store.EndpointDeliveries(c.r.Context(), c.account(), c.id(), p.status, p.limit, p.cursor)
	if err != nil {
		return listError("deliveries", err)
	}
	if len(deliveries) == 0 && p.cursor == "" {
		if _, err := s.endpoint(c); err != nil {
			return err
		}
	}
	return c.answer(http.StatusOK, page(deliveries, next, showDelivery))
}
