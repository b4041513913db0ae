package dynamo

import (
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"

	"github.com/jobhook/jobhook/shared/webhook"
)

// SizeOf is a record's size by DynamoDB's rules.
func SizeOf(record map[string]types.AttributeValue) int { return sizeOf(record) }

// Item is an event's or a delivery's record as it is inserted.
func Item(c webhook.Change) (map[string]types.AttributeValue, error) {
	w, err := (&Store{}).prepare(c)
	if err != nil {
		return nil, err
	}
	return w.record, nil
}

// Decode reads a record as each kind.
func Decode(record map[string]types.AttributeValue) []error {
	_, event := decodeEvent(record)
	_, delivery := decodeDelivery(record)
	_, endpoint := decodeEndpoint(record)
	_, note := decodeNote(record)
	return []error{event, delivery, endpoint, note}
}

// ReadCursor reads a cursor as one list would, and writes it again.
func ReadCursor(list, cursor string) (again string, err error) {
	p, err := readCursor(mark(list), cursor)
	return writeCursor(mark(list), p), err
}
