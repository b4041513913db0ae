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
	err := s.putEndpoint(ctx, e, endpointAttributes, ifFree, item{":now": numeral(s.now().Unix())})
	return wrap(err, "insert endpoint %.80q", e.ID)
}

// ReplaceEndpoint stores all of an endpoint but its Health, see webhook.Store.
func (s *Store) ReplaceEndpoint(ctx context.Context, rev string, e webhook.Endpoint) error {
	but := slices.DeleteFunc(slices.Clone(endpointAttributes), func(name string) bool { return slices.Contains(healthAttributes, name) })
	err := s.putEndpoint(ctx, e, but, ifAt, item{":from": text(rev)})
	return wrap(err, "replace endpoint %.80q", e.ID)
}

func (s *Store) putEndpoint(ctx context.Context, e webhook.Endpoint, attributes []string, condition string, values item) error {
	record, err := encode(newEndpointRecord(e))
	if err != nil {
		return err
	}
	u := s.update(e.Account, e.ID, record, attributes, condition, values)
	return s.changeEndpoint(ctx, u, e.ID, func(standing item) error {
		if standing.text(attrRev) == e.Rev {
			return nil // landed before: its answer was lost
		}
		return webhook.ErrLost
	})
}

// RemoveEndpoint leaves a tombstone, see webhook.Store, which is no longer
// listed as failing.
func (s *Store) RemoveEndpoint(ctx context.Context, account, id string, at, expires time.Time) error {
	record := item{attrRemovedAt: numeral(at.UnixMilli()), TTLAttribute: numeral(expires.Unix())}
	u := s.update(account, id, record, []string{attrRemovedAt, TTLAttribute, attrSecrets, attrFailing}, ifHere, nil)
	err := s.changeEndpoint(ctx, u, id, func(standing item) error {
		if standing.number(attrRemovedAt) == at.UnixMilli() && standing.number(TTLAttribute) == expires.Unix() {
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

// update sets the named attributes to what record has of them and removes those
// that it lacks.
func (s *Store) update(account, id string, record item, attributes []string, condition string, values item) *types.Update {
	given := maps.Clone(values)
	var set, remove []string
	for _, name := range attributes {
		if value, ok := record[name]; ok {
			set = append(set, "#"+name+" = :"+name)
			if given == nil { // DynamoDB refuses an empty map
				given = item{}
			}
			given[":"+name] = value
		} else {
			remove = append(remove, "#"+name)
		}
	}
	var update string
	if len(set) > 0 {
		update = "SET " + strings.Join(set, ", ") + " "
	}
	if len(remove) > 0 {
		update += "REMOVE " + strings.Join(remove, ", ")
	}
	return &types.Update{
		TableName: aws.String(s.tables.Endpoints), Key: s.item(s.endpointKey(account, id)),
		UpdateExpression: aws.String(strings.TrimSpace(update)), ConditionExpression: aws.String(condition),
		ExpressionAttributeNames: names(update, condition), ExpressionAttributeValues: given,
		ReturnValuesOnConditionCheckFailure: types.ReturnValuesOnConditionCheckFailureAllOld,
	}
}

// transactionTries bounds how often an endpoint's change is tried that meets
// another of its account: all of them raise the same counter.
const transactionTries = 8

// passing are the codes of what canceled no transaction, or will not again.
var passing = []string{"", "None", "TransactionConflict", "ThrottlingError", "ProvisionedThroughputExceeded"}

// changeEndpoint makes a change and raises the account's attrGen, both or none.
// lost says what a failed condition means, by the record that stands.
func (s *Store) changeEndpoint(ctx context.Context, u *types.Update, id string, lost func(standing item) error) error {
	const raise = "ADD #gen :one"
	one := item{":one": numeral(1)}
	in := &dynamodb.TransactWriteItemsInput{TransactItems: []types.TransactWriteItem{{Update: u}}}
	if id == webhook.JobTarget { // an item may be in a transaction once
		*u.UpdateExpression += " " + raise
		maps.Copy(u.ExpressionAttributeNames, names(raise))
		maps.Copy(u.ExpressionAttributeValues, one)
	} else {
		in.TransactItems = append(in.TransactItems, types.TransactWriteItem{Update: &types.Update{
			TableName: u.TableName, UpdateExpression: aws.String(raise),
			Key:                      item{attrAccount: u.Key[attrAccount], attrEndpointID: text(webhook.JobTarget)},
			ExpressionAttributeNames: names(raise), ExpressionAttributeValues: one,
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
		stays := func(r types.CancellationReason) bool { return !slices.Contains(passing, aws.ToString(r.Code)) }
		if n > transactionTries || slices.ContainsFunc(canceled.CancellationReasons, stays) {
			return err
		}
		if waiting := pause(ctx, n); waiting != nil {
			return fmt.Errorf("%w (%w)", err, waiting)
		}
	}
}
