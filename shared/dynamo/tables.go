package dynamo

import (
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
	return []*dynamodb.CreateTableInput{
		{
			TableName:            aws.String(t.Endpoints),
			BillingMode:          types.BillingModePayPerRequest,
			AttributeDefinitions: texts(attrAccount, attrEndpointID, attrFailing, attrFailingSince),
			KeySchema:            schema(attrAccount, attrEndpointID),
			GlobalSecondaryIndexes: []types.GlobalSecondaryIndex{{
				IndexName: aws.String(FailingIndex), KeySchema: schema(attrFailing, attrFailingSince),
				Projection: &types.Projection{ProjectionType: types.ProjectionTypeAll},
			}},
		},
		{
			TableName:            aws.String(t.Deliveries),
			BillingMode:          types.BillingModePayPerRequest,
			AttributeDefinitions: texts(attrPK, attrSK, attrRec, attrSettled),
			KeySchema:            schema(attrPK, attrSK),
			GlobalSecondaryIndexes: []types.GlobalSecondaryIndex{
				statusIndex(RecoverableIndex, attrRec),
				statusIndex(EndpointRecoverableIndex, attrPK),
			},
		},
	}
}

func statusIndex(name, partition string) types.GlobalSecondaryIndex {
	return types.GlobalSecondaryIndex{
		IndexName: aws.String(name), KeySchema: schema(partition, attrSettled),
		Projection: &types.Projection{ProjectionType: types.ProjectionTypeInclude, NonKeyAttributes: []string{attrStatus}},
	}
}

func texts(names ...string) []types.AttributeDefinition {
	list := make([]types.AttributeDefinition, 0, len(names))
	for _, name := range names {
		list = append(list, types.AttributeDefinition{AttributeName: aws.String(name), AttributeType: types.ScalarAttributeTypeS})
	}
	return list
}

// schema is of a partition key and, if there is one, a sort key.
func schema(names ...string) []types.KeySchemaElement {
	list := make([]types.KeySchemaElement, 0, len(names))
	for i, name := range names {
		list = append(list, types.KeySchemaElement{
			AttributeName: aws.String(name), KeyType: []types.KeyType{types.KeyTypeHash, types.KeyTypeRange}[i],
		})
	}
	return list
}
