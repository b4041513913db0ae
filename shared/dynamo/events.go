package dynamo

import (
	"context"
	"errors"
	"fmt"
	"maps"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"

	"github.com/jobhook/jobhook/shared/webhook"
)

// InsertEvent stores e unless its MessageID is taken; then the answer is
// webhook.ErrLost and the event that stands. A *TooLargeError says that it can
// never be stored.
func (s *Store) InsertEvent(ctx context.Context, e webhook.Event) (webhook.Event, error) {
	standing, err := s.put(ctx, s.tables.Deliveries, eventItem(e), s.absent(attrMessageID))
	if err == nil {
		return e, nil
	}
	err = fmt.Errorf("insert event %s: %w", e.MessageID, err)
	if !errors.Is(err, webhook.ErrLost) {
		return webhook.Event{}, err
	}
	stands, unreadable := readEvent(standing)
	if unreadable != nil {
		return webhook.Event{}, fmt.Errorf("read event %s: %w", e.MessageID, unreadable)
	}
	return stands, err
}

// LeaseEvent gives the event at rev a lease, a new Rev, and its targets if it
// has none, and returns it; webhook.ErrLost at another rev, webhook.ErrNotFound
// when there is none. It writes (and pays for) the item with its payload.
func (s *Store) LeaseEvent(ctx context.Context, messageID, rev string, to webhook.Claim) (webhook.Event, error) {
	event, err := s.leaseEvent(ctx, messageID, rev, to)
	return event, wrap(err, "lease event %s", messageID)
}

func (s *Store) leaseEvent(ctx context.Context, messageID, rev string, to webhook.Claim) (webhook.Event, error) {
	out, err := s.api.UpdateItem(ctx, s.leaseInput(messageID, rev, to))
	standing, lost := lostTo(err)
	switch {
	case lost && standing.text(attrRev) == to.Rev:
		return readEvent(standing) // landed before
	case lost && (len(standing) == 0 || !s.alive(standing.expiry())):
		return webhook.Event{}, webhook.ErrNotFound
	case lost:
		return webhook.Event{}, webhook.ErrLost
	case err != nil:
		return webhook.Event{}, err
	}
	return readEvent(out.Attributes)
}

func (s *Store) leaseInput(messageID, rev string, to webhook.Claim) *dynamodb.UpdateItemInput {
	only := s.at(rev)
	maps.Copy(only.names, map[string]string{"#targets": attrTargets, "#message": attrLeaseMessage, "#until": attrLeaseUntil})
	only.values[":targets"] = list(to.Targets)
	only.values[":message"] = text(to.Lease.Message)
	only.values[":until"] = text(stamp(to.Lease.Until))
	only.values[":next"] = text(to.Rev)
	return &dynamodb.UpdateItemInput{
		TableName: aws.String(s.tables.Deliveries),
		Key:       eventKey(messageID),
		UpdateExpression: aws.String("SET #rev = :next, #message = :message, #until = :until, " +
			"#targets = if_not_exists(#targets, :targets)"),
		ConditionExpression:                 aws.String(only.expression),
		ExpressionAttributeNames:            only.names,
		ExpressionAttributeValues:           only.values,
		ReturnValues:                        types.ReturnValueAllNew,
		ReturnValuesOnConditionCheckFailure: types.ReturnValuesOnConditionCheckFailureAllOld,
	}
}

// LoadEvent returns an event with all its deliveries, or webhook.ErrNotFound:
// one strongly consistent query, more only beyond 1 MB.
func (s *Store) LoadEvent(ctx context.Context, messageID string) (webhook.Event, []webhook.Delivery, error) {
	records, err := s.query(ctx, &dynamodb.QueryInput{
		TableName:                 aws.String(s.tables.Deliveries),
		KeyConditionExpression:    aws.String("#key = :key"),
		ExpressionAttributeNames:  map[string]string{"#key": attrMessageID},
		ExpressionAttributeValues: item{":key": text(messageID)},
		ConsistentRead:            aws.Bool(true),
	})
	if err != nil {
		return webhook.Event{}, nil, fmt.Errorf("load event %s: %w", messageID, err)
	}
	var event webhook.Event
	var deliveries []webhook.Delivery
	for _, record := range records {
		if !s.alive(record.expiry()) {
			continue
		}
		if record.text(attrItem) != itemEvent {
			deliveries = append(deliveries, readDelivery(record))
		} else if event, err = readEvent(record); err != nil {
			return webhook.Event{}, nil, fmt.Errorf("read event %s: %w", messageID, err)
		}
	}
	if event.MessageID == "" {
		return webhook.Event{}, nil, fmt.Errorf("event %s: %w", messageID, webhook.ErrNotFound)
	}
	return event, deliveries, nil
}

// query reads all pages.
func (s *Store) query(ctx context.Context, in *dynamodb.QueryInput) ([]item, error) {
	var records []item
	for {
		out, err := s.api.Query(ctx, in)
		if err != nil {
			return nil, err
		}
		for _, record := range out.Items {
			records = append(records, record)
		}
		if len(out.LastEvaluatedKey) == 0 {
			return records, nil
		}
		in.ExclusiveStartKey = out.LastEvaluatedKey
	}
}
