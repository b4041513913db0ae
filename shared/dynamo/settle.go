package dynamo

import (
	"context"
	"fmt"
	"sync"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/aws/retry"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"

	"github.com/jobhook/jobhook/shared/webhook"
)

// settle executes a call and gives each of its writes an answer.
func (s *Store) settle(ctx context.Context, batch []*write) {
	again := s.execute(ctx, batch)
	if len(again) == 0 {
		return
	}
	if _, ends := ctx.Deadline(); !ends {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeoutCause(ctx, unboundedTries, fmt.Errorf("tried for %s", unboundedTries))
		defer cancel()
	}
	var tries sync.WaitGroup
	for _, w := range again {
		tries.Go(func() {
			for n := 2; ; n++ {
				if err := pause(ctx, n); err != nil {
					*w.err = fmt.Errorf("%w (%w)", *w.err, err)
					return
				}
				if len(s.execute(ctx, []*write{w})) == 0 {
					return
				}
			}
		})
	}
	tries.Wait()
}

// execute makes one call, and returns the writes that another try may help.
// Those have an answer too, for when there is none.
func (s *Store) execute(ctx context.Context, batch []*write) (again []*write) {
	in := &dynamodb.BatchExecuteStatementInput{}
	for _, w := range batch {
		in.Statements = append(in.Statements, w.statement)
	}
	out, err := s.api.BatchExecuteStatement(ctx, in)
	if err == nil && len(out.Responses) != len(batch) {
		err = fmt.Errorf("DynamoDB answered %d of %d statements", len(out.Responses), len(batch))
	}
	if err != nil {
		for _, w := range batch {
			w.answer(err)
		}
		if ctx.Err() == nil && retry.IsErrorRetryables(retry.DefaultRetryables).IsErrorRetryable(err) == aws.TrueTernary {
			return batch
		}
		return nil
	}
	var lost []*write
	for i, w := range batch {
		response := out.Responses[i]
		if response.Error == nil {
			w.answer(nil)
			continue
		}
		failed := &StatementError{response.Error.Code, aws.ToString(response.Error.Message)}
		w.answer(failed)
		switch {
		case failed.Code == types.BatchStatementErrorCodeEnumDuplicateItem,
			failed.Code == types.BatchStatementErrorCodeEnumConditionalCheckFailed:
			lost = append(lost, w)
		case failed.passes():
			again = append(again, w)
		}
	}
	s.compare(ctx, lost)
	return again
}

// compare tells a lost race from a write that had landed before, by what stands
// in its place, and inserts where that has expired.
func (s *Store) compare(ctx context.Context, lost []*write) {
	if len(lost) == 0 {
		return
	}
	keys := make([]key, len(lost))
	for i, w := range lost {
		keys[i] = w.key
	}
	standing, err := s.read(ctx, nil, keys...)
	for _, w := range lost {
		record, stands := standing[w.key]
		switch {
		case err != nil:
			w.answer(err)
		case stands && record.text(attrRev) == w.rev:
			w.answer(nil)
		case stands || !w.insert:
			w.answer(webhook.ErrLost)
		default:
			w.answer(s.put(ctx, w.key, w.record, ""))
		}
	}
}

// put stores a record by itself: in place of the one whose Rev is rev, or, when
// rev is empty, where there is none that has not expired.
func (s *Store) put(ctx context.Context, k key, record item, rev string) error {
	partition, _ := s.names(k.table)
	in := &dynamodb.PutItemInput{
		TableName: aws.String(k.table), Item: record,
		ConditionExpression:                 aws.String("attribute_not_exists(#key) OR #expires <= :now"),
		ExpressionAttributeNames:            map[string]string{"#key": partition, "#expires": TTLAttribute},
		ExpressionAttributeValues:           item{":now": numeral(s.now().Unix())},
		ReturnValuesOnConditionCheckFailure: types.ReturnValuesOnConditionCheckFailureAllOld,
	}
	if rev != "" {
		in.ConditionExpression = aws.String("#rev = :rev AND (attribute_not_exists(#expires) OR #expires > :now)")
		in.ExpressionAttributeNames = map[string]string{"#rev": attrRev, "#expires": TTLAttribute}
		in.ExpressionAttributeValues[":rev"] = text(rev)
	}
	_, err := s.api.PutItem(ctx, in)
	standing, lost := lostTo(err)
	switch {
	case !lost:
		return err
	case standing.text(attrRev) == record.text(attrRev):
		return nil // landed before: its answer was lost
	}
	return webhook.ErrLost
}
