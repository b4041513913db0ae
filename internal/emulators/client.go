package emulators

import (
	"context"
	"fmt"
	"net/http"
	"net/url"
	"os"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
)

// Config is an SDK configuration for an emulator's endpoint: region us-east-1,
// fixed credentials, nothing read from the environment or the home directory.
func Config(endpoint string) aws.Config {
	return aws.Config{
		Region:       "us-east-1",
		Credentials:  credentials.NewStaticCredentialsProvider("test", "test", ""),
		BaseEndpoint: aws.String(endpoint),
	}
}

var names atomic.Int64

// Name returns a name for a table, queue or secret that no other test of any
// process uses: "deliveries" becomes something like "deliveries-4711-3".
func Name(prefix string) string {
	return fmt.Sprintf("%s-%d-%d", prefix, os.Getpid(), names.Add(1))
}

// Environment is Config for a process of its own, in the form of os.Environ:
// what a function's binary needs to reach the emulators. An empty URL leaves
// that service at AWS, where the fixed credentials are refused.
func Environment(dynamoDB, sqs, secretsManager string) []string {
	return []string{
		"AWS_REGION=us-east-1",
		"AWS_ACCESS_KEY_ID=test",
		"AWS_SECRET_ACCESS_KEY=test",
		"AWS_SESSION_TOKEN=",
		"AWS_EC2_METADATA_DISABLED=true",
		"AWS_ENDPOINT_URL_DYNAMODB=" + dynamoDB,
		"AWS_ENDPOINT_URL_SQS=" + sqs,
		"AWS_ENDPOINT_URL_SECRETS_MANAGER=" + secretsManager,
	}
}

// Advance moves the clock of this process's SQS forward: delays, visibility
// timeouts and retention periods that end within d end now. Whole milliseconds.
func Advance(tb testing.TB, d time.Duration) {
	tb.Helper()
	target := SQS(tb) + "/_clock/advance?" + url.Values{"ms": {strconv.FormatInt(d.Milliseconds(), 10)}}.Encode()
	request, err := http.NewRequestWithContext(context.WithoutCancel(tb.Context()), http.MethodPost, target, nil)
	if err != nil {
		tb.Fatal(err)
	}
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		tb.Fatal(fmt.Errorf("advance SQS by %s: %w", d, err))
	}
	defer response.Body.Close()
	if response.StatusCode != http.StatusOK {
		tb.Fatalf("advance SQS by %s: %s", d, response.Status)
	}
}

// Calls counts the requests that a client makes, by operation, retries of the
// SDK included. Put it into a Config as its HTTPClient.
type Calls struct {
	mu    sync.Mutex
	count map[string]int
}

// Do sends the request and counts it; it makes Calls an aws.HTTPClient.
func (c *Calls) Do(request *http.Request) (*http.Response, error) {
	_, operation, _ := strings.Cut(request.Header.Get("X-Amz-Target"), ".")
	c.mu.Lock()
	if c.count == nil {
		c.count = map[string]int{}
	}
	c.count[operation]++
	c.mu.Unlock()
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		return nil, fmt.Errorf("call an emulator: %w", err)
	}
	return response, nil
}

// Of returns how often an operation was called: Of("PutItem").
func (c *Calls) Of(operation string) int {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.count[operation]
}

// Total returns how many calls there were.
func (c *Calls) Total() int {
	c.mu.Lock()
	defer c.mu.Unlock()
	total := 0
	for _, n := range c.count {
		total += n
	}
	return total
}
