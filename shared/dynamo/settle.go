package dynamo

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"
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
	ctx, cancel := context.WithTimeoutCause(ctx, triesFor, fmt.Errorf("tried for %s", triesFor))
	defer cancel()
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
	standing, err := s.read(ctx, "", keys...)
	for _, w := range lost {
		record, stands := standing[w.key]
		switch {
		case err != nil:
			w.answer(err)
		case stands && record.text(attrRev) == w.record.text(attrRev):
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
	partition, _ := s.keyNames(k.table)
	condition, values := "attribute_not_exists(#"+partition+") OR #x <= :now", item{":now": numeral(s.now().Unix())}
	if rev != "" {
		condition = "#rev = :rev AND (attribute_not_exists(#x) OR #x > :now)"
		values[":rev"] = text(rev)
	}
	_, err := s.api.PutItem(ctx, &dynamodb.PutItemInput{
		TableName: aws.String(k.table), Item: record, ConditionExpression: aws.String(condition),
		ExpressionAttributeNames: names(condition), ExpressionAttributeValues: values,
		ReturnValuesOnConditionCheckFailure: types.ReturnValuesOnConditionCheckFailureAllOld,
	})
	standing, lost := lostTo(err)
	switch {
	case !lost:
		return err
	case standing.text(attrRev) == record.text(attrRev):
		return nil // landed before: its answer was lost
	}
	return webhook.ErrLost
}

// Statements have values as parameters only: their text, of which DynamoDB
// accepts 8,192 characters, depends on which attributes a record has and
// nothing else.

// insertStatement inserts a record, or is answered DuplicateItem.
func insertStatement(table string, record item) types.BatchStatementRequest {
	var pairs []string
	var values []types.AttributeValue
	for _, name := range slices.Sorted(maps.Keys(record)) {
		pairs = append(pairs, "'"+name+"': ?")
		values = append(values, record[name])
	}
	return types.BatchStatementRequest{
		Statement:  aws.String(`INSERT INTO "` + table + `" VALUE {` + strings.Join(pairs, ", ") + "}"),
		Parameters: values,
	}
}

// updateStatement gives the named attributes what record has of them, if the
// standing record has this rev and has not expired; else it is answered
// ConditionalCheckFailed.
//
// PartiQL's SET accepts a list and its REMOVE one attribute, so what record
// lacks becomes NULL, which reads as absent, and only attrSettled is removed:
// without it the record is in neither index. A record that expires at all does
// so in every version, so the condition needs no OR.
func updateStatement(table string, record item, names []string, rev string, now int64) types.BatchStatementRequest {
	var set []string
	var values []types.AttributeValue
	remove := ""
	for _, name := range names {
		value, has := record[name]
		switch {
		case has:
		case name == attrSettled:
			remove = ` REMOVE "` + name + `"`
			continue
		case name == attrRec || name == TTLAttribute: // an index and TTL accept no NULL
			continue
		default:
			value = &types.AttributeValueMemberNULL{Value: true}
		}
		set, values = append(set, `"`+name+`"=?`), append(values, value)
	}
	where := ` WHERE "` + attrPK + `"=? AND "` + attrSK + `"=? AND "` + attrRev + `"=?`
	values = append(values, record[attrPK], record[attrSK], text(rev))
	if _, expires := record[TTLAttribute]; expires {
		where += ` AND "` + TTLAttribute + `">?`
		values = append(values, numeral(now))
	}
	return types.BatchStatementRequest{
		Statement:  aws.String(`UPDATE "` + table + `" SET ` + strings.Join(set, ", ") + remove + where),
		Parameters: values,
	}
}
