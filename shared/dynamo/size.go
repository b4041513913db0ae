package dynamo

import (
	"fmt"

	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"

	"github.com/jobhook/jobhook/shared/webhook"
)

// MaxItem is the most that DynamoDB takes as one item, names included: 400 KB
// (Service, account, and table quotas).
const MaxItem = 400 << 10

// TooLargeError says that a record does not fit into one item. It was not
// written, and trying again does not help.
type TooLargeError struct {
	Size int // bytes, by DynamoDB's own rules
}

func (e *TooLargeError) Error() string {
	return fmt.Sprintf("the record has %d bytes: DynamoDB takes at most %d", e.Size, MaxItem)
}

// Is makes it webhook.ErrTooLarge to those who know no DynamoDB.
func (e *TooLargeError) Is(target error) bool { return target == webhook.ErrTooLarge }

// checkSize spares the call, whose refusal DynamoDB tells from other
// errors by its text alone.
func checkSize(record item) error {
	if size := sizeOf(record); size > MaxItem {
		return &TooLargeError{Size: size}
	}
	return nil
}

func sizeOf(record item) int {
	total := 0
	for name, value := range record {
		total += len(name) + sizeOfValue(value)
	}
	return total
}

// sizeOfValue follows "DynamoDB item sizes and formats" in the developer guide.
func sizeOfValue(value types.AttributeValue) int {
	const collection, element = 3, 1
	switch v := value.(type) {
	case *types.AttributeValueMemberS:
		return len(v.Value)
	case *types.AttributeValueMemberB:
		return len(v.Value)
	case *types.AttributeValueMemberN:
		return (len(v.Value)+1)/2 + 1
	case *types.AttributeValueMemberM:
		return collection + sizeOf(v.Value) + element*len(v.Value)
	case *types.AttributeValueMemberL:
		total := collection
		for _, e := range v.Value {
			total += sizeOfValue(e) + element
		}
		return total
	}
	return 1
}
