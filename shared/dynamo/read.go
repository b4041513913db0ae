package dynamo

import (
	"context"
	"fmt"
	"maps"
	"slices"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"

	"github.com/jobhook/jobhook/shared/webhook"
)

const (
	// maxKeys is BatchGetItem's own limit.
	maxKeys = 100
	// batchTries bounds how often what BatchGetItem left out is asked for
	// again: it leaves out what was throttled or went beyond 16 MB.
	batchTries = 6
)

// UnprocessedError says that DynamoDB kept leaving keys out: it is throttled.
type UnprocessedError struct {
	Keys int
}

func (e *UnprocessedError) Error() string {
	return fmt.Sprintf("DynamoDB left %d keys unread after %d tries: throttled", e.Keys, batchTries)
}

// read reads records by key, strongly consistently, up to 100 in a call.
// Equal keys are read once. What does not exist or has expired is left out. A
// projection leaves of endpoints nothing but what it names, their keys too.
func (s *Store) read(ctx context.Context, projection string, keys ...key) (map[key]item, error) {
	found := make(map[key]item, len(keys))
	unique := map[key]bool{}
	for _, k := range keys {
		unique[k] = true
	}
	for chunk := range slices.Chunk(slices.Collect(maps.Keys(unique)), maxKeys) {
		request := map[string]types.KeysAndAttributes{}
		for _, k := range chunk {
			asked, ok := request[k.table]
			if asked.ConsistentRead = aws.Bool(true); !ok && projection != "" && k.table == s.tables.Endpoints {
				asked.ProjectionExpression, asked.ExpressionAttributeNames = aws.String(projection), names(projection)
			}
			asked.Keys = append(asked.Keys, s.item(k))
			request[k.table] = asked
		}
		if err := s.batchGet(ctx, request, found); err != nil {
			return nil, err
		}
	}
	return found, nil
}

// batchGet makes one call, and more for what that leaves out.
func (s *Store) batchGet(ctx context.Context, request map[string]types.KeysAndAttributes, found map[key]item) error {
	for try := 1; try <= batchTries; try++ {
		if try > 1 {
			if err := pause(ctx, try); err != nil {
				return err
			}
		}
		out, err := s.api.BatchGetItem(ctx, &dynamodb.BatchGetItemInput{RequestItems: request})
		if err != nil {
			return err
		}
		for table, records := range out.Responses {
			for _, record := range records {
				if i := item(record); i.alive(s.now()) {
					found[s.keyOf(table, i)] = i
				}
			}
		}
		if request = out.UnprocessedKeys; len(request) == 0 {
			return nil
		}
	}
	left := &UnprocessedError{}
	for _, asked := range request {
		left.Keys += len(asked.Keys)
	}
	return left
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

// one reads a record, or answers webhook.ErrNotFound.
func one[T any](ctx context.Context, s *Store, k key, decode func(item) (T, error)) (v T, err error) {
	found, err := s.read(ctx, "", k)
	switch {
	case err != nil:
		return v, err
	case found[k][attrLayout] == nil:
		return v, webhook.ErrNotFound
	}
	return decode(found[k])
}
