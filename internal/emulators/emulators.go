// Package emulators gives tests an AWS of their own: DynamoDB (dynoxide), SQS
// (local-aws-sqs) and Secrets Manager (a fake in this package), each on a free
// loopback port, in memory, started once per test process and gone with it.
//
// The first two are npm packages pinned in tools/node/package-lock.json;
// `make deps` installs them. A test that asks for a missing one fails and says
// so: it never skips. Where an emulator is already running, or none exists for
// the platform, JOBHOOK_DYNAMODB_ENDPOINT, JOBHOOK_SQS_ENDPOINT and
// JOBHOOK_SECRETS_ENDPOINT name one to use instead.
package emulators

import (
	"context"
	"os"
	"sync"
	"testing"
)

// DynamoDB returns the URL of this process's DynamoDB, starting it at the first
// call. Tables are shared by all tests of the process: give yours names by Name.
func DynamoDB(tb testing.TB) string {
	tb.Helper()
	return dynamoDB.url(tb)
}

// SQS returns the URL of this process's SQS, starting it at the first call.
// Queues are shared by all tests of the process: give yours names by Name.
// Advance moves its clock.
func SQS(tb testing.TB) string {
	tb.Helper()
	return sqs.url(tb)
}

// SecretsManager returns the URL of this process's Secrets Manager: the fake of
// NewSecrets, or whatever JOBHOOK_SECRETS_ENDPOINT names (moto, in CI).
func SecretsManager(tb testing.TB) string {
	tb.Helper()
	return secretsManager.url(tb)
}

// Stop ends what this process has started. A TestMain may call it to be tidy;
// nothing outlives the process without it, even when it is killed.
func Stop() {
	dynamoDB.stop()
	sqs.stop()
	secretsManager.stop()
}

var (
	dynamoDB       = shared{override: "JOBHOOK_DYNAMODB_ENDPOINT", start: StartDynamoDB}
	sqs            = shared{override: "JOBHOOK_SQS_ENDPOINT", start: StartSQS}
	secretsManager = shared{override: "JOBHOOK_SECRETS_ENDPOINT", start: StartSecretsManager}
)

// shared is one emulator for the whole process. A failed start is remembered:
// the second test to ask gets the same answer at once.
type shared struct {
	override string
	start    func(ctx context.Context, address string) (*Emulator, error)

	once     sync.Once
	emulator *Emulator
	err      error
}

func (s *shared) url(tb testing.TB) string {
	tb.Helper()
	if url := os.Getenv(s.override); url != "" {
		return url
	}
	s.once.Do(func() { s.emulator, s.err = s.start(context.Background(), "") })
	if s.err != nil {
		tb.Fatal(s.err)
	}
	return s.emulator.URL
}

func (s *shared) stop() {
	s.once.Do(func() {}) // a start under way finishes first; none begins after
	if s.emulator != nil {
		s.emulator.Stop()
	}
}
