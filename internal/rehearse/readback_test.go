//go:build rehearse

package rehearse_test

import (
	"encoding/json"
	"fmt"
	"slices"
	"strconv"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	dynamotypes "github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
	"github.com/aws/aws-sdk-go-v2/service/sqs"
	"github.com/aws/aws-sdk-go-v2/service/sqs/types"

	"github.com/jobhook/jobhook/shared/dynamo"
)

// readBack asks the emulators what the stack is, and compares with what the code needs.
func readBack(p *play) {
	inner := p.stack.Nested("Receiving")
	definitions := append(dynamo.Definitions(dynamo.Tables{
		Endpoints: p.stack.Physical("EndpointsTable"), Deliveries: p.stack.Physical("DeliveriesTable"),
	}), dynamo.ReceiptsDefinition(inner.Physical("ReceiptsTable")))
	for _, want := range definitions {
		p.table(want)
	}
	p.expires(p.stack.Physical("EndpointsTable"))
	p.expires(p.stack.Physical("DeliveriesTable"))
	p.expires(inner.Physical("ReceiptsTable"))
	p.queue(p.stack.Physical("CompletionsQueue"), p.stack.ARN("CompletionsDeadLetters"), 6*60+20, 100)
	p.queue(p.stack.Physical("RetryQueue"), p.stack.ARN("RetryDeadLetters"), 6*60+20, 100)
	p.queue(p.stack.Physical("SlowQueue"), p.stack.ARN("RetryDeadLetters"), 6*60+20, 100)
	p.queue(inner.Physical("InboxQueue"), inner.ARN("InboxDeadLetters"), 30, 5)
	for _, dead := range []string{
		p.stack.Physical("CompletionsDeadLetters"), p.stack.Physical("RetryDeadLetters"),
		p.stack.Physical("RejectedQueue"), inner.Physical("InboxDeadLetters"),
	} {
		p.queue(dead, "", 0, 0)
	}
}

func (p *play) table(want *dynamodb.CreateTableInput) {
	p.Helper()
	got, err := p.cloud.DynamoDB.DescribeTable(p.Context(), &dynamodb.DescribeTableInput{TableName: want.TableName})
	if err != nil {
		p.Fatal(err)
	}
	if have, need := schema(got.Table.KeySchema), schema(want.KeySchema); !slices.Equal(have, need) {
		p.Errorf("table %s has the key %v, the code needs %v", *want.TableName, have, need)
	}
	var have, need []string
	for _, index := range got.Table.GlobalSecondaryIndexes {
		slices.Sort(index.Projection.NonKeyAttributes)
		have = append(have, fmt.Sprint(*index.IndexName, schema(index.KeySchema), index.Projection.ProjectionType, index.Projection.NonKeyAttributes))
	}
	for _, index := range want.GlobalSecondaryIndexes {
		also := slices.Sorted(slices.Values(index.Projection.NonKeyAttributes))
		need = append(need, fmt.Sprint(*index.IndexName, schema(index.KeySchema), index.Projection.ProjectionType, also))
	}
	slices.Sort(have)
	slices.Sort(need)
	if !slices.Equal(have, need) {
		p.Errorf("table %s has the indexes %v, the code needs %v", *want.TableName, have, need)
	}
}

func schema(elements []dynamotypes.KeySchemaElement) []string {
	var list []string
	for _, e := range elements {
		list = append(list, string(e.KeyType)+" "+*e.AttributeName)
	}
	return list
}

func (p *play) expires(table string) {
	p.Helper()
	got, err := p.cloud.DynamoDB.DescribeTimeToLive(p.Context(), &dynamodb.DescribeTimeToLiveInput{TableName: aws.String(table)})
	if err != nil {
		p.Fatal(err)
	}
	ttl := got.TimeToLiveDescription
	if ttl.TimeToLiveStatus != dynamotypes.TimeToLiveStatusEnabled || aws.ToString(ttl.AttributeName) != dynamo.TTLAttribute {
		p.Errorf("table %s expires by %s (%s), the code writes %s", table, aws.ToString(ttl.AttributeName), ttl.TimeToLiveStatus, dynamo.TTLAttribute)
	}
}

// queue: one with dead letters hides a message long enough and gives up after so
// many receives or more; one without is for dead letters and keeps them 14 days. Each has a policy.
func (p *play) queue(url, dead string, visibility int, receives int64) {
	p.Helper()
	got, err := p.cloud.SQS.GetQueueAttributes(p.Context(), &sqs.GetQueueAttributesInput{
		QueueUrl: aws.String(url), AttributeNames: []types.QueueAttributeName{types.QueueAttributeNameAll},
	})
	if err != nil {
		p.Fatal(err)
	}
	a := got.Attributes
	if !json.Valid([]byte(a["Policy"])) {
		p.Errorf("%s has no policy", url)
	}
	if hidden, _ := strconv.Atoi(a["VisibilityTimeout"]); hidden < visibility {
		p.Errorf("%s hides a message for %d s, want %d", url, hidden, visibility)
	}
	if dead == "" {
		if a["MessageRetentionPeriod"] != "1209600" {
			p.Errorf("%s keeps dead letters for %s s, want 14 days", url, a["MessageRetentionPeriod"])
		}
		return
	}
	var redrive struct {
		DeadLetterTargetArn string
		MaxReceiveCount     json.Number
	}
	if err := json.Unmarshal([]byte(a["RedrivePolicy"]), &redrive); err != nil {
		p.Errorf("%s has no redrive: %v", url, err)
	}
	if n, _ := redrive.MaxReceiveCount.Int64(); n < receives || redrive.DeadLetterTargetArn != dead {
		p.Errorf("%s redrives to %s after %d, want %s after at least %d", url, redrive.DeadLetterTargetArn, n, dead, receives)
	}
}
