package dynamo

import (
	"context"
	"slices"
	"strings"

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
	found, err := s.read(ctx, []string{attrGen}, keys...)
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
	record, ok := found[k]
	if !ok {
		return nil, nil //nolint:nilnil // no event is no error
	}
	e, err := decodeEvent(record)
	if err != nil || e.MessageID != messageID {
		return nil, err
	}
	return &e, nil
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
		rows, next, err := s.page(ctx, l, cursor)
		for _, row := range rows {
			var e webhook.Event
			if e, err = decodeEvent(row); err != nil {
				break
			}
			if e.Account == account && e.Job.ID == jobID {
				events = append(events, e)
			}
		}
		if err != nil {
			return nil, wrap(err, "events of job %.80q", jobID)
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
	found, err := s.read(ctx, nil, wanted...)
	deliveries := make([]*webhook.Delivery, len(keys))
	for i, k := range wanted {
		if err == nil {
			deliveries[i], err = pick(found, k, decodeDelivery)
		}
	}
	return deliveries, wrap(err, "read %d deliveries", len(keys))
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
	found, err := s.read(ctx, nil, wanted...)
	if err != nil {
		return nil, wrap(err, "load %d deliveries", len(keys))
	}
	loaded := make([]webhook.Loaded, len(keys))
	for i, k := range keys {
		l := &loaded[i]
		if l.Event, err = s.eventIn(found, k.MessageID); err != nil {
			return nil, wrap(err, "load event %s", k.MessageID)
		}
		if l.Event != nil && l.Event.Account != k.Account {
			l.Event = nil
		}
		if l.Delivery, err = pick(found, s.deliveryKey(k), decodeDelivery); err != nil {
			return nil, wrap(err, "load delivery %s", k.ID())
		}
		if l.Endpoint, err = pick(found, s.endpointKey(k.Account, k.EndpointID), decodeEndpoint); err != nil {
			return nil, wrap(err, "load endpoint %s", k.EndpointID)
		}
	}
	return loaded, nil
}

// pick decodes one of the records that were read; nil when it is not there. An
// item without a layout is no record: a job record's counter alone.
func pick[T any](found map[key]item, k key, decode func(item) (T, error)) (*T, error) {
	record := found[k]
	if record[attrLayout] == nil {
		return nil, nil //nolint:nilnil // no record is no error
	}
	v, err := decode(record)
	if err != nil {
		return nil, err
	}
	return &v, nil
}

// EndpointDeliveries is a page of an endpoint's log, see webhook.Store. With a
// rare status a page may end early, with a cursor.
func (s *Store) EndpointDeliveries(ctx context.Context, q webhook.LogQuery) ([]webhook.Delivery, string, error) {
	l := list{
		table: s.tables.Deliveries, partition: attrPK, rank: attrSK, descending: true, limit: q.Limit,
		partitions: shards(logShards, func(shard string) string { return logPartition(q.Account, q.EndpointID, shard) }),
	}
	l.low, l.high = bounds(q.Since, q.Until)
	l.mark = mark("log", q.Account, q.EndpointID, string(q.Status), l.low, l.high)
	if l.high != "" {
		l.high += "~" // sort keys go on behind the time
	}
	l.byStatus(q.Status)
	rows, next, err := s.page(ctx, l, q.Cursor)
	if err != nil {
		return nil, "", wrap(err, "deliveries of %s", q.EndpointID)
	}
	page := make([]webhook.Delivery, 0, len(rows))
	for _, row := range rows {
		d, err := decodeDelivery(row)
		if err != nil {
			return nil, "", wrap(err, "deliveries of %s", q.EndpointID)
		}
		page = append(page, d)
	}
	return page, next, nil
}

func (l *list) byStatus(status webhook.Status) {
	if status != "" {
		l.filter, l.filterNames, l.filterValues = "#st = :st", []string{attrStatus}, item{":st": text(string(status))}
	}
}

// Recoverable is a page of what failed or is held, see webhook.Store. The order
// is the index's; the records are read by key, as they are now, and checked
// once more, so a page may have fewer.
func (s *Store) Recoverable(ctx context.Context, q webhook.LogQuery) ([]webhook.Delivery, string, error) {
	l := list{
		table: s.tables.Deliveries, rank: attrSettled, descending: true, limit: q.Limit, includeExpired: true,
		id: func(row item) string { return row.text(attrPK) + " " + row.text(attrSK) },
	}
	if q.EndpointID == "" {
		l.index, l.partition = RecoverableIndex, attrRec
		l.partitions = shards(recoverableShards, func(shard string) string { return recoverablePartition(q.Account, shard) })
	} else {
		l.index, l.partition = EndpointRecoverableIndex, attrPK
		l.partitions = shards(logShards, func(shard string) string { return logPartition(q.Account, q.EndpointID, shard) })
	}
	l.low, l.high = bounds(q.Since, q.Until)
	l.mark = mark("recoverable", q.Account, q.EndpointID, string(q.Status), l.low, l.high)
	l.byStatus(q.Status)
	rows, next, err := s.page(ctx, l, q.Cursor)
	if err != nil {
		return nil, "", wrap(err, "recoverable deliveries of %s", strings.TrimSpace(q.Account+" "+q.EndpointID))
	}
	wanted := make([]key, len(rows))
	for i, row := range rows {
		wanted[i] = s.keyOf(s.tables.Deliveries, row)
	}
	found, err := s.read(ctx, nil, wanted...)
	page := make([]webhook.Delivery, 0, len(rows))
	for _, k := range wanted {
		var d *webhook.Delivery
		if err == nil {
			d, err = pick(found, k, decodeDelivery)
		}
		if err != nil {
			return nil, "", wrap(err, "recoverable deliveries of %s", q.Account)
		}
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
