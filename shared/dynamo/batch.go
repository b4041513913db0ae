package dynamo

import (
	"context"
	"fmt"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
)

const (
	// batchTries bounds how often what BatchGetItem left out is asked for
	// again: it leaves out what was throttled or went beyond 16 MB.
	batchTries = 6
	batchPause = 25 * time.Millisecond // before the second try; then doubled
)

// UnprocessedError says that DynamoDB kept leaving keys out: it is throttled.
type UnprocessedError struct {
	Keys int
}

func (e *UnprocessedError) Error() string {
	return fmt.Sprintf("DynamoDB left %d keys unread after %d tries: throttled", e.Keys, batchTries)
}

// batchGet reads up to 100 records by key, strongly consistently, by table, in
// no order. What does not exist is left out.
func (s *Store) batchGet(ctx context.Context, want map[string][]item) (map[string][]item, error) {
	request := map[string]types.KeysAndAttributes{}
	for table, list := range want {
		keys := make([]map[string]types.AttributeValue, 0, len(list))
		for _, key := range list {
			keys = append(keys, key)
		}
		request[table] = types.KeysAndAttributes{Keys: keys, ConsistentRead: aws.Bool(true)}
	}
	found := map[string][]item{}
	pause := batchPause
	for try := 1; ; try++ {
		out, err := s.api.BatchGetItem(ctx, &dynamodb.BatchGetItemInput{RequestItems: request})
		if err != nil {
			return nil, err
		}
		for table, records := range out.Responses {
			for _, record := range records {
				found[table] = append(found[table], record)
			}
		}
		if len(out.UnprocessedKeys) == 0 {
			return found, nil
		}
		if try == batchTries {
			return nil, &UnprocessedError{Keys: countKeys(out.UnprocessedKeys)}
		}
		request = out.UnprocessedKeys
		if err := wait(ctx, pause); err != nil {
			return nil, err
		}
		pause *= 2
	}
}

func countKeys(left map[string]types.KeysAndAttributes) int {
	total := 0
	for _, keys := range left {
		total += len(keys.Keys)
	}
	return total
}

func wait(ctx context.Context, d time.Duration) error {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}
