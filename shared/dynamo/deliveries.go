package dynamo

import (
	"context"
	"fmt"

	"github.com/jobhook/jobhook/shared/webhook"
)

// InsertDelivery stores a delivery's first record, or answers webhook.ErrLost
// when there is one.
func (s *Store) InsertDelivery(ctx context.Context, d webhook.Delivery) error {
	_, err := s.put(ctx, s.tables.Deliveries, deliveryItem(d), s.absent(attrMessageID))
	return wrap(err, "insert delivery %s", d.ID())
}

// ReplaceDelivery stores d in place of the record whose Rev is rev, or answers
// webhook.ErrLost.
func (s *Store) ReplaceDelivery(ctx context.Context, rev string, d webhook.Delivery) error {
	_, err := s.put(ctx, s.tables.Deliveries, deliveryItem(d), s.at(rev))
	return wrap(err, "replace delivery %s", d.ID())
}

// LoadDelivery returns a delivery with its event and its endpoint, read
// strongly consistently in one call; webhook.ErrNotFound when event or delivery
// is gone or belongs to another account.
func (s *Store) LoadDelivery(ctx context.Context, messageID, account, endpointID string) (webhook.Loaded, error) {
	loaded, err := s.loadDelivery(ctx, messageID, account, endpointID)
	return loaded, wrap(err, "load delivery %s", webhook.DeliveryID(messageID, endpointID))
}

func (s *Store) loadDelivery(ctx context.Context, messageID, account, endpointID string) (webhook.Loaded, error) {
	want := map[string][]item{s.tables.Deliveries: {eventKey(messageID), deliveryKey(messageID, endpointID)}}
	if endpointID != webhook.JobTarget {
		want[s.tables.Endpoints] = []item{endpointTableKey(account, endpointID)}
	}
	found, err := s.batchGet(ctx, want)
	if err != nil {
		return webhook.Loaded{}, err
	}
	loaded, err := s.readLoaded(found)
	switch {
	case err != nil:
		return webhook.Loaded{}, err
	case loaded.Event.MessageID == "" || loaded.Delivery.MessageID == "",
		loaded.Event.Account != account || loaded.Delivery.Account != account:
		return webhook.Loaded{}, webhook.ErrNotFound
	}
	return loaded, nil
}

// readLoaded leaves out what has expired.
func (s *Store) readLoaded(found map[string][]item) (webhook.Loaded, error) {
	var loaded webhook.Loaded
	for _, record := range found[s.tables.Endpoints] {
		endpoint := readEndpoint(record)
		loaded.Endpoint = &endpoint
	}
	for _, record := range found[s.tables.Deliveries] {
		if !s.alive(record.expiry()) {
			continue
		}
		if record.text(attrItem) != itemEvent {
			loaded.Delivery = readDelivery(record)
			continue
		}
		event, err := readEvent(record)
		if err != nil {
			return webhook.Loaded{}, fmt.Errorf("read event: %w", err)
		}
		loaded.Event = event
	}
	return loaded, nil
}
