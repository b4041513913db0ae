//go:build rehearse

package rehearse_test

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	dynamotypes "github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
	"github.com/aws/aws-sdk-go-v2/service/secretsmanager"
	"github.com/aws/aws-sdk-go-v2/service/sqs"
	"github.com/aws/smithy-go"

	"github.com/jobhook/jobhook/internal/rehearse"
	"github.com/jobhook/jobhook/internal/rehearse/gate"
)

// probe is a call that a function has no business making.
type probe struct {
	what string
	call func(ctx context.Context, cfg aws.Config) error
}

// spare are the rights that a role has and no run used, with the reason why it
// keeps them. Any other is a fault.
var spare = map[string]string{}

// probes are what each function must be refused, beside what the others own.
func probes(p *play, logical string) []probe {
	inner := p.stack.Nested("Receiving")
	deliveries, endpoints, receipts := p.stack.Physical("DeliveriesTable"), p.stack.Physical("EndpointsTable"), inner.Physical("ReceiptsTable")
	queue := func(name string) string {
		return p.stack.Physical(name) + inner.Physical(name) // one of the two has it
	}
	all := []probe{
		scan("Scan on Deliveries", deliveries), scan("Scan on Endpoints", endpoints),
		query("Query on Deliveries' index recoverable", deliveries, "recoverable"),
		query("Query on Deliveries' index recoverable_by_endpoint", deliveries, "recoverable_by_endpoint"),
		query("Query on Endpoints' index failing", endpoints, "failing"),
		query("Query on Deliveries", deliveries, ""),
		statement("PartiQLSelect on Deliveries", `SELECT "pk" FROM "`+deliveries+`" WHERE "pk"='x'`),
		statement("PartiQLDelete on Deliveries", `DELETE FROM "`+deliveries+`" WHERE "pk"='x' AND "sk"='x'`),
		statement("PartiQLUpdate on Endpoints", `UPDATE "`+endpoints+`" SET "url"='x' WHERE "account"='x' AND "endpoint_id"='x'`),
		statement("PartiQLInsert on Endpoints", `INSERT INTO "`+endpoints+`" VALUE {'account': 'x', 'endpoint_id': 'x'}`),
		put("PutItem on Endpoints", endpoints), update("UpdateItem on Deliveries", deliveries),
		query("Query on a table named like Deliveries", deliveries+"-2", ""),
		deleteTable("DeleteTable on Deliveries", deliveries), deleteTable("DeleteTable on Endpoints", endpoints),
		deleteItem("DeleteItem on Deliveries", deliveries), deleteItem("DeleteItem on Endpoints", endpoints),
		getItem("GetItem on Endpoints", endpoints),
		send("SendMessage to CompletionsQueue", queue("CompletionsQueue")),
		send("SendMessage to CompletionsDeadLetters", queue("CompletionsDeadLetters")),
		send("SendMessage to RetryDeadLetters", queue("RetryDeadLetters")),
		take("ReceiveMessage from RejectedQueue", queue("RejectedQueue")),
		take("ReceiveMessage from InboxQueue", queue("InboxQueue")),
		take("ReceiveMessage from CompletionsDeadLetters", queue("CompletionsDeadLetters")),
		purge("PurgeQueue of RetryQueue", queue("RetryQueue")),
		putSecret("PutSecretValue of SigningSecret", p.stack.Physical("SigningSecret")),
		putSecret("PutSecretValue of SealingKey", p.stack.Physical("SealingKey")),
		readSecret("GetSecretValue of another application's", "billing/stripe"),
		readSecret("GetSecretValue of one named like the endpoints'", "jobhook/endpoint-keys"),
	}
	sender := []probe{ // for dispatch and retry
		put("PutItem on Receipts", receipts), query("Query on Receipts", receipts, ""),
		send("SendMessage to InboxQueue", queue("InboxQueue")),
		readSecret("GetSecretValue of SourcesSecret", inner.Physical("SourcesSecret")),
	}
	switch logical {
	case "DispatchFunction":
		return append(append(all, sender...), take("ReceiveMessage from RetryQueue", queue("RetryQueue")),
			take("ReceiveMessage from SlowQueue", queue("SlowQueue")),
			drop("DeleteMessage from RetryQueue", queue("RetryQueue")), delay("ChangeMessageVisibility on RetryQueue", queue("RetryQueue")))
	case "RetryFunction":
		return append(append(all, sender...), take("ReceiveMessage from CompletionsQueue", queue("CompletionsQueue")),
			send("SendMessage to RejectedQueue", queue("RejectedQueue")), query("Query on Endpoints", endpoints, ""),
			delay("ChangeMessageVisibility on CompletionsQueue", queue("CompletionsQueue")))
	case "ReceiveFunction":
		return append(all, put("PutItem on Deliveries", deliveries), batchGet("BatchGetItem on Deliveries", deliveries),
			statement("PartiQLInsert on Deliveries", `INSERT INTO "`+deliveries+`" VALUE {'pk': 'x', 'sk': 'x'}`),
			query("Query on Receipts", receipts, ""), scan("Scan on Receipts", receipts), getItem("GetItem on Receipts", receipts),
			take("ReceiveMessage from RetryQueue", queue("RetryQueue")), send("SendMessage to RetryQueue", queue("RetryQueue")),
			take("ReceiveMessage from SlowQueue", queue("SlowQueue")), send("SendMessage to SlowQueue", queue("SlowQueue")),
			readSecret("GetSecretValue of SigningSecret", p.stack.Physical("SigningSecret")),
			readSecret("GetSecretValue of SealingKey", p.stack.Physical("SealingKey")),
			putSecret("PutSecretValue of SourcesSecret", inner.Physical("SourcesSecret")))
	}
	return nil
}

