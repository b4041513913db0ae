package templatetest_test

import (
	"fmt"
	"slices"
	"testing"
)

// may is what each function's role allows: a line for each action on each
// resource, nothing else. It follows from the calls in shared/deliver and
// shared/sqsbatch:
//
//	Write                         PartiQLInsert, PartiQLUpdate on Deliveries; PutItem over what has expired
//	Events, Deliveries            BatchGetItem on Deliveries
//	Arrivals, Load                BatchGetItem on both
//	Endpoint                      BatchGetItem on Endpoints
//	AccountEndpoints              Query on Endpoints
//	ReplaceEndpoint               UpdateItem on Endpoints, twice in a transaction
//	ChangeVisibility              ChangeMessageVisibility on the function's own queues
//
// TransactWriteItems and BatchExecuteStatement need the rights of their parts.
var may = map[string][]string{
	"DispatchFunction": {
		"dynamodb:BatchGetItem DeliveriesTable",
		"dynamodb:BatchGetItem EndpointsTable",
		"dynamodb:PartiQLInsert DeliveriesTable",
		"dynamodb:PartiQLUpdate DeliveriesTable",
		"dynamodb:PutItem DeliveriesTable",
		"dynamodb:Query EndpointsTable",
		"dynamodb:UpdateItem EndpointsTable",
		"logs:CreateLogStream DispatchLogs",
		"logs:PutLogEvents DispatchLogs",
		"secretsmanager:GetSecretValue SealingKey",
		"secretsmanager:GetSecretValue SigningSecret",
		"secretsmanager:GetSecretValue " + endpointSecrets,
		"sqs:ChangeMessageVisibility CompletionsQueue",
		"sqs:DeleteMessage CompletionsQueue",
		"sqs:GetQueueAttributes CompletionsQueue",
		"sqs:ReceiveMessage CompletionsQueue",
		"sqs:SendMessage RejectedQueue",
		"sqs:SendMessage RetryQueue",
		"sqs:SendMessage SlowQueue",
	},
	"RetryFunction": {
		"dynamodb:BatchGetItem DeliveriesTable",
		"dynamodb:BatchGetItem EndpointsTable",
		"dynamodb:PartiQLInsert DeliveriesTable",
		"dynamodb:PartiQLUpdate DeliveriesTable",
		"dynamodb:PutItem DeliveriesTable",
		"dynamodb:UpdateItem EndpointsTable",
		"logs:CreateLogStream RetryLogs",
		"logs:PutLogEvents RetryLogs",
		"secretsmanager:GetSecretValue SealingKey",
		"secretsmanager:GetSecretValue SigningSecret",
		"secretsmanager:GetSecretValue " + endpointSecrets,
		"sqs:ChangeMessageVisibility RetryQueue",
		"sqs:ChangeMessageVisibility SlowQueue",
		"sqs:DeleteMessage RetryQueue",
		"sqs:DeleteMessage SlowQueue",
		"sqs:GetQueueAttributes RetryQueue",
		"sqs:GetQueueAttributes SlowQueue",
		"sqs:ReceiveMessage RetryQueue",
		"sqs:ReceiveMessage SlowQueue",
		"sqs:SendMessage RetryQueue",
		"sqs:SendMessage SlowQueue",
	},
}

const endpointSecrets = "arn:${AWS::Partition}:secretsmanager:${AWS::Region}:${AWS::AccountId}:secret:${EndpointSecretPrefix}*"

func TestRolesAllowExactlyThis(t *testing.T) {
	tpl := load(t)
	functions := tpl.OfType("AWS::Serverless::Function")
	if len(functions) != len(may) {
		t.Errorf("functions %v, listed here %d", functions, len(may))
	}
	roles := map[string]string{}
	for _, function := range functions {
		role := name(properties(tpl, function).At("Role"))
		if other, taken := roles[role]; taken || properties(tpl, function).At("Policies") != nil {
			t.Errorf("%s must have a role of its own and nothing else; %q is %q's too", function, role, other)
		}
		roles[role] = function
		got := allowed(t, properties(tpl, role).Map())
		want := slices.Sorted(slices.Values(may[function]))
		if !slices.Equal(got, want) {
			t.Errorf("%s may\n%q\nwant\n%q", function, got, want)
		}
	}
}

// Tracing, and nothing else, adds to a role, and no more than to send traces.
func TestTracingAddsToRoles(t *testing.T) {
	for file, functions := range map[string][]string{"template.yaml": {"DispatchFunction", "RetryFunction"}, "receive.yaml": {"ReceiveFunction"}} {
		tpl := loadFile(t, file)
		for _, function := range functions {
			role := properties(tpl, name(properties(tpl, function).At("Role"))).Map()
			plain, traced := allowed(t, role), allowed(t, role, "Trace")
			traced = slices.DeleteFunc(traced, func(s string) bool { return slices.Contains(plain, s) })
			if !slices.Equal(traced, []string{"xray:PutTelemetryRecords *", "xray:PutTraceSegments *"}) {
				t.Errorf("%s: tracing allows %v", function, traced)
			}
			if mode := properties(tpl, function)["Tracing"]; mode == nil && tpl.At("Globals", "Function", "Tracing") == nil {
				t.Errorf("%s is never traced", function)
			}
		}
		if tpl.At("Parameters", "Tracing", "Default") != "PassThrough" {
			t.Errorf("%s traces unasked", file)
		}
	}
}

// In a VPC Lambda needs rights on the network, under the function's role; the
// function's code is denied each of them again.
func TestVPCAddsNothingForTheCode(t *testing.T) {
	tpl := load(t)
	if tpl.At("Globals", "Function", "VpcConfig", "Fn::If") == nil {
		t.Error("the functions can't join a VPC")
	}
	for _, function := range []string{"DispatchFunction", "RetryFunction"} {
		role := properties(tpl, name(properties(tpl, function).At("Role"))).Map()
		var allow, deny []string
		for _, s := range statements(t, role["Policies"].([]any)[0].(map[string]any)["PolicyDocument"], "InVpc") {
			switch {
			case s["Effect"] == "Deny":
				deny = list(s["Action"])
				if s.At("Condition", "ArnLike", "lambda:SourceFunctionArn") == nil || s["Resource"] != "*" {
					t.Errorf("%s is denied %v", function, s)
				}
			case s["Sid"] == "JoinVpc":
				allow = list(s["Action"])
			}
		}
		if len(allow) == 0 || !slices.Equal(allow, deny) {
			t.Errorf("%s: in a VPC its role allows %v, and denies the code %v", function, allow, deny)
		}
	}
}

// allowed lists what a role's own policies allow, "action resource", under the
// given conditions of the template.
func allowed(t *testing.T, role map[string]any, given ...string) []string {
	t.Helper()
	if role["ManagedPolicyArns"] != nil {
		t.Errorf("managed policies allow more than is needed: %v", role["ManagedPolicyArns"])
	}
	var got []string
	policies, _ := role["Policies"].([]any)
	for _, policy := range policies {
		for _, s := range statements(t, policy.(map[string]any)["PolicyDocument"], given...) {
			if s["Effect"] != "Allow" {
				continue
			}
			for _, action := range list(s["Action"]) {
				for _, resource := range list(s["Resource"]) {
					got = append(got, fmt.Sprint(action, " ", resource))
				}
			}
		}
	}
	slices.Sort(got)
	return got
}
