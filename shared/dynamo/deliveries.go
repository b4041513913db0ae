package dynamo

import (
	"cmp"
	"context"
	"errors"
	"slices"
	"time"

	"github.com/jobhook/jobhook/shared/webhook"
)

// Events reads events by message id, see webhook.Store.
func (s *Store) Events(ctx context.Context, messageIDs ...string) ([]*webhook.Event, error) {
	events, _, err := s.Arrivals(ctx, messageIDs, nil)
	return events, err
}

// Generations reads the counters of accounts' job records, see webhook.Store.
func (s *Store) Generations(ctx context.Context, accounts ...string) ([]int64, error) {
	_, generations, err := s.Arrivals(ctx, nil, accounts)
	return generations, err
}

// Arrivals reads both, see webhook.Store: one call for each 100.
func (s *Store) Arrivals(ctx context.Context, messageIDs, accounts []string) ([]*webhook.Event, []int64, error) {
	var keys []key
	for _, id := range messageIDs {
		if k, ok := s.eventKey(id); ok {
			keys = append(keys, k)
		}
	}
	for _, account := range accounts {
		keys = append(keys, s.endpointKey(account, webhook.JobTarget))
	}
	found, err := s.read(ctx, "#"+attrAccount+", #"+attrEndpointID+", #"+attrGen, keys...)
	if err != nil {
		return nil, nil, wrap(err, "read %d events and the generations of %d accounts", len(messageIDs), len(accounts))
	}
	events, generations := make([]*webhook.Event, len(messageIDs)), make([]int64, len(accounts))
	for i, id := range messageIDs {
		if events[i], err = s.eventIn(found, id); err != nil {
			return nil, nil, wrap(err, "read event %s", id)
		}
	}
	for i, account := range accounts {
		generations[i] = found[s.endpointKey(account, webhook.JobTarget)].number(attrGen)
	}
	return events, generations, nil
}

// eventIn picks an event out of what was read: nil when it is not there, or
// when what is there has a hash in common with it and nothing else.
func (s *Store) eventIn(found map[key]item, messageID string) (*webhook.Event, error) {
	k, _ := s.eventKey(messageID)
	e, err := pick(found, k, decodeEvent)
	if e == nil || e.MessageID != messageID {
		return nil, err
	}
	return e, nil
}

// JobEvents reads a job's events, see webhook.Store: one call, more only beyond
// 1 MB.
func (s *Store) JobEvents(ctx context.Context, account, jobID string) ([]webhook.Event, error) {
	l := list{
		table: s.tables.Deliveries, partition: attrPK, partitions: []string{webhook.JobPart(account, jobID)},
		rank: attrSK, low: eventPrefix, high: eventPrefix + "~", limit: MaxPage,
	}
	var events []webhook.Event
	for cursor := ""; ; {
		page, next, err := pageOf(ctx, s, l, cursor, decodeEvent)
		if err != nil {
			return nil, wrap(err, "events of job %.80q", jobID)
		}
		for _, e := range page {
			if e.Account == account && e.Job.ID == jobID {
				events = append(events, e)
			}
		}
		if cursor = next; cursor == "" || len(events) >= webhook.MaxJobEvents {
			break
		}
	}
	slices.SortStableFunc(events, func(a, b webhook.Event) int { return a.OccurredAt.Compare(b.OccurredAt) })
	return events[:min(len(events), webhook.MaxJobEvents)], nil
}

// Deliveries reads deliveries by key, see webhook.Store.
func (s *Store) Deliveries(ctx context.Context, keys ...webhook.DeliveryKey) ([]*webhook.Delivery, error) {
	wanted := make([]key, len(keys))
	for i, k := range keys {
		wanted[i] = s.deliveryKey(k)
	}
	deliveries, err := s.deliveriesAt(ctx, wanted)
	return deliveries, wrap(err, "read %d deliveries", len(keys))
}

func (s *Store) deliveriesAt(ctx context.Context, keys []key) ([]*webhook.Delivery, error) {
	found, err := s.read(ctx, "", keys...)
	deliveries := make([]*webhook.Delivery, len(keys))
	for i, k := range keys {
		if err == nil {
			deliveries[i], err = pick(found, k, decodeDelivery)
		}
	}
	return deliveries, err
}

