package dynamo

import (
	"context"
	"fmt"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"

	"github.com/jobhook/jobhook/shared/webhook"
)

const (
	// logCalls bounds how many index pages one list call reads while it looks
	// for a rare status; the next call goes on from there.
	logCalls = 8
	// logGrowth makes each of these pages larger than the one before: a status
	// that is common costs little, a rare one few calls.
	logGrowth  = 4
	logLargest = 5000 // about 1 MB of index entries, the most in one answer
)

// EndpointDeliveries returns a page of an endpoint's delivery log, newest
// first, with the cursor of the next page. The order comes from the index,
// which lags behind writes by moments; the records are read by key, as they are
// now, and checked once more. A page may be shorter than limit.
func (s *Store) EndpointDeliveries(ctx context.Context, account, endpointID string, status webhook.Status, limit int, cursor string) ([]webhook.Delivery, string, error) {
	after, err := logCursor.read(cursor)
	if err != nil {
		return nil, "", err
	}
	entries, last, err := s.logEntries(ctx, s.logQuery(account, endpointID, status, after), clamp(limit))
	if err != nil {
		return nil, "", fmt.Errorf("deliveries of %s: %w", endpointID, err)
	}
	page, err := s.logRecords(ctx, entries, status)
	if err != nil {
		return nil, "", fmt.Errorf("deliveries of %s: %w", endpointID, err)
	}
	if last == "" {
		return page, "", nil
	}
	return page, logCursor.write(last), nil
}

func (s *Store) logQuery(account, endpointID string, status webhook.Status, after string) *dynamodb.QueryInput {
	in := &dynamodb.QueryInput{
		TableName:                aws.String(s.tables.Deliveries),
		IndexName:                aws.String(ByEndpoint),
		KeyConditionExpression:   aws.String("#key = :key"),
		FilterExpression:         aws.String("(attribute_not_exists(#expires) OR #expires > :now)"),
		ExpressionAttributeNames: map[string]string{"#key": attrEndpointKey, "#expires": TTLAttribute},
		ExpressionAttributeValues: item{
			":key": text(endpointKey(account, endpointID)), ":now": numeral(s.now().Unix()),
		},
		ScanIndexForward: aws.Bool(false),
	}
	if status != "" {
		in.FilterExpression = aws.String(*in.FilterExpression + " AND #status = :status")
		in.ExpressionAttributeNames["#status"] = attrStatus
		in.ExpressionAttributeValues[":status"] = text(string(status))
	}
	if after != "" {
		in.ExclusiveStartKey = deliveryKey(after[len(sortLayout):], endpointID)
		in.ExclusiveStartKey[attrEndpointKey] = text(endpointKey(account, endpointID))
		in.ExclusiveStartKey[attrSort] = text(after)
	}
	return in
}

// logEntries reads index entries until there are limit of them. last is the
// sort key to go on after, empty at the log's end.
func (s *Store) logEntries(ctx context.Context, in *dynamodb.QueryInput, limit int) (entries []item, last string, err error) {
	size := limit + 1 // one more tells whether any follow
	for range logCalls {
		in.Limit = aws.Int32(int32(size))
		out, err := s.api.Query(ctx, in)
		if err != nil {
			return nil, "", err
		}
		for _, entry := range out.Items {
			entries = append(entries, entry)
		}
		if len(entries) > limit {
			return entries[:limit], entries[limit-1].text(attrSort), nil
		}
		if len(out.LastEvaluatedKey) == 0 {
			return entries, "", nil
		}
		in.ExclusiveStartKey, last = out.LastEvaluatedKey, item(out.LastEvaluatedKey).text(attrSort)
		size = min(size*logGrowth, logLargest)
	}
	return entries, last, nil
}

// logRecords reads the records of index entries, in their order, without those
// that have gone or moved to another status since the index was written.
func (s *Store) logRecords(ctx context.Context, entries []item, status webhook.Status) ([]webhook.Delivery, error) {
	if len(entries) == 0 {
		return nil, nil
	}
	keys := make([]item, 0, len(entries))
	for _, entry := range entries {
		keys = append(keys, item{attrMessageID: entry[attrMessageID], attrItem: entry[attrItem]})
	}
	found, err := s.batchGet(ctx, map[string][]item{s.tables.Deliveries: keys})
	if err != nil {
		return nil, err
	}
	records := map[string]webhook.Delivery{}
	for _, record := range found[s.tables.Deliveries] {
		d := readDelivery(record)
		if s.alive(d.ExpiresAt) && (status == "" || d.Status == status) {
			records[d.MessageID] = d
		}
	}
	page := make([]webhook.Delivery, 0, len(entries))
	for _, entry := range entries {
		if d, ok := records[entry.text(attrMessageID)]; ok {
			page = append(page, d)
		}
	}
	return page, nil
}
