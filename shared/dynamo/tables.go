package dynamo

import (
	"slices"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
)

// Tables names the tables.
type Tables struct {
	Endpoints  string
	Deliveries string
}

// The indexes. All are sparse: a record has their attributes only while it
// belongs there, so a delivery that goes well costs them nothing.
const (
	// FailingIndex, of Endpoints, holds the endpoints with a
	// Health.FailingSince, in 4 partitions over all accounts.
	FailingIndex = "failing"
	// RecoverableIndex, of Deliveries, holds an account's failed and held
	// deliveries in 16 partitions. It projects the status alone: more would make
	// each index write as large as the record's.
	RecoverableIndex = "recoverable"
	// EndpointRecoverableIndex is the same by endpoint, in the partitions of its
	// log.
	EndpointRecoverableIndex = "recoverable_by_endpoint"
)

// TTLAttribute holds when an item of any table may be deleted, in epoch
// seconds.
const TTLAttribute = "x"

// Names of the attributes that keys, indexes and conditions use.
const (
	attrPK     = "pk"
	attrSK     = "sk"
	attrLayout = "v"
	attrRev    = "rev"

	attrAccount      = "account"
	attrEndpointID   = "endpoint_id"
	attrFailing      = "failing" // partition of FailingIndex
	attrFailingSince = "failing_since"
	attrRemovedAt    = "removed_at"
	attrSecrets      = "secrets"
	attrGen          = "gen" // of the job record: see webhook.Store.Generations

	attrStatus  = "st"
	attrRec     = "rec" // partition of RecoverableIndex
	attrSettled = "settled_at"
)

// Definitions are the tables as CreateTable takes them, for emulators and for
// comparing with template.yaml, which adds TTL, recovery and encryption.
func Definitions(t Tables) []*dynamodb.CreateTableInput {
	all := &types.Projection{ProjectionType: types.ProjectionTypeAll}
	status := &types.Projection{ProjectionType: types.ProjectionTypeInclude, NonKeyAttributes: []string{attrStatus}}
	return []*dynamodb.CreateTableInput{
		definition(t.Endpoints, schema(attrAccount, attrEndpointID), index(FailingIndex, all, attrFailing, attrFailingSince)),
		definition(t.Deliveries, schema(attrPK, attrSK),
			index(RecoverableIndex, status, attrRec, attrSettled), index(EndpointRecoverableIndex, status, attrPK, attrSettled)),
	}
}

// definition declares each attribute of the keys once: all are strings.
func definition(table string, keys []types.KeySchemaElement, indexes ...types.GlobalSecondaryIndex) *dynamodb.CreateTableInput {
	in := &dynamodb.CreateTableInput{
		TableName: aws.String(table), BillingMode: types.BillingModePayPerRequest, KeySchema: keys, GlobalSecondaryIndexes: indexes,
	}
	declared := map[string]bool{}
	for _, i := range indexes {
		keys = append(slices.Clip(keys), i.KeySchema...)
	}
	for _, k := range keys {
		if !declared[*k.AttributeName] {
			declared[*k.AttributeName] = true
			in.AttributeDefinitions = append(in.AttributeDefinitions, types.AttributeDefinition{
				AttributeName: k.AttributeName, AttributeType: types.ScalarAttributeTypeS,
			})
		}
	}
	return in
}

func index(name string, projection *types.Projection, keys ...string) types.GlobalSecondaryIndex {
	return types.GlobalSecondaryIndex{IndexName: aws.String(name), KeySchema: schema(keys...), Projection: projection}
}

// schema is of a partition key and, if there is one, a sort key.
func schema(names ...string) []types.KeySchemaElement {
	list := make([]types.KeySchemaElement, len(names))
	for i, name := range names {
		list[i] = types.KeySchemaElement{AttributeName: aws.String(name), KeyType: []types.KeyType{types.KeyTypeHash, types.KeyTypeRange}[i]}
	}
	return list
}
