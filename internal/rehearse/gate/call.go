package gate

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/url"
	"regexp"
	"strings"
)

// The rehearsed account.
const (
	Region  = "us-east-1"
	Account = "123456789012"
)

// ARN names a resource of the rehearsed account.
func ARN(service, resource string) string {
	return "arn:aws:" + service + ":" + Region + ":" + Account + ":" + resource
}

// RoleARN is a role's ARN.
func RoleARN(name string) string { return "arn:aws:iam::" + Account + ":role/" + name }

// right is one action on one resource, as IAM names them.
type right struct{ action, resource string }

// request is what tells the resources of a call.
type request struct {
	TableName, IndexName, Statement string
	RequestItems                    map[string]any
	TransactItems                   []map[string]request // by kind: Put, Update, Delete, Get, ConditionCheck
	Statements                      []request
	QueueURL                        string `json:"QueueUrl"`
	SecretID                        string `json:"SecretId"`
}

// read finds out which rights a call needs: the actions and resources of
// https://docs.aws.amazon.com/service-authorization/latest/reference/. An
// operation that isn't listed here is an error, never allowed.
func (g *Gate) read(target string, body []byte) (service string, rights []right, err error) {
	prefix, operation, _ := strings.Cut(target, ".")
	var r request
	if err := json.Unmarshal(body, &r); err != nil {
		return "", nil, fmt.Errorf("%s: no JSON: %w", target, err)
	}
	switch prefix {
	case "DynamoDB_20120810":
		rights, err = r.dynamoDB(operation)
		return "dynamodb", rights, err
	case "AmazonSQS":
		rights, err = r.sqs(operation)
		return "sqs", rights, err
	case "secretsmanager":
		return prefix, []right{{"secretsmanager:" + operation, g.secretARN(r.SecretID)}}, nil
	}
	return "", nil, fmt.Errorf("%s: a service that no function should call", target)
}

func (r request) dynamoDB(operation string) (rights []right, err error) {
	switch operation {
	case "GetItem", "PutItem", "UpdateItem", "DeleteItem", "DeleteTable", "Query", "Scan":
		return []right{{"dynamodb:" + operation, tableARN(r.TableName, r.IndexName)}}, nil
	case "BatchGetItem":
		for table := range r.RequestItems {
			rights = append(rights, right{"dynamodb:" + operation, tableARN(table, "")})
		}
		return rights, nil
	case "TransactWriteItems", "TransactGetItems": // IAM judges each part by itself
		for _, parts := range r.TransactItems {
			for kind, part := range parts {
				rights = append(rights, right{"dynamodb:" + kind + "Item", tableARN(part.TableName, "")})
			}
		}
		return rights, nil
	case "BatchExecuteStatement":
		for _, s := range r.Statements {
			found := partiQL.FindStringSubmatch(s.Statement)
			if found == nil {
				return nil, errors.New("dynamodb: a statement that is not understood here")
			}
			action := map[string]string{"i": "Insert", "u": "Update", "d": "Delete", "s": "Select"}[strings.ToLower(found[1][:1])]
			rights = append(rights, right{"dynamodb:PartiQL" + action, tableARN(found[2], found[3])})
		}
		return rights, nil
	}
	return nil, fmt.Errorf("dynamodb:%s: an operation that the gate doesn't know", operation)
}

var partiQL = regexp.MustCompile(`(?is)^\s*(insert\s+into|update|delete\s+from|select\s.*?\sfrom)\s+"([^"]+)"(?:\."([^"]+)")?`)

func tableARN(table, index string) string {
	if index != "" {
		table += "/index/" + index
	}
	return ARN("dynamodb", "table/"+table)
}

func (r request) sqs(operation string) ([]right, error) {
	action := strings.TrimSuffix(operation, "Batch") // IAM has no action for a batch
	switch action {
	case "SendMessage", "ReceiveMessage", "DeleteMessage", "ChangeMessageVisibility", "GetQueueAttributes", "PurgeQueue":
	default:
		return nil, fmt.Errorf("sqs:%s: an operation that the gate doesn't know", operation)
	}
	address, err := url.Parse(r.QueueURL)
	if err == nil {
		if parts := strings.Split(strings.Trim(address.Path, "/"), "/"); address.Host != "" && len(parts) == 2 {
			return []right{{"sqs:" + action, ARN("sqs", parts[1])}}, nil
		}
	}
	return nil, &badAddressError{r.QueueURL}
}

// badAddressError is a queue URL that is none, which SQS refuses before it looks
// at any policy.
type badAddressError struct{ given string }

func (e *badAddressError) Error() string { return fmt.Sprintf("%q is no queue URL", e.given) }
