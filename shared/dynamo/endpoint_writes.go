package dynamo

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"

	"github.com/jobhook/jobhook/shared/webhook"
)

// What an update of an endpoint writes; attrGen is in none of them.
var (
	healthAttributes   = attributes[healthRecord]()
	endpointAttributes = attributes[endpointRecord](attrAccount, attrEndpointID)
)

// Conditions of an endpoint's updates. An item without a layout is none.
const (
	ifFree = "attribute_not_exists(#v) OR #x <= :now"
	ifAt   = "#rev = :from AND attribute_not_exists(#removed_at)"
	ifHere = "attribute_exists(#v) AND attribute_not_exists(#removed_at)"
)

// InsertEndpoint stores a new endpoint, see webhook.Store.
func (s *Store) InsertEndpoint(ctx context.Context, e webhook.Endpoint) error {
	record, err := encode(newEndpointRecord(e))
	if err == nil {
		err = checkSize(record)
	}
	if err == nil {
		u := s.update(e.Account, e.ID, record, endpointAttributes, ifFree, item{":now": numeral(s.now().Unix())})
		err = s.changeEndpoint(ctx, u, e.ID, func(standing item) error { return ownRev(standing, e.Rev) })
	}
	return wrap(err, "insert endpoint %.80q", e.ID)
}

// ReplaceEndpoint stores all of an endpoint but its Health, see webhook.Store.
func (s *Store) ReplaceEndpoint(ctx context.Context, rev string, e webhook.Endpoint) error {
	record, err := encode(newEndpointRecord(e))
	if err == nil {
		err = checkSize(record)
	}
	if err == nil {
		but := slices.DeleteFunc(slices.Clone(endpointAttributes), func(name string) bool { return slices.Contains(healthAttributes, name) })
		u := s.update(e.Account, e.ID, record, but, ifAt, item{":from": text(rev)})
		err = s.changeEndpoint(ctx, u, e.ID, func(standing item) error { return ownRev(standing, e.Rev) })
	}
	return wrap(err, "replace endpoint %.80q", e.ID)
}

// RemoveEndpoint leaves a tombstone, see webhook.Store, which is no longer
// listed as failing.
func (s *Store) RemoveEndpoint(ctx context.Context, account, id string, at, expires time.Time) error {
	record := item{attrRemovedAt: numeral(millis(at)), TTLAttribute: numeral(seconds(expires))}
	u := s.update(account, id, record, []string{attrRemovedAt, TTLAttribute, attrSecrets, attrFailing}, ifHere, nil)
	err := s.changeEndpoint(ctx, u, id, func(standing item) error {
		if standing.number(attrRemovedAt) == millis(at) && standing.number(TTLAttribute) == seconds(expires) {
			return nil // landed before: its answer was lost
		}
		return webhook.ErrNotFound
	})
	return wrap(err, "remove endpoint %.80q", id)
}

// SetHealth replaces an endpoint's Health, see webhook.Store.
func (s *Store) SetHealth(ctx context.Context, account, id string, h webhook.Health) error {
	record, err := encode(newHealthRecord(account, id, h))
	if err != nil {
		return err
	}
	u := s.update(account, id, record, healthAttributes, ifHere, nil)
	_, err = s.api.UpdateItem(ctx, &dynamodb.UpdateItemInput{
		TableName: u.TableName, Key: u.Key, UpdateExpression: u.UpdateExpression, ConditionExpression: u.ConditionExpression,
		ExpressionAttributeNames: u.ExpressionAttributeNames, ExpressionAttributeValues: u.ExpressionAttributeValues,
	})
	if _, lost := lostTo(err); lost {
		err = webhook.ErrNotFound
	}
	return wrap(err, "set the health of endpoint %.80q", id)
}

// ownRev says what a lost condition means where record has a Rev: nothing, when
// the standing one is the very same write.
func ownRev(standing item, rev string) error {
	if standing.text(attrRev) == rev {
		return nil
	}
	return webhook.ErrLost
}

