// Package rehearse deploys the translated template into emulators and runs it:
// moto's CloudFormation says what each resource is, conditions and functions
// resolved; it is made through AWS's API where a faithful emulator has one
// (DynamoDB, SQS, Secrets Manager) and in memory where none has (roles,
// functions, rules, alarms); every type and property that isn't known is refused.
// Then EventBridge and Lambda are played: events go through
// the rule's pattern and the queue's policy, a poller hands batches to the real
// binaries, and all that those call passes a gate that enforces their role.
//
// docs/rehearsal.md says what judges what.
package rehearse

import (
	"encoding/pem"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/secretsmanager"
	"github.com/aws/aws-sdk-go-v2/service/sqs"

	"github.com/jobhook/jobhook/internal/emulators"
	"github.com/jobhook/jobhook/internal/rehearse/gate"
)

// Cloud is one account of AWS, as far as a rehearsal needs it. It is safe for
// concurrent use.
type Cloud struct {
	tb   testing.TB
	Gate *gate.Gate
	// The clients reach the emulators past the gate, as an administrator.
	DynamoDB *dynamodb.Client
	SQS      *sqs.Client
	Secrets  *secretsmanager.Client

	bundle string // file with the gate's certificate

	mu        sync.Mutex
	queues    map[string]string          // ARN to URL
	functions map[string]*Function       // by name
	rules     map[string]*rule           // by ARN
	logs      map[string]*[]string       // lines, by log group
	resources map[string]map[string]bool // physical names by dimension: QueueName, FunctionName, TableName
	lost      []string                   // what EventBridge could put nowhere

	renamed []string // moto's names and URLs, each before the emulators'
}

// NewCloud starts an empty one; the end of the test ends it.
func NewCloud(tb testing.TB) *Cloud {
	tb.Helper()
	up := map[string]string{"dynamodb": emulators.DynamoDB(tb), "sqs": emulators.SQS(tb), "secretsmanager": emulators.SecretsManager(tb)}
	judge, err := gate.New(up)
	if err != nil {
		tb.Fatal(err)
	}
	c := &Cloud{
		tb: tb, Gate: judge,
		DynamoDB:  dynamodb.NewFromConfig(emulators.Config(up["dynamodb"])),
		SQS:       sqs.NewFromConfig(emulators.Config(up["sqs"])),
		Secrets:   secretsmanager.NewFromConfig(emulators.Config(up["secretsmanager"])),
		renamed:   []string{"https://sqs." + gate.Region + ".amazonaws.com", up["sqs"]},
		queues:    map[string]string{},
		functions: map[string]*Function{},
		rules:     map[string]*rule{},
		logs:      map[string]*[]string{},
		resources: map[string]map[string]bool{"QueueName": {}, "FunctionName": {}, "TableName": {}, "EventBusName": {"default": true}},
	}
	tb.Cleanup(c.Gate.Close)
	c.bundle = filepath.Join(tb.TempDir(), "gate.pem")
	certificate := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: c.Gate.Secure.Certificate().Raw})
	if err := os.WriteFile(c.bundle, certificate, 0o600); err != nil {
		tb.Fatal(err)
	}
	return c
}

// As is an SDK configuration with a role's credentials, through the gate.
func (c *Cloud) As(role string) aws.Config {
	return aws.Config{
		Region:       gate.Region,
		Credentials:  credentials.NewStaticCredentialsProvider(gate.AccessKey(role), "secret", "session"),
		BaseEndpoint: aws.String(c.Gate.Secure.URL),
		HTTPClient:   c.Gate.Secure.Client(),
		Retryer:      func() aws.Retryer { return aws.NopRetryer{} },
	}
}

// environment is what Lambda and the rehearsal add to a function's variables.
// Only here may it post to loopback, which SAM's emulator's variable opens.
func (c *Cloud) environment(role string) []string {
	return []string{
		"AWS_ACCESS_KEY_ID=" + gate.AccessKey(role), "AWS_SECRET_ACCESS_KEY=secret", "AWS_SESSION_TOKEN=session",
		"AWS_ENDPOINT_URL=" + c.Gate.Secure.URL, "AWS_CA_BUNDLE=" + c.bundle, "AWS_EC2_METADATA_DISABLED=true",
		"AWS_SAM_LOCAL=true", "LOCAL_ADDRESSES=127.0.0.1/32",
	}
}

func (c *Cloud) add(dimension, name string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.resources[dimension][name] = true
}

// missing says whether a dimension names what isn't there; one of another name
// may have any value.
func (c *Cloud) missing(dimension, name string) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	known, ours := c.resources[dimension]
	return ours && !known[name]
}

func (c *Cloud) queueURL(arn string) (string, bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	url, there := c.queues[arn]
	return url, there
}

// Lost lists the events that EventBridge could put nowhere: no queue took them,
// nor the target's dead letters.
func (c *Cloud) Lost() []string {
	c.mu.Lock()
	defer c.mu.Unlock()
	return append([]string(nil), c.lost...)
}

// Log returns the lines of a log group, those included that a function wrote
// while it answered.
func (c *Cloud) Log(group string) []string {
	c.mu.Lock()
	functions := slices.Collect(maps.Values(c.functions))
	c.mu.Unlock()
	for _, f := range functions {
		f.ship(f.current())
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if lines := c.logs[group]; lines != nil {
		return append([]string(nil), *lines...)
	}
	return nil
}
