package gate_test

import (
	"testing"

	"github.com/jobhook/jobhook/internal/rehearse/gate"
)

func document(t *testing.T, statement string) gate.Document {
	t.Helper()
	d, err := gate.Parse([]byte(`{"Version":"2012-10-17","Statement":[` + statement + `]}`))
	if err != nil {
		t.Fatal(err)
	}
	return d
}

const (
	table = "arn:aws:dynamodb:us-east-1:1:table/T"
	queue = "arn:aws:sqs:us-east-1:1:q"
	role  = "arn:aws:iam::1:role/r"
)

func TestJudge(t *testing.T) {
	send := gate.Request{Role: role, Action: "sqs:SendMessage", Resource: queue, Context: map[string]string{"aws:SecureTransport": "false"}}
	rule := gate.Request{Service: "events.amazonaws.com", Action: "sqs:SendMessage", Resource: queue, Context: map[string]string{"aws:SourceArn": "rule"}}
	item := gate.Request{Role: role, Action: "dynamodb:Query", Resource: table + "/index/i"}
	const allowSend = `{"Effect":"Allow","Action":"sqs:SendMessage","Resource":"` + queue + `"}`
	const fromRule = `{"Effect":"Allow","Principal":{"Service":"events.amazonaws.com"},"Action":"sqs:SendMessage","Resource":"*","Condition":{"ArnEquals":{"aws:SourceArn":["other","rule"]}}}`
	for name, test := range map[string]struct {
		request            gate.Request
		identity, resource string
		want               bool
	}{
		"nothing allows":                 {request: send},
		"the role allows":                {request: send, identity: allowSend, want: true},
		"case of an action":              {request: send, identity: `{"Effect":"Allow","Action":"SQS:sendmessage","Resource":"*"}`, want: true},
		"a wildcard":                     {request: send, identity: `{"Effect":"Allow","Action":"sqs:*","Resource":"arn:aws:sqs:*"}`, want: true},
		"another queue":                  {request: send, identity: `{"Effect":"Allow","Action":"sqs:*","Resource":"` + queue + `2"}`},
		"a table is not its index":       {request: item, identity: `{"Effect":"Allow","Action":"dynamodb:Query","Resource":"` + table + `"}`},
		"an index":                       {request: item, identity: `{"Effect":"Allow","Action":"dynamodb:Query","Resource":"` + table + `/index/*"}`, want: true},
		"a deny of the resource wins":    {request: send, identity: allowSend, resource: `{"Effect":"Deny","Principal":"*","Action":"sqs:*","Resource":"*","Condition":{"Bool":{"aws:SecureTransport":"false"}}}`},
		"a deny of the role wins":        {request: send, identity: allowSend + `,{"Effect":"Deny","Action":"sqs:*","Resource":"*"}`},
		"a service by its rule":          {request: rule, resource: fromRule, want: true},
		"a role is not a service":        {request: send, resource: fromRule},
		"a condition without its key":    {request: item, identity: `{"Effect":"Allow","Action":"*","Resource":"*","Condition":{"ArnLike":{"aws:SourceArn":"*"}}}`},
		"a resource's policy by role":    {request: send, resource: `{"Effect":"Allow","Principal":{"AWS":"` + role + `"},"Action":"sqs:SendMessage","Resource":"*"}`, want: true},
		"one character by question mark": {request: send, identity: `{"Effect":"Allow","Action":"sqs:SendMessag?","Resource":"*"}`, want: true},
	} {
		t.Run(name, func(t *testing.T) {
			var identity, resource []gate.Document
			if test.identity != "" {
				identity = append(identity, document(t, test.identity))
			}
			if test.resource != "" {
				resource = append(resource, document(t, test.resource))
			}
			got, by, err := gate.Judge(test.request, identity, resource)
			if err != nil || got != test.want {
				t.Errorf("%v by %q, %v; want %v", got, by, err, test.want)
			}
		})
	}
}

// What it doesn't understand it refuses with an error.
func TestUnknownIsRefused(t *testing.T) {
	request := gate.Request{Action: "a:B", Resource: "r", Context: map[string]string{"aws:SourceArn": "x"}}
	for _, condition := range []string{`{"StringNotEquals":{"aws:SourceArn":"x"}}`, `{"StringEquals":{"dynamodb:LeadingKeys":"x"}}`} {
		d := document(t, `{"Effect":"Allow","Action":"*","Resource":"*","Condition":`+condition+`}`)
		if got, _, err := gate.Judge(request, []gate.Document{d}, nil); err == nil || got {
			t.Errorf("%s: %v, %v", condition, got, err)
		}
	}
	for _, statement := range []string{
		`{"Effect":"Allow","NotAction":"a:B","Resource":"*"}`, `{"Effect":"Allow","Action":"a:B","NotResource":"x"}`,
		`{"Effect":"Maybe","Action":"a:B","Resource":"x"}`, `{"Effect":"Allow","Resource":"x"}`,
	} {
		if _, err := gate.Parse([]byte(`{"Version":"2012-10-17","Statement":[` + statement + `]}`)); err == nil {
			t.Errorf("%s: taken", statement)
		}
	}
}