// refusals makes every probe with each function's own credentials; each must
// be answered with AccessDenied.
func refusals(p *play) map[string][]string {
	refused := map[string][]string{}
	for logical, f := range p.stack.Functions() {
		own := probes(p, logical)
		if len(own) == 0 {
			p.Errorf("%s: nothing is tried that it must be refused; add probes", logical)
		}
		for _, one := range own {
			err := one.call(p.Context(), p.cloud.As(f.Role))
			var answered smithy.APIError
			if !errors.As(err, &answered) || !strings.HasPrefix(answered.ErrorCode(), "AccessDenied") {
				p.Errorf("%s may %s: %v", logical, one.what, err)
				continue
			}
			refused[logical] = append(refused[logical], one.what)
		}
	}
	return refused
}

// unused lists the rights of a role that no allowed call of the journal needed.
func unused(p *play, f *rehearse.Function, journal []gate.Decision) []string {
	var list []string
	documents, _ := p.cloud.Gate.Role(f.Role)
	for _, document := range documents {
		for _, s := range document.Statement {
			for _, action := range s.Action {
				for _, resource := range s.Resource {
					if s.Effect == "Allow" && !slices.ContainsFunc(journal, func(d gate.Decision) bool {
						return d.Allowed && d.Role == f.Role && gate.Match(action, d.Action) && gate.Match(resource, d.Resource)
					}) {
						list = append(list, action+" on "+p.stack.Label(resource))
					}
				}
			}
		}
	}
	return list
}

// made lists what a role did, each once.
func made(p *play, f *rehearse.Function, journal []gate.Decision) []string {
	found := map[string]bool{}
	for _, d := range journal {
		if d.Allowed && d.Role == f.Role {
			found[strings.TrimSuffix(d.Action+" on "+p.stack.Label(d.Resource), ":log-stream:rehearsal")] = true
		}
	}
	return slices.Sorted(maps.Keys(found))
}

