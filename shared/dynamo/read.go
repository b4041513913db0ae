package dynamo

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
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

func unprocessed(left map[string]types.KeysAndAttributes) error {
	e := &UnprocessedError{}
	for _, asked := range left {
		e.Keys += len(asked.Keys)
	}
	return e
}

// read reads records by key, strongly consistently, up to 100 in a call.
// Equal keys are read once. What does not exist or has expired is left out. A
// projection leaves of endpoints nothing but their keys and what it names.
func (s *Store) read(ctx context.Context, projection []string, keys ...key) (map[key]item, error) {
	found := make(map[key]item, len(keys))
	unique := map[key]bool{}
	for _, k := range keys {
		unique[k] = true
	}
	for chunk := range slices.Chunk(slices.Collect(maps.Keys(unique)), maxKeys) {
		request := map[string]types.KeysAndAttributes{}
		for _, k := range chunk {
			asked, ok := request[k.table]
			if !ok {
				asked = s.asked(k.table, projection)
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

func (s *Store) asked(table string, projection []string) types.KeysAndAttributes {
	asked := types.KeysAndAttributes{ConsistentRead: aws.Bool(true)}
	if len(projection) > 0 && table == s.tables.Endpoints {
		asked.ExpressionAttributeNames = map[string]string{}
		for _, name := range append([]string{attrAccount, attrEndpointID}, projection...) {
			asked.ExpressionAttributeNames["#"+name] = name
		}
		asked.ProjectionExpression = aws.String(strings.Join(slices.Sorted(maps.Keys(asked.ExpressionAttributeNames)), ", "))
	}
	return asked
}

// batchGet makes one call, and more for what that leaves out.
func (s *Store) batchGet(ctx context.Context, request map[string]types.KeysAndAttributes, found map[key]item) error {
	for try := 1; ; try++ {
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
		if len(out.UnprocessedKeys) == 0 {
			return nil
		}
		if request = out.UnprocessedKeys; try == batchTries {
			return unprocessed(request)
		}
		if err := pause(ctx, try+1); err != nil {
			return err
		}
	}
}