// Load reads what attempts need, see webhook.Store: 33 to 100 deliveries in
// one call.
func (s *Store) Load(ctx context.Context, keys ...webhook.DeliveryKey) ([]webhook.Loaded, error) {
	var wanted []key
	for _, k := range keys {
		wanted = append(wanted, s.deliveryKey(k), s.endpointKey(k.Account, k.EndpointID))
		if event, ok := s.eventKey(k.MessageID); ok {
			wanted = append(wanted, event)
		}
	}
	found, err := s.read(ctx, "", wanted...)
	if err != nil {
		return nil, wrap(err, "load %d deliveries", len(keys))
	}
	loaded := make([]webhook.Loaded, len(keys))
	for i, k := range keys {
		var event, delivery, endpoint error
		l := &loaded[i]
		l.Event, event = s.eventIn(found, k.MessageID)
		l.Delivery, delivery = pick(found, s.deliveryKey(k), decodeDelivery)
		l.Endpoint, endpoint = pick(found, s.endpointKey(k.Account, k.EndpointID), decodeEndpoint)
		if err := errors.Join(event, delivery, endpoint); err != nil {
			return nil, wrap(err, "load delivery %s", k.ID())
		}
		if l.Event != nil && l.Event.Account != k.Account {
			l.Event = nil
		}
	}
	return loaded, nil
}

// EndpointDeliveries is a page of an endpoint's log, see webhook.Store. With a
// rare status a page may end early, with a cursor.
func (s *Store) EndpointDeliveries(ctx context.Context, q webhook.LogQuery) ([]webhook.Delivery, string, error) {
	l := s.logList("log", attrSK, q)
	if l.high != "" {
		l.high += "~" // sort keys go on behind the time
	}
	page, next, err := pageOf(ctx, s, l, q.Cursor, decodeDelivery)
	return page, next, wrap(err, "deliveries of %s", q.EndpointID)
}

// logList is what a query asks for of an endpoint's log, by rank.
func (s *Store) logList(kind, rank string, q webhook.LogQuery) list {
	l := list{
		table: s.tables.Deliveries, partition: attrPK, rank: rank, descending: true, limit: q.Limit,
		partitions: shards(logPrefix(q.Account, q.EndpointID), logShards),
	}
	const unit = time.Millisecond // ranks are whole ones, so a bound between two is the later one's
	l.low = stamp(q.Since.Add(unit - 1).Truncate(unit))
	if !q.Until.IsZero() {
		l.high = stamp(q.Until.Add(-1).Truncate(unit))
	}
	l.mark = mark(kind, q.Account, q.EndpointID, string(q.Status), l.low, l.high)
	if q.Status != "" {
		l.filter, l.values = "#"+attrStatus+" = :status", item{":status": text(string(q.Status))}
	}
	return l
}

// Recoverable is a page of what failed or is held, see webhook.Store. The order
// is the index's; the records are read by key, as they are now, and checked
// once more, so a page may have fewer.
func (s *Store) Recoverable(ctx context.Context, q webhook.LogQuery) ([]webhook.Delivery, string, error) {
	l := s.logList("recoverable", attrSettled, q)
	l.index = EndpointRecoverableIndex
	l.id = func(row item) string { return row.text(attrPK) + " " + row.text(attrSK) }
	if q.EndpointID == "" {
		l.index, l.partition, l.partitions = RecoverableIndex, attrRec, shards(q.Account, recoverableShards)
	}
	rows, next, err := s.page(ctx, l, q.Cursor)
	wanted := make([]key, len(rows))
	for i, row := range rows {
		wanted[i] = s.keyOf(s.tables.Deliveries, row)
	}
	var found []*webhook.Delivery
	if err == nil {
		found, err = s.deliveriesAt(ctx, wanted)
	}
	if err != nil {
		return nil, "", wrap(err, "recoverable deliveries of %s", cmp.Or(q.EndpointID, q.Account))
	}
	page := make([]webhook.Delivery, 0, len(found))
	for _, d := range found {
		if d != nil && recoverable(*d, q) {
			page = append(page, *d)
		}
	}
	return page, next, nil
}

func recoverable(d webhook.Delivery, q webhook.LogQuery) bool {
	return (d.Status == webhook.Failed || d.Status == webhook.Held) &&
		(q.Status == "" || d.Status == q.Status) &&
		(q.Since.IsZero() || !d.SettledAt.Before(q.Since)) && (q.Until.IsZero() || d.SettledAt.Before(q.Until))
}
