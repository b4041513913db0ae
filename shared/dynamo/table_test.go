package dynamo_test

import (
	"context"
	"maps"
	"regexp"
	"strings"
	"sync"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"

	"github.com/jobhook/jobhook/shared/dynamo"
)

type record = map[string]types.AttributeValue

// table is the Deliveries table in memory, for tests whose time is not real. It
// knows the store's own statements and nothing else.
type table struct {
	dynamo.API

	mu      sync.Mutex
	records map[string]record
	calls   [][]string // the statements of each call
	// answer, if any, decides what becomes of a statement: whether it is applied,
	// and an error to answer in place of what came of it.
	answer func(statement string) (apply bool, code types.BatchStatementErrorCodeEnum)
	// fail, if any, is the answer to a whole call.
	fail func() error
}

func (t *table) store() *dynamo.Store {
	return dynamo.New(t, dynamo.Tables{Endpoints: "E", Deliveries: "D"}, clock)
}

func keyOf(r record) string { return textOf(r["pk"]) + "|" + textOf(r["sk"]) }

func textOf(v types.AttributeValue) string {
	if s, ok := v.(*types.AttributeValueMemberS); ok {
		return s.Value
	}
	return ""
}

func (t *table) BatchExecuteStatement(ctx context.Context, in *dynamodb.BatchExecuteStatementInput, _ ...func(*dynamodb.Options)) (*dynamodb.BatchExecuteStatementOutput, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	var call []string
	for _, s := range in.Statements {
		call = append(call, *s.Statement)
	}
	t.calls = append(t.calls, call)
	if t.fail != nil {
		if err := t.fail(); err != nil {
			return nil, err
		}
	}
	out := &dynamodb.BatchExecuteStatementOutput{}
	for _, s := range in.Statements {
		apply, code := true, types.BatchStatementErrorCodeEnum("")
		if t.answer != nil {
			apply, code = t.answer(*s.Statement)
		}
		if apply {
			if own := t.apply(s); code == "" {
				code = own
			}
		}
		var response types.BatchStatementResponse
		if code != "" {
			response.Error = &types.BatchStatementError{Code: code, Message: aws.String("told so")}
		}
		out.Responses = append(out.Responses, response)
	}
	return out, nil
}

var inserted, set = regexp.MustCompile(`'(\w+)': \?`), regexp.MustCompile(`"(\w+)"(?:=|>)\?`)

func (t *table) apply(s types.BatchStatementRequest) types.BatchStatementErrorCodeEnum {
	if t.records == nil {
		t.records = map[string]record{}
	}
	names := inserted
	if strings.HasPrefix(*s.Statement, "UPDATE") {
		names = set
	}
	given, where := record{}, record{}
	before, _, _ := strings.Cut(*s.Statement, " WHERE ")
	places := len(names.FindAllString(before, -1))
	for i, found := range names.FindAllStringSubmatch(*s.Statement, -1) {
		if i < places {
			given[found[1]] = s.Parameters[i]
		} else {
			where[found[1]] = s.Parameters[i]
		}
	}
	if len(where) == 0 {
		if _, taken := t.records[keyOf(given)]; taken {
			return types.BatchStatementErrorCodeEnumDuplicateItem
		}
		t.records[keyOf(given)] = given
		return ""
	}
	standing, ok := t.records[keyOf(where)]
	if !ok || textOf(standing["rev"]) != textOf(where["rev"]) {
		return types.BatchStatementErrorCodeEnumConditionalCheckFailed
	}
	maps.Copy(standing, given)
	return ""
}

func (t *table) BatchGetItem(_ context.Context, in *dynamodb.BatchGetItemInput, _ ...func(*dynamodb.Options)) (*dynamodb.BatchGetItemOutput, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	var found []record
	for _, key := range in.RequestItems["D"].Keys {
		if r, ok := t.records[keyOf(key)]; ok {
			found = append(found, r)
		}
	}
	return &dynamodb.BatchGetItemOutput{Responses: map[string][]record{"D": found}}, nil
}

// PutItem stores what is not there.
func (t *table) PutItem(_ context.Context, in *dynamodb.PutItemInput, _ ...func(*dynamodb.Options)) (*dynamodb.PutItemOutput, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if standing, ok := t.records[keyOf(in.Item)]; ok {
		return nil, &types.ConditionalCheckFailedException{Item: standing}
	}
	t.records[keyOf(in.Item)] = in.Item
	return &dynamodb.PutItemOutput{}, nil
}
