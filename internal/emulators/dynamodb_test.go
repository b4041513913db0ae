package emulators_test

import (
	"errors"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"

	"github.com/jobhook/jobhook/internal/emulators"
)

type item = map[string]types.AttributeValue

func text(s string) types.AttributeValue { return &types.AttributeValueMemberS{Value: s} }

// table creates one under a name of its own, with the shapes that jobhook uses: a composite key, a global
// index with a projection, a TTL.
func table(t *testing.T) (client *dynamodb.Client, name string, calls *emulators.Calls) {
	t.Helper()
	name = emulators.Name("table")
	calls = new(emulators.Calls)
	config := emulators.Config(emulators.DynamoDB(t))
	config.HTTPClient = calls
	client = dynamodb.NewFromConfig(config)
	key := func(hash, sort string) []types.KeySchemaElement {
		return []types.KeySchemaElement{
			{AttributeName: aws.String(hash), KeyType: types.KeyTypeHash},
			{AttributeName: aws.String(sort), KeyType: types.KeyTypeRange},
		}
	}
	_, err := client.CreateTable(t.Context(), &dynamodb.CreateTableInput{
		TableName: aws.String(name),
		KeySchema: key("pk", "sk"),
		AttributeDefinitions: []types.AttributeDefinition{
			{AttributeName: aws.String("pk"), AttributeType: types.ScalarAttributeTypeS},
			{AttributeName: aws.String("sk"), AttributeType: types.ScalarAttributeTypeS},
			{AttributeName: aws.String("owner"), AttributeType: types.ScalarAttributeTypeS},
		},
		GlobalSecondaryIndexes: []types.GlobalSecondaryIndex{{
			IndexName: aws.String("by-owner"), KeySchema: key("owner", "sk"),
			Projection: &types.Projection{ProjectionType: types.ProjectionTypeKeysOnly},
		}},
		BillingMode: types.BillingModePayPerRequest,
	})
	if err != nil {
		t.Fatal(err)
	}
	return client, name, calls
}

func put(t *testing.T, client *dynamodb.Client, name string, items ...item) {
	t.Helper()
	for _, i := range items {
		if _, err := client.PutItem(t.Context(), &dynamodb.PutItemInput{TableName: aws.String(name), Item: i}); err != nil {
			t.Fatal(err)
		}
	}
}

func TestDynamoDBShowsTheItemThatAConditionMet(t *testing.T) {
	t.Parallel()
	client, name, calls := table(t)
	first := item{"pk": text("a"), "sk": text("1"), "v": text("first")}
	put(t, client, name, first)
	_, err := client.PutItem(t.Context(), &dynamodb.PutItemInput{
		TableName:                           aws.String(name),
		Item:                                item{"pk": text("a"), "sk": text("1"), "v": text("second")},
		ConditionExpression:                 aws.String("attribute_not_exists(pk)"),
		ReturnValuesOnConditionCheckFailure: types.ReturnValuesOnConditionCheckFailureAllOld,
	})
	var failed *types.ConditionalCheckFailedException
	if !errors.As(err, &failed) {
		t.Fatalf("a second put: %v; want a failed condition", err)
	}
	if v, ok := failed.Item["v"].(*types.AttributeValueMemberS); !ok || v.Value != "first" {
		t.Errorf("the failed condition shows %v; want the first item", failed.Item)
	}
	if calls.Of("PutItem") != 2 || calls.Total() != 3 {
		t.Errorf("counted %d PutItem of %d calls; want 2 of 3", calls.Of("PutItem"), calls.Total())
	}
}

func TestDynamoDBQueriesAndBatches(t *testing.T) {
	t.Parallel()
	client, name, _ := table(t)
	put(
		t, client, name,
		item{"pk": text("a"), "sk": text("1"), "owner": text("o")},
		item{"pk": text("a"), "sk": text("2"), "owner": text("o")},
		item{"pk": text("a"), "sk": text("3")},
	)
	query := func(index *string, key, value string) int {
		t.Helper()
		found, err := client.Query(t.Context(), &dynamodb.QueryInput{
			TableName: aws.String(name), IndexName: index,
			KeyConditionExpression:    aws.String("#k = :v"),
			ExpressionAttributeNames:  map[string]string{"#k": key},
			ExpressionAttributeValues: item{":v": text(value)},
		})
		if err != nil {
			t.Fatal(err)
		}
		return len(found.Items)
	}
	if n := query(nil, "pk", "a"); n != 3 {
		t.Errorf("the table's query finds %d items; want 3", n)
	}
	if n := query(aws.String("by-owner"), "owner", "o"); n != 2 {
		t.Errorf("the sparse index finds %d items; want the 2 that have an owner", n)
	}
	got, err := client.BatchGetItem(t.Context(), &dynamodb.BatchGetItemInput{RequestItems: map[string]types.KeysAndAttributes{
		name: {Keys: []item{{"pk": text("a"), "sk": text("1")}, {"pk": text("a"), "sk": text("3")}, {"pk": text("a"), "sk": text("9")}}},
	}})
	if err != nil || len(got.Responses[name]) != 2 {
		t.Errorf("BatchGetItem: %d items, %v; want 2", len(got.Responses[name]), err)
	}
}