// update sets the named attributes to what record has of them and removes those
// that it lacks. condition's #names are the attributes' own.
func (s *Store) update(account, id string, record item, names []string, condition string, values item) *types.Update {
	u := &types.Update{
		TableName: aws.String(s.tables.Endpoints), Key: s.item(s.endpointKey(account, id)),
		ConditionExpression: aws.String(condition), ExpressionAttributeNames: map[string]string{}, ExpressionAttributeValues: item{},
		ReturnValuesOnConditionCheckFailure: types.ReturnValuesOnConditionCheckFailureAllOld,
	}
	for _, name := range []string{attrLayout, attrRev, attrRemovedAt, TTLAttribute} {
		if strings.Contains(condition, "#"+name) {
			u.ExpressionAttributeNames["#"+name] = name
		}
	}
	maps.Copy(u.ExpressionAttributeValues, values)
	var set, remove []string
	for _, name := range names {
		u.ExpressionAttributeNames["#"+name] = name
		if value, ok := record[name]; ok {
			set = append(set, "#"+name+" = :"+name)
			u.ExpressionAttributeValues[":"+name] = value
		} else {
			remove = append(remove, "#"+name)
		}
	}
	var clauses []string
	if len(set) > 0 {
		clauses = append(clauses, "SET "+strings.Join(set, ", "))
	}
	if len(remove) > 0 {
		clauses = append(clauses, "REMOVE "+strings.Join(remove, ", "))
	}
	u.UpdateExpression = aws.String(strings.Join(clauses, " "))
	if len(u.ExpressionAttributeValues) == 0 { // DynamoDB refuses an empty map
		u.ExpressionAttributeValues = nil
	}
	return u
}

// transactionTries bounds how often an endpoint's change is tried that meets
// another of its account: all of them raise the same counter.
const transactionTries = 8

// changeEndpoint makes a change and raises the account's attrGen, both or none.
// lost says what a failed condition means, by the record that stands.
func (s *Store) changeEndpoint(ctx context.Context, u *types.Update, id string, lost func(standing item) error) error {
	const raise = "ADD #gen :one"
	names, values := map[string]string{"#gen": attrGen}, item{":one": numeral(1)}
	in := &dynamodb.TransactWriteItemsInput{TransactItems: []types.TransactWriteItem{{Update: u}}}
	if id == webhook.JobTarget { // an item may be in a transaction once
		*u.UpdateExpression += " " + raise
		u.ExpressionAttributeNames["#gen"], u.ExpressionAttributeValues[":one"] = attrGen, values[":one"]
	} else {
		in.TransactItems = append(in.TransactItems, types.TransactWriteItem{Update: &types.Update{
			TableName: u.TableName, UpdateExpression: aws.String(raise),
			Key:                      item{attrAccount: u.Key[attrAccount], attrEndpointID: text(webhook.JobTarget)},
			ExpressionAttributeNames: names, ExpressionAttributeValues: values,
		}})
	}
	for n := 2; ; n++ {
		_, err := s.api.TransactWriteItems(ctx, in)
		var canceled *types.TransactionCanceledException
		if !errors.As(err, &canceled) || len(canceled.CancellationReasons) == 0 {
			return err
		}
		if first := canceled.CancellationReasons[0]; aws.ToString(first.Code) == "ConditionalCheckFailed" {
			return lost(first.Item)
		}
		if n > transactionTries || !passes(canceled.CancellationReasons) {
			return err
		}
		if waiting := pause(ctx, n); waiting != nil {
			return fmt.Errorf("%w (%w)", err, waiting)
		}
	}
}

// passes says whether nothing but conflicts and throttling canceled a
// transaction.
func passes(reasons []types.CancellationReason) bool {
	for _, reason := range reasons {
		switch aws.ToString(reason.Code) {
		case "", "None", "TransactionConflict", "ThrottlingError", "ProvisionedThroughputExceeded":
		default:
			return false
		}
	}
	return true
}
