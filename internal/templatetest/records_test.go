package templatetest_test

import (
	"maps"
	"slices"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"

	"github.com/jobhook/jobhook/internal/templatetest"
	"github.com/jobhook/jobhook/shared/dynamo"
	"github.com/jobhook/jobhook/shared/signing"
)

// The template's tables are those that the tests run on.
func TestTables(t *testing.T) {
	tpl := load(t)
	tables := tpl.OfType("AWS::DynamoDB::Table")
	definitions := dynamo.Definitions(dynamo.Tables{Endpoints: "EndpointsTable", Deliveries: "DeliveriesTable"})
	if len(tables) != len(definitions) {
		t.Errorf("tables %v, defined %d", tables, len(definitions))
	}
	for _, d := range definitions {
		table := properties(tpl, aws.ToString(d.TableName))
		if got, want := keys(table["KeySchema"]), defined(d.KeySchema); !slices.Equal(got, want) {
			t.Errorf("%s keys %v, want %v", *d.TableName, got, want)
		}
		if got, want := attributes(table["AttributeDefinitions"]), defining(d.AttributeDefinitions); !maps.Equal(got, want) {
			t.Errorf("%s attributes %v, want %v", *d.TableName, got, want)
		}
		indexes, _ := table["GlobalSecondaryIndexes"].([]any)
		if len(indexes) != len(d.GlobalSecondaryIndexes) {
			t.Fatalf("%s has %d indexes, want %d", *d.TableName, len(indexes), len(d.GlobalSecondaryIndexes))
		}
		for i, want := range d.GlobalSecondaryIndexes {
			compareIndex(t, indexes[i].(map[string]any), want)
		}
	}
}

func compareIndex(t *testing.T, got templatetest.Template, want types.GlobalSecondaryIndex) {
	t.Helper()
	var also []string
	if more := got.At("Projection", "NonKeyAttributes"); more != nil {
		also = list(more)
	}
	if got["IndexName"] != *want.IndexName || !slices.Equal(keys(got["KeySchema"]), defined(want.KeySchema)) ||
		got.At("Projection", "ProjectionType") != string(want.Projection.ProjectionType) ||
		!slices.Equal(also, slices.Sorted(slices.Values(want.Projection.NonKeyAttributes))) {
		t.Errorf("index %v, want %v", got, want)
	}
}

// Nothing that cannot be had again goes with the stack or in clear.
func TestRecordsAreKept(t *testing.T) {
	tpl := load(t)
	for kind, policy := range map[string]string{"AWS::DynamoDB::Table": "Retain", "AWS::SecretsManager::Secret": "RetainExceptOnCreate"} {
		for _, resource := range tpl.OfType(kind) {
			if tpl.At("Resources", resource, "DeletionPolicy") != policy || tpl.At("Resources", resource, "UpdateReplacePolicy") != "Retain" {
				t.Errorf("%s goes with the stack", resource)
			}
		}
	}
	for _, table := range tpl.OfType("AWS::DynamoDB::Table") {
		p := properties(tpl, table)
		if p.At("PointInTimeRecoverySpecification", "PointInTimeRecoveryEnabled") != true || p.At("SSESpecification", "SSEEnabled") != true {
			t.Errorf("%s lacks recovery or encryption", table)
		}
		if ttl := p.Map("TimeToLiveSpecification"); ttl["AttributeName"] != dynamo.TTLAttribute || ttl["Enabled"] != true {
			t.Errorf("%s: TTL is %v", table, ttl)
		}
	}
}

// What Secrets Manager generates is a signing secret: prefix and key joined.
func TestSigningSecretIsOne(t *testing.T) {
	p := properties(load(t), "SigningSecret")
	generated := p.Map("GenerateSecretString")
	if generated["SecretStringTemplate"] != `{"prefix":"whsec_"}` || generated["GenerateStringKey"] != "key" || generated["ExcludePunctuation"] != true {
		t.Fatalf("generated from %v", generated)
	}
	secret := "whsec_" + strings.Repeat("aZ09", number(t, generated["PasswordLength"])/4)
	if _, err := signing.ParseSecret(secret); err != nil {
		t.Error(err)
	}
}

func keys(schema any) []string {
	var out []string
	for _, k := range schema.([]any) {
		m := k.(map[string]any)
		out = append(out, name(m["KeyType"])+" "+name(m["AttributeName"]))
	}
	return out
}

func defined(schema []types.KeySchemaElement) []string {
	var out []string
	for _, k := range schema {
		out = append(out, string(k.KeyType)+" "+*k.AttributeName)
	}
	return out
}

func attributes(definitions any) map[string]string {
	out := map[string]string{}
	for _, a := range definitions.([]any) {
		m := a.(map[string]any)
		out[name(m["AttributeName"])] = name(m["AttributeType"])
	}
	return out
}

func defining(definitions []types.AttributeDefinition) map[string]string {
	out := map[string]string{}
	for _, a := range definitions {
		out[*a.AttributeName] = string(a.AttributeType)
	}
	return out
}