func TestDynamoDBTransactionsAreWholeOrNot(t *testing.T) {
	t.Parallel()
	client, name, _ := table(t)
	put(t, client, name, item{"pk": text("a"), "sk": text("1")})
	insert := func(sk string) types.TransactWriteItem {
		return types.TransactWriteItem{Put: &types.Put{
			TableName: aws.String(name), Item: item{"pk": text("a"), "sk": text(sk)},
			ConditionExpression:                 aws.String("attribute_not_exists(pk)"),
			ReturnValuesOnConditionCheckFailure: types.ReturnValuesOnConditionCheckFailureAllOld,
		}}
	}
	_, err := client.TransactWriteItems(t.Context(), &dynamodb.TransactWriteItemsInput{
		TransactItems: []types.TransactWriteItem{insert("2"), insert("1")},
	})
	var canceled *types.TransactionCanceledException
	if !errors.As(err, &canceled) {
		t.Fatalf("a transaction with a taken key: %v; want it canceled", err)
	}
	if r := canceled.CancellationReasons; len(r) != 2 || aws.ToString(r[0].Code) != "None" ||
		aws.ToString(r[1].Code) != "ConditionalCheckFailed" || r[1].Item == nil {
		t.Errorf("reasons: %+v; want none for the first, the taken item for the second", r)
	}
	got, err := client.GetItem(t.Context(), &dynamodb.GetItemInput{
		TableName: aws.String(name), Key: item{"pk": text("a"), "sk": text("2")},
	})
	if err != nil || got.Item != nil {
		t.Errorf("after the canceled transaction: %v, %v; want nothing written", got.Item, err)
	}
}

// One call, a verdict for each item: how a whole batch is claimed.
func TestDynamoDBBatchStatementsHaveAVerdictEach(t *testing.T) {
	t.Parallel()
	client, name, _ := table(t)
	put(t, client, name, item{"pk": text("a"), "sk": text("1"), "v": text("first")})
	insert := func(sk string) types.BatchStatementRequest {
		return types.BatchStatementRequest{
			Statement:                           aws.String(`INSERT INTO "` + name + `" VALUE {'pk': ?, 'sk': ?}`),
			Parameters:                          []types.AttributeValue{text("a"), text(sk)},
			ReturnValuesOnConditionCheckFailure: types.ReturnValuesOnConditionCheckFailureAllOld,
		}
	}
	out, err := client.BatchExecuteStatement(t.Context(), &dynamodb.BatchExecuteStatementInput{
		Statements: []types.BatchStatementRequest{insert("1"), insert("2")},
	})
	if err != nil {
		t.Fatal(err)
	}
	if e := out.Responses[0].Error; e == nil || e.Code != types.BatchStatementErrorCodeEnumDuplicateItem {
		t.Errorf("a taken key: %+v; want DuplicateItem", e)
	}
	if e := out.Responses[1].Error; e != nil {
		t.Errorf("a free key: %+v; want no error", e)
	}
}

func TestDynamoDBTellsItsTimeToLive(t *testing.T) {
	t.Parallel()
	client, name, _ := table(t)
	_, err := client.UpdateTimeToLive(t.Context(), &dynamodb.UpdateTimeToLiveInput{
		TableName:               aws.String(name),
		TimeToLiveSpecification: &types.TimeToLiveSpecification{AttributeName: aws.String("expires"), Enabled: aws.Bool(true)},
	})
	if err != nil {
		t.Fatal(err)
	}
	told, err := client.DescribeTimeToLive(t.Context(), &dynamodb.DescribeTimeToLiveInput{TableName: aws.String(name)})
	if err != nil || aws.ToString(told.TimeToLiveDescription.AttributeName) != "expires" {
		t.Errorf("DescribeTimeToLive: %+v, %v; want the attribute expires", told, err)
	}
}
