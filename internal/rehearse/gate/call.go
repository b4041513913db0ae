package gate

import (
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"net/url"
	"regexp"
	"slices"
	"strings"

	"github.com/jobhook/jobhook/internal/rehearse/cloudformation"
)

// right is one action on one resource, as IAM names them.
type right struct{ action, resource string }

// call is one request to AWS, as its X-Amz-Target names it.
type call struct {
	service   string // "dynamodb", "sqs", "secretsmanager"
	operation string // "PutItem"
	rights    []right
}

// ARN names a resource of the rehearsed account.
func ARN(service, resource string) string {
	return "arn:" + cloudformation.Partition + ":" + service + ":" + cloudformation.Region + ":" + cloudformation.Account + ":" + resource
}

// TableARN is a table's ARN.
func TableARN(name string) string { return ARN("dynamodb", "table/"+name) }

// QueueARN is a queue's ARN.
func QueueARN(name string) string { return ARN("sqs", name) }

// read finds out which rights a request needs: the actions and resources of
// https://docs.aws.amazon.com/service-authorization/latest/reference/. An
// operation that isn't listed here is an error, never allowed.
func (g *Gate) read(target string, body []byte) (call, error) {
	prefix, operation, _ := strings.Cut(target, ".")
	c := call{operation: operation}
	var request map[string]any
	if err := json.Unmarshal(body, &request); err != nil {
		return c, fmt.Errorf("%s: no JSON: %w", target, err)
	}
	var err error
	switch prefix {
	case "DynamoDB_20120810":
		c.service = "dynamodb"
		c.rights, err = dynamoRights(operation, request)
	case "AmazonSQS":
		c.service = "sqs"
		c.rights, err = queueRights(operation, request)
	case "secretsmanager":
		c.service = "secretsmanager"
		c.rights = []right{{"secretsmanager:" + operation, g.secretARN(text(request["SecretId"]))}}
	default:
		err = fmt.Errorf("%s: a service that no function should call", target)
	}
	return c, err
}

func dynamoRights(operation string, request map[string]any) ([]right, error) {
	switch operation {
	case "GetItem", "PutItem", "UpdateItem", "DeleteItem", "DescribeTable", "DeleteTable", "UpdateTable", "DescribeTimeToLive":
		return []right{{"dynamodb:" + operation, TableARN(text(request["TableName"]))}}, nil
	case "Query", "Scan":
		resource := TableARN(text(request["TableName"]))
		if index := text(request["IndexName"]); index != "" {
			resource += "/index/" + index
		}
		return []right{{"dynamodb:" + operation, resource}}, nil
	case "BatchGetItem", "BatchWriteItem":
		tables, _ := request["RequestItems"].(map[string]any)
		var rights []right
		for _, table := range slices.Sorted(maps.Keys(tables)) {
			rights = append(rights, right{"dynamodb:" + operation, TableARN(table)})
		}
		return rights, nil
	case "TransactWriteItems", "TransactGetItems":
		return transaction(request)
	case "ExecuteStatement", "BatchExecuteStatement":
		return statements(request)
	}
	return nil, fmt.Errorf("dynamodb:%s: an operation that the gate doesn't know", operation)
}

// transaction: IAM judges each of its parts by itself.
func transaction(request map[string]any) ([]right, error) {
	actions := map[string]string{
		"Put": "PutItem", "Update": "UpdateItem", "Delete": "DeleteItem", "Get": "GetItem", "ConditionCheck": "ConditionCheckItem",
	}
	items, _ := request["TransactItems"].([]any)
	var rights []right
	for _, item := range items {
		parts, _ := item.(map[string]any)
		for kind, part := range parts {
			of, _ := part.(map[string]any)
			if actions[kind] == "" {
				return nil, fmt.Errorf("dynamodb transaction: %s is not understood here", kind)
			}
			rights = append(rights, right{"dynamodb:" + actions[kind], TableARN(text(of["TableName"]))})
		}
	}
	return rights, nil
}

var partiQL = regexp.MustCompile(`(?is)^\s*(insert\s+into|update|delete\s+from|select\s.*?\sfrom)\s+"([^"]+)"(?:\."([^"]+)")?`)

func statements(request map[string]any) ([]right, error) {
	list, _ := request["Statements"].([]any)
	if list == nil {
		list = []any{request}
	}
	actions := map[string]string{"i": "PartiQLInsert", "u": "PartiQLUpdate", "d": "PartiQLDelete", "s": "PartiQLSelect"}
	var rights []right
	for _, one := range list {
		s, _ := one.(map[string]any)
		found := partiQL.FindStringSubmatch(text(s["Statement"]))
		if found == nil {
			return nil, errors.New("dynamodb: a statement that is not understood here")
		}
		resource := TableARN(found[2])
		if found[3] != "" {
			resource += "/index/" + found[3]
		}
		rights = append(rights, right{"dynamodb:" + actions[strings.ToLower(found[1][:1])], resource})
	}
	return rights, nil
}

func queueRights(operation string, request map[string]any) ([]right, error) {
	action := strings.TrimSuffix(operation, "Batch") // IAM has no action for a batch
	switch action {
	case "SendMessage", "ReceiveMessage", "DeleteMessage", "ChangeMessageVisibility", "GetQueueAttributes",
		"SetQueueAttributes", "PurgeQueue", "DeleteQueue":
	default:
		return nil, fmt.Errorf("sqs:%s: an operation that the gate doesn't know", operation)
	}
	given := text(request["QueueUrl"])
	address, err := url.Parse(given)
	parts := strings.Split(strings.Trim(address.Path, "/"), "/")
	if err != nil || address.Host == "" || len(parts) != 2 {
		return nil, &badAddressError{given}
	}
	return []right{{"sqs:" + action, QueueARN(parts[1])}}, nil
}

// badAddressError is a queue URL that is none, which SQS refuses before it looks
// at any policy.
type badAddressError struct{ given string }

func (e *badAddressError) Error() string { return fmt.Sprintf("%q is no queue URL", e.given) }

func text(v any) string {
	s, _ := v.(string)
	return s
}
