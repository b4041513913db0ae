package dynamo

import (
	"fmt"
	"reflect"
	"regexp"
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

func (i item) text(name string) string { return textIn(i[name]) }

func (i item) number(name string) int64 { return numberIn(i[name]) }

func textIn(v types.AttributeValue) string {
	if s, ok := v.(*types.AttributeValueMemberS); ok {
		return s.Value
	}
	return ""
}

// numberIn is 0 for what is absent or no whole number.
func numberIn(v types.AttributeValue) (n int64) {
	if number, ok := v.(*types.AttributeValueMemberN); ok {
		n, _ = strconv.ParseInt(number.Value, 10, 64)
	}
	return n
}

// alive says whether the record has not expired, deleted or not.
func (i item) alive(now time.Time) bool {
	end := i.number(TTLAttribute)
	return end == 0 || now.Before(time.Unix(end, 0))
}

// encode keeps a time as epoch milliseconds, in seconds where its tag says so,
// and leaves the zero time out. It refuses what DynamoDB would, and tells from
// other errors by its text alone: what is too large.
func encode(record any) (item, error) {
	i, err := attributevalue.MarshalMapWithOptions(record, func(o *attributevalue.EncoderOptions) {
		o.OmitEmptyTime = true
		o.EncodeTime = func(t time.Time) (types.AttributeValue, error) { return numeral(t.UnixMilli()), nil }
	})
	if size := sizeOf(i); err == nil && size > MaxItem {
		return i, &TooLargeError{Size: size}
	}
	return i, wrap(err, "encode %T", record)
}

// decode refuses what a newer build wrote before it looks at anything else.
func decode[T any](i item) (T, error) {
	var record T
	if err := webhook.CheckLayout(int(i.number(attrLayout))); err != nil {
		return record, err
	}
	err := attributevalue.UnmarshalMapWithOptions(i, &record, func(o *attributevalue.DecoderOptions) {
		o.DecodeTime.N = func(n string) (time.Time, error) {
			ms, err := strconv.ParseInt(n, 10, 64)
			return time.UnixMilli(ms).UTC(), err
		}
	})
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

var placeholder = regexp.MustCompile(`#\w+`)

// names are what an expression's #names stand for: the attributes of that name.
func names(expression ...string) map[string]string {
	all := map[string]string{}
	for _, name := range placeholder.FindAllString(strings.Join(expression, " "), -1) {
		all[name] = name[1:]
	}
	return all
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
		values := []types.AttributeValue{numeral(one.At.UnixMilli()), numeral(one.Duration.Milliseconds()), numeral(int64(one.StatusCode))}
		if one.Reason != "" || one.Response != "" {
			values = append(values, text(string(one.Reason)))
		}
		if one.Response != "" {
			values = append(values, text(one.Response))
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
		v := append(slices.Clip(inner.Value), nil, nil) // what was cut
		*a = append(*a, webhook.Attempt{
			Number: n + 1, At: time.UnixMilli(numberIn(v[0])).UTC(), Duration: time.Duration(numberIn(v[1])) * time.Millisecond,
			StatusCode: int(numberIn(v[2])), Reason: webhook.Reason(textIn(v[3])), Response: textIn(v[4]),
		})
	}
	return nil
}
