package dynamo

import (
	"bytes"
	"compress/gzip"
	"encoding/json"
	"fmt"
	"io"
	"sync"

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

const (
	// packFrom is where gzip begins to pay: its frame alone is 18 bytes.
	packFrom = 128
	// maxUnpacked bounds what one attribute may unpack to: no completion comes
	// near, and 400 KB of gzip could hold 400 MB.
	maxUnpacked = 32 << 20
)

var packers = sync.Pool{New: func() any { return gzip.NewWriter(io.Discard) }} // 0.8 MB each

// packed is JSON, kept as a string, or as binary gzip when that is smaller:
// writes are paid for by the kilobyte.
type packed json.RawMessage

// MarshalDynamoDBAttributeValue implements attributevalue.Marshaler.
func (raw packed) MarshalDynamoDBAttributeValue() (types.AttributeValue, error) {
	if len(raw) < packFrom {
		return text(string(raw)), nil
	}
	var out bytes.Buffer
	w, _ := packers.Get().(*gzip.Writer)
	defer packers.Put(w)
	w.Reset(&out)
	_, _ = w.Write(raw) // a buffer accepts everything
	_ = w.Close()
	if out.Len() >= len(raw) {
		return text(string(raw)), nil
	}
	return &types.AttributeValueMemberB{Value: out.Bytes()}, nil
}

// UnmarshalDynamoDBAttributeValue implements attributevalue.Unmarshaler.
func (raw *packed) UnmarshalDynamoDBAttributeValue(value types.AttributeValue) error {
	var binary []byte
	switch v := value.(type) {
	case *types.AttributeValueMemberNULL:
		return nil
	case *types.AttributeValueMemberS:
		*raw = packed(v.Value)
		return nil
	case *types.AttributeValueMemberB:
		binary = v.Value
	default:
		return fmt.Errorf("payload is a %T: want a string or gzip", value)
	}
	r, err := gzip.NewReader(bytes.NewReader(binary))
	if err != nil {
		return fmt.Errorf("unpack: %w", err)
	}
	*raw, err = io.ReadAll(io.LimitReader(r, maxUnpacked+1))
	switch {
	case err != nil:
		return fmt.Errorf("unpack: %w", err)
	case len(*raw) > maxUnpacked:
		return fmt.Errorf("unpack: more than %d bytes", maxUnpacked)
	}
	return nil
}
