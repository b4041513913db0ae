package dynamo

import (
	"strconv"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
)

// item is a record as DynamoDB holds it. What is empty has no attribute, except
// where the absence would say something else.
type item map[string]types.AttributeValue

func text(s string) types.AttributeValue { return &types.AttributeValueMemberS{Value: s} }

func numeral(n int64) types.AttributeValue {
	return &types.AttributeValueMemberN{Value: strconv.FormatInt(n, 10)}
}

// list is never nil: an empty list is a list.
func list(elements []string) types.AttributeValue {
	values := make([]types.AttributeValue, 0, len(elements))
	for _, s := range elements {
		values = append(values, text(s))
	}
	return &types.AttributeValueMemberL{Value: values}
}

// stamp is a time in UTC, to the nanosecond; empty for the zero time. Text and
// not a number, since a platform's own times may be of any year.
func stamp(t time.Time) string {
	if t.IsZero() {
		return ""
	}
	return t.UTC().Format(time.RFC3339Nano)
}

func (i item) setText(name, value string) {
	if value != "" {
		i[name] = text(value)
	}
}

func (i item) setNumber(name string, value int64) {
	if value != 0 {
		i[name] = numeral(value)
	}
}

func (i item) setFlag(name string, value bool) {
	if value {
		i[name] = &types.AttributeValueMemberBOOL{Value: true}
	}
}

func (i item) setTime(name string, value time.Time) { i.setText(name, stamp(value)) }

// setExpiry sets the TTL, rounded up so that nothing is deleted early, and the
// exact end where the TTL does not tell it.
func (i item) setExpiry(end time.Time) {
	if end.IsZero() {
		return
	}
	seconds := end.Unix()
	if end.Nanosecond() > 0 {
		seconds++
		i.setTime(attrExactExpiry, end)
	}
	i[TTLAttribute] = numeral(seconds)
}

const attrExactExpiry = "expires_exactly"

func (i item) text(name string) string {
	if s, ok := i[name].(*types.AttributeValueMemberS); ok {
		return s.Value
	}
	return ""
}

// number is 0 for what is absent or no whole number: we alone write these.
func (i item) number(name string) int64 {
	n, ok := i[name].(*types.AttributeValueMemberN)
	if !ok {
		return 0
	}
	value, _ := strconv.ParseInt(n.Value, 10, 64)
	return value
}

func (i item) flag(name string) bool {
	b, ok := i[name].(*types.AttributeValueMemberBOOL)
	return ok && b.Value
}

func (i item) time(name string) time.Time {
	t, err := time.Parse(time.RFC3339Nano, i.text(name))
	if err != nil {
		return time.Time{}
	}
	return t.UTC()
}

func (i item) expiry() time.Time {
	if exact := i.time(attrExactExpiry); !exact.IsZero() {
		return exact
	}
	if seconds := i.number(TTLAttribute); seconds != 0 {
		return time.Unix(seconds, 0).UTC()
	}
	return time.Time{}
}

// texts is nil when there is no list, and not nil when it is empty.
func (i item) texts(name string) []string {
	l, ok := i[name].(*types.AttributeValueMemberL)
	if !ok {
		return nil
	}
	values := make([]string, 0, len(l.Value))
	for _, element := range l.Value {
		if s, ok := element.(*types.AttributeValueMemberS); ok {
			values = append(values, s.Value)
		}
	}
	return values
}

// items are the maps of a list.
func (i item) items(name string) []item {
	l, ok := i[name].(*types.AttributeValueMemberL)
	if !ok {
		return nil
	}
	values := make([]item, 0, len(l.Value))
	for _, element := range l.Value {
		if m, ok := element.(*types.AttributeValueMemberM); ok {
			values = append(values, m.Value)
		}
	}
	return values
}
