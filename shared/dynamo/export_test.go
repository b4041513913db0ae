package dynamo

import "github.com/aws/aws-sdk-go-v2/service/dynamodb/types"

// SizeOf is a record's size by DynamoDB's rules.
func SizeOf(record map[string]types.AttributeValue) int { return sizeOf(record) }

// ReadCursors reads a cursor as each of the lists would.
func ReadCursors(cursor string) (endpoint, log string, endpointErr, logErr error) {
	endpoint, endpointErr = endpointCursor.read(cursor)
	log, logErr = logCursor.read(cursor)
	return endpoint, log, endpointErr, logErr
}