func query(what, table, index string) probe {
	return probe{what, func(ctx context.Context, cfg aws.Config) error {
		in := &dynamodb.QueryInput{
			TableName: aws.String(table), KeyConditionExpression: aws.String("a = :a"),
			ExpressionAttributeValues: map[string]dynamotypes.AttributeValue{":a": word("x")},
		}
		if index != "" {
			in.IndexName = aws.String(index)
		}
		_, err := dynamodb.NewFromConfig(cfg).Query(ctx, in)
		return err
	}}
}

func scan(what, table string) probe {
	return probe{what, func(ctx context.Context, cfg aws.Config) error {
		_, err := dynamodb.NewFromConfig(cfg).Scan(ctx, &dynamodb.ScanInput{TableName: aws.String(table)})
		return err
	}}
}

func word(s string) dynamotypes.AttributeValue { return &dynamotypes.AttributeValueMemberS{Value: s} }

func key() map[string]dynamotypes.AttributeValue {
	return map[string]dynamotypes.AttributeValue{"a": word("x")}
}

func deleteTable(what, table string) probe {
	return probe{what, func(ctx context.Context, cfg aws.Config) error {
		_, err := dynamodb.NewFromConfig(cfg).DeleteTable(ctx, &dynamodb.DeleteTableInput{TableName: aws.String(table)})
		return err
	}}
}

func deleteItem(what, table string) probe {
	return probe{what, func(ctx context.Context, cfg aws.Config) error {
		_, err := dynamodb.NewFromConfig(cfg).DeleteItem(ctx, &dynamodb.DeleteItemInput{TableName: aws.String(table), Key: key()})
		return err
	}}
}

func getItem(what, table string) probe {
	return probe{what, func(ctx context.Context, cfg aws.Config) error {
		_, err := dynamodb.NewFromConfig(cfg).GetItem(ctx, &dynamodb.GetItemInput{TableName: aws.String(table), Key: key()})
		return err
	}}
}

func put(what, table string) probe {
	return probe{what, func(ctx context.Context, cfg aws.Config) error {
		_, err := dynamodb.NewFromConfig(cfg).PutItem(ctx, &dynamodb.PutItemInput{TableName: aws.String(table), Item: key()})
		return err
	}}
}

func update(what, table string) probe {
	return probe{what, func(ctx context.Context, cfg aws.Config) error {
		_, err := dynamodb.NewFromConfig(cfg).UpdateItem(ctx, &dynamodb.UpdateItemInput{TableName: aws.String(table), Key: key()})
		return err
	}}
}

func batchGet(what, table string) probe {
	return probe{what, func(ctx context.Context, cfg aws.Config) error {
		_, err := dynamodb.NewFromConfig(cfg).BatchGetItem(ctx, &dynamodb.BatchGetItemInput{
			RequestItems: map[string]dynamotypes.KeysAndAttributes{table: {Keys: []map[string]dynamotypes.AttributeValue{key()}}},
		})
		return err
	}}
}

func statement(what, text string) probe {
	return probe{what, func(ctx context.Context, cfg aws.Config) error {
		_, err := dynamodb.NewFromConfig(cfg).BatchExecuteStatement(ctx, &dynamodb.BatchExecuteStatementInput{
			Statements: []dynamotypes.BatchStatementRequest{{Statement: aws.String(text)}},
		})
		return err
	}}
}

func send(what, url string) probe {
	return probe{what, func(ctx context.Context, cfg aws.Config) error {
		_, err := sqs.NewFromConfig(cfg).SendMessage(ctx, &sqs.SendMessageInput{QueueUrl: aws.String(url), MessageBody: aws.String("x")})
		return err
	}}
}

func take(what, url string) probe {
	return probe{what, func(ctx context.Context, cfg aws.Config) error {
		_, err := sqs.NewFromConfig(cfg).ReceiveMessage(ctx, &sqs.ReceiveMessageInput{QueueUrl: aws.String(url)})
		return err
	}}
}

