package dynamo

import (
	"fmt"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/feature/dynamodb/attributevalue"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"

	"github.com/jobhook/jobhook/shared/webhook"
)

// item is a record as DynamoDB holds it.
type item map[string]types.AttributeValue

func text(s string) types.AttributeValue { return &types.AttributeValueMemberS{Value: s} }

func numeral(n int64) types.AttributeValue {
	return &types.AttributeValueMemberN{Value: strconv.FormatInt(n, 10)}
}

func (i item) text(name string) string {
	if s, ok := i[name].(*types.AttributeValueMemberS); ok {
		return s.Value
	}
	return ""
}

// number is 0 for what is absent or no whole number.
func (i item) number(name string) int64 {
	n, ok := i[name].(*types.AttributeValueMemberN)
	if !ok {
		return 0
	}
	value, _ := strconv.ParseInt(n.Value, 10, 64)
	return value
}

// alive says whether the record has not expired, deleted or not.
func (i item) alive(now time.Time) bool {
	end := i.number(TTLAttribute)
	return end == 0 || now.Before(time.Unix(end, 0))
}

func encode(record any) (item, error) {
	i, err := attributevalue.MarshalMap(record)
	return i, wrap(err, "encode %T", record)
}

// decode refuses what a newer build wrote before it looks at anything else.
func decode[T any](i item) (T, error) {
	var record T
	if err := webhook.CheckLayout(int(i.number(attrLayout))); err != nil {
		return record, err
	}
	err := attributevalue.UnmarshalMap(i, &record)
	return record, wrap(err, "decode %T", record)
}

// attributes are the names of a record's attributes, without but.
func attributes[T any](but ...string) []string {
	var names []string
	for _, field := range reflect.VisibleFields(reflect.TypeFor[T]()) {
		name, _, _ := strings.Cut(field.Tag.Get("dynamodbav"), ",")
		if !field.Anonymous && !slices.Contains(but, name) {
			names = append(names, name)
		}
	}
	return names
}

// unless is nil for what a reader derives anyway.
func unless(value, derived string) *string {
	if value == derived {
		return nil
	}
	return &value
}

func derive(stored *string, derived string) string {
	if stored == nil {
		return derived
	}
	return *stored
}

// attempts are kept as lists [at, milliseconds, status code, reason, response],
// cut after the last that says something. Their place is their number.
type attempts []webhook.Attempt

// MarshalDynamoDBAttributeValue implements attributevalue.Marshaler.
func (a attempts) MarshalDynamoDBAttributeValue() (types.AttributeValue, error) {
	list := &types.AttributeValueMemberL{}
	for _, one := range a {
		values := []types.AttributeValue{
			numeral(millis(one.At)), numeral(one.Duration.Milliseconds()), numeral(int64(one.StatusCode)),
			text(string(one.Reason)), text(one.Response),
		}
		switch {
		case one.Response != "":
		case one.Reason != "":
			values = values[:4]
		default:
			values = values[:3]
		}
		list.Value = append(list.Value, &types.AttributeValueMemberL{Value: values})
	}
	return list, nil
}

// UnmarshalDynamoDBAttributeValue implements attributevalue.Unmarshaler.
func (a *attempts) UnmarshalDynamoDBAttributeValue(value types.AttributeValue) error {
	if _, absent := value.(*types.AttributeValueMemberNULL); absent {
		return nil
	}
	list, ok := value.(*types.AttributeValueMemberL)
	if !ok {
		return fmt.Errorf("attempts are a %T: want a list", value)
	}
	for n, one := range list.Value {
		inner, ok := one.(*types.AttributeValueMemberL)
		if !ok || len(inner.Value) < 3 {
			return fmt.Errorf("attempt %d is not a list of at least 3 values", n+1)
		}
		i := item{}
		for place, element := range inner.Value {
			i[strconv.Itoa(place)] = element
		}
		*a = append(*a, webhook.Attempt{
			Number: n + 1, At: readMillis(i.number("0")), Duration: time.Duration(i.number("1")) * time.Millisecond,
			StatusCode: int(i.number("2")), Reason: webhook.Reason(i.text("3")), Response: i.text("4"),
		})
	}
	return nil
}
