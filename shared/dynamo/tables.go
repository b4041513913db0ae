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

// The indexes of the Deliveries table.
const (
	// ByEndpoint is the delivery log: partition account#endpoint_id, sorted by
	// time of creation. It projects status and expires_at so that a filter reads
	// the index alone, and the page's records are fetched by key. More
	// (attempts, say) would make each index write as large as the record's.
	//
	// Its cost: one write unit when a delivery is created, and one when its
	// status moves; a retry that fails again leaves it alone. Its limit: one
	// partition takes 1,000 write units per second, and since the sort key only
	// grows, DynamoDB cannot split that heat. So an endpoint that gets more than
	// some 1,000 deliveries per second for long throttles its own writes: those
	// come back through the queue. A job's own URL has no endpoint, no log, and
	// costs no index write.
	ByEndpoint = "by_endpoint"
	// NeedingAttention lists an account's failed deliveries, newest first. It is
	// sparse: the attribute is there only while the status is failed, so the
	// deliveries that go well, nearly all, cost it nothing.
	NeedingAttention = "needing_attention"
)

// TTLAttribute holds when a record of the Deliveries table may be deleted, in
// epoch seconds.
const TTLAttribute = "expires_at"

// Names of the attributes that keys, indexes and conditions use.
const (
	attrAccount     = "account"
	attrEndpointID  = "endpoint_id"
	attrMessageID   = "message_id"
	attrItem        = "item" // itemEvent, or itemDelivery and the target
	attrRev         = "rev"
	attrStatus      = "status"
	attrEndpointKey = "endpoint_key" // account#endpoint_id: partition of ByEndpoint
	attrAttention   = "attention"    // the account, while failed: partition of NeedingAttention
	attrSort        = "sort"         // when created, and message_id: sort key of both

	itemEvent    = "event"
	itemDelivery = "d#"
)

// Definitions are the tables as CreateTable takes them, for emulators and for
// comparing with template.yaml, which adds TTL, recovery and encryption.
func Definitions(t Tables) []*dynamodb.CreateTableInput {
	return []*dynamodb.CreateTableInput{
		{
			TableName:            aws.String(t.Endpoints),
			BillingMode:          types.BillingModePayPerRequest,
			AttributeDefinitions: texts(attrAccount, attrEndpointID),
			KeySchema:            keys(attrAccount, attrEndpointID),
		},
		{
			TableName:            aws.String(t.Deliveries),
			BillingMode:          types.BillingModePayPerRequest,
			AttributeDefinitions: texts(attrMessageID, attrItem, attrEndpointKey, attrAttention, attrSort),
			KeySchema:            keys(attrMessageID, attrItem),
			GlobalSecondaryIndexes: []types.GlobalSecondaryIndex{
				{
					IndexName: aws.String(ByEndpoint),
					KeySchema: keys(attrEndpointKey, attrSort),
					Projection: &types.Projection{
						ProjectionType:   types.ProjectionTypeInclude,
						NonKeyAttributes: []string{attrStatus, TTLAttribute},
					},
				},
				{
					IndexName:  aws.String(NeedingAttention),
					KeySchema:  keys(attrAttention, attrSort),
					Projection: &types.Projection{ProjectionType: types.ProjectionTypeKeysOnly},
				},
			},
		},
	}
}

func texts(names ...string) []types.AttributeDefinition {
	list := make([]types.AttributeDefinition, 0, len(names))
	for _, name := range names {
		list = append(list, types.AttributeDefinition{AttributeName: aws.String(name), AttributeType: types.ScalarAttributeTypeS})
	}
	return list
}

func keys(partition, sort string) []types.KeySchemaElement {
	return []types.KeySchemaElement{
		{AttributeName: aws.String(partition), KeyType: types.KeyTypeHash},
		{AttributeName: aws.String(sort), KeyType: types.KeyTypeRange},
	}
}