func drop(what, url string) probe {
	return probe{what, func(ctx context.Context, cfg aws.Config) error {
		_, err := sqs.NewFromConfig(cfg).DeleteMessage(ctx, &sqs.DeleteMessageInput{QueueUrl: aws.String(url), ReceiptHandle: aws.String("x")})
		return err
	}}
}

func delay(what, url string) probe {
	return probe{what, func(ctx context.Context, cfg aws.Config) error {
		_, err := sqs.NewFromConfig(cfg).ChangeMessageVisibility(ctx, &sqs.ChangeMessageVisibilityInput{
			QueueUrl: aws.String(url), ReceiptHandle: aws.String("x"), VisibilityTimeout: 1,
		})
		return err
	}}
}

func purge(what, url string) probe {
	return probe{what, func(ctx context.Context, cfg aws.Config) error {
		_, err := sqs.NewFromConfig(cfg).PurgeQueue(ctx, &sqs.PurgeQueueInput{QueueUrl: aws.String(url)})
		return err
	}}
}

func readSecret(what, id string) probe {
	return probe{what, func(ctx context.Context, cfg aws.Config) error {
		_, err := secretsmanager.NewFromConfig(cfg).GetSecretValue(ctx, &secretsmanager.GetSecretValueInput{SecretId: aws.String(id)})
		return err
	}}
}

func putSecret(what, id string) probe {
	return probe{what, func(ctx context.Context, cfg aws.Config) error {
		_, err := secretsmanager.NewFromConfig(cfg).PutSecretValue(ctx, &secretsmanager.PutSecretValueInput{SecretId: aws.String(id), SecretString: aws.String("x")})
		return err
	}}
}

// overPlainHTTP: the same call that is allowed over TLS is refused without.
func overPlainHTTP(p *play) {
	f := p.stack.Function("DispatchFunction")
	cfg := p.cloud.As(f.Role)
	cfg.BaseEndpoint, cfg.HTTPClient = aws.String(p.cloud.Gate.Plain.URL), nil
	err := send("", p.stack.Physical("RetryQueue")).call(p.Context(), cfg)
	var answered smithy.APIError
	if !errors.As(err, &answered) || !strings.HasPrefix(answered.ErrorCode(), "AccessDenied") {
		p.Errorf("a queue takes a message over plain HTTP: %v", err)
	}
}

// strangers: EventBridge may send to the completions and their dead letters for
// our rules alone, and nobody else may.
func strangers(p *play) {
	for _, queue := range []string{"CompletionsQueue", "CompletionsDeadLetters", "RetryQueue", "SlowQueue", "RejectedQueue"} {
		arn := p.stack.ARN(queue)
		for who, source := range map[string]string{
			"events.amazonaws.com": gate.ARN("events", "rule/another"), "sns.amazonaws.com": gate.ARN("sns", "topic"),
		} {
			context := map[string]string{"aws:SourceArn": source, "aws:SecureTransport": "true"}
			if p.cloud.Gate.Decide(who, "sqs:SendMessage", arn, context).Allowed {
				p.Errorf("%s may send to %s for %s", who, queue, source)
			}
		}
	}
}

// report says what each function did and was refused.
func report(p *play, journal []gate.Decision, refused map[string][]string) string {
	var out strings.Builder
	functions := p.stack.Functions()
	for _, logical := range slices.Sorted(maps.Keys(functions)) {
		did := made(p, functions[logical], journal)
		fmt.Fprintf(&out, "\n%s\n  allowed, and made by the code or by Lambda in its name (%d):\n", logical, len(did))
		for _, one := range did {
			fmt.Fprintf(&out, "    %s\n", one)
		}
		fmt.Fprintf(&out, "  refused with AccessDenied (%d):\n", len(refused[logical]))
		for _, one := range refused[logical] {
			fmt.Fprintf(&out, "    %s\n", one)
		}
	}
	return out.String()
}
