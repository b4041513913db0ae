package main

import (
	"bytes"
	"context"
	"crypto/rand"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/secretsmanager"

	"github.com/jobhook/jobhook/internal/emulators"
	"github.com/jobhook/jobhook/shared/dynamo"
	"github.com/jobhook/jobhook/shared/embedded"
	"github.com/jobhook/jobhook/shared/secrets"
	manager "github.com/jobhook/jobhook/shared/secretsmanager"
	"github.com/jobhook/jobhook/shared/webhook"
)

const (
	testKeys = `{"signing":["the newest signing secret","the one before it"],"sealing":["0123456789abcdefghijklmnopqrstuv"],` +
		`"accounts":{"globex":"a secret given to globex"}}`
	// The vector of secrets.Ring.For, for account acme.
	acmeDerived = "whsec_YKj6/mXox82RkCkSJMq8Q6h1eCs8V+C4licfLUwGJIc="
	// The private key of the Standard Webhooks libraries, and its public half by openssl.
	private = "whsk_VEVTVFNJR05JTkdLRVlET05PVFVTRVRISVNGT1JBTlk="
	public  = "whpk_ZlN4eg7dSSqi0moX9hQUk3orrOouK3QVQSlJa248c/g="
)

// outcome is what a command did.
type outcome struct {
	code     int
	out, err string
}

func secret(t *testing.T, args ...string) outcome {
	t.Helper()
	var stdout, stderr bytes.Buffer
	code := secretCommand(t.Context(), args, &stdout, &stderr)
	return outcome{code, stdout.String(), stderr.String()}
}

// keysIn makes a data directory with known secrets.
func keysIn(t *testing.T) string {
	t.Helper()
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "secrets.json"), []byte(testKeys), 0o600); err != nil {
		t.Fatal(err)
	}
	return dir
}

func TestSecretOfADirectory(t *testing.T) {
	t.Setenv("SIGNING_SECRET_ID", "ignored with --data")
	dir := keysIn(t)
	for account, want := range map[string]string{
		"default": "the newest signing secret\nthe one before it\n",
		"acme":    acmeDerived + "\n",
		"globex":  "a secret given to globex\n",
	} {
		if got := secret(t, "--account", account, "--data", dir); got != (outcome{out: want}) {
			t.Errorf("%s: got %+v, want %q", account, got, want)
		}
	}
	if left, err := os.ReadDir(dir); err != nil || len(left) != 1 {
		t.Errorf("it left %v in the directory, %v", left, err)
	}
}

// TestSecretOfAJobRecord: what the account has set itself comes first, and
// while jobhook local runs a note says that it is not shown.
func TestSecretOfAJobRecord(t *testing.T) {
	dir := keysIn(t)
	db, err := embedded.Open(embedded.Config{Dir: dir})
	if err != nil {
		t.Fatal(err)
	}
	source, err := secrets.OpenFile(filepath.Join(dir, "secrets.json"), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	setOwn(t, db, secrets.NewRing(source, secrets.LocalNames))
	got := secret(t, "--account", "acme", "--data", dir)
	if got.code != 0 || got.out != acmeDerived+"\n" || !strings.Contains(got.err, "stop jobhook local first") {
		t.Errorf("while it runs: got %+v", got)
	}
	if err := db.Close(); err != nil {
		t.Fatal(err)
	}
	if got := secret(t, "--account", "acme", "--data", dir); got != (outcome{out: public + "\n"}) {
		t.Errorf("afterwards: got %+v, want the public key", got)
	}
	if got := secret(t, "--account", "globex", "--data", dir); got != (outcome{out: "a secret given to globex\n"}) {
		t.Errorf("an account that has set none: got %+v", got)
	}
}

// setOwn gives acme's jobs a secret of their own.
func setOwn(t *testing.T, store interface {
	InsertEndpoint(ctx context.Context, e webhook.Endpoint) error
}, ring *secrets.Ring,
) {
	t.Helper()
	record := webhook.JobDefaults("acme", webhook.Standard)
	own, err := ring.Seal(t.Context(), rand.Reader, "acme", webhook.JobTarget, private, time.Now())
	if err != nil {
		t.Fatal(err)
	}
	record.Secrets, record.Rev, record.CreatedAt = []webhook.SealedSecret{own}, "r1", own.CreatedAt
	if err := store.InsertEndpoint(t.Context(), record); err != nil {
		t.Fatal(err)
	}
}

func TestSecretOfAStack(t *testing.T) {
	for _, entry := range emulators.Environment(emulators.DynamoDB(t), "", emulators.SecretsManager(t)) {
		name, value, _ := strings.Cut(entry, "=")
		t.Setenv(name, value)
	}
	vault := secretsmanager.NewFromConfig(emulators.Config(emulators.SecretsManager(t)))
	names := secrets.Names{Signing: emulators.Name("signing"), Sealing: emulators.Name("sealing")}
	for name, value := range map[string]string{
		names.Signing: `{"prefix":"whsec_","key":"MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw","accounts":{"globex":"a secret given to globex"}}`,
		names.Sealing: `{"prefix":"","key":"0123456789abcdefghijklmnopqrstuv"}`,
	} {
		if _, err := vault.CreateSecret(t.Context(), &secretsmanager.CreateSecretInput{Name: aws.String(name), SecretString: aws.String(value)}); err != nil {
			t.Fatal(err)
		}
	}
	client := dynamodb.NewFromConfig(emulators.Config(emulators.DynamoDB(t)))
	tables := dynamo.Tables{Endpoints: emulators.Name("endpoints"), Deliveries: emulators.Name("deliveries")}
	for _, definition := range dynamo.Definitions(tables) {
		if _, err := client.CreateTable(t.Context(), definition); err != nil {
			t.Fatal(err)
		}
	}
	t.Setenv("SIGNING_SECRET_ID", names.Signing)
	t.Setenv("SEALING_KEY_ID", names.Sealing)
	t.Setenv("ENDPOINTS_TABLE", tables.Endpoints)
	expect := func(account, want string) {
		t.Helper()
		if got := secret(t, "--account", account); got != (outcome{out: want + "\n"}) {
			t.Errorf("%s: got %+v, want %q", account, got, want)
		}
	}
	expect("default", "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw")
	expect("globex", "a secret given to globex")
	expect("acme", acmeDerived)
	setOwn(t, dynamo.New(client, tables, time.Now), secrets.NewRing(manager.New(vault, manager.Options{}), names))
	expect("acme", public)

	t.Setenv("ENDPOINTS_TABLE", "no-such-table")
	if got := secret(t, "--account", "acme"); got.code != exitFailed || got.out != "" || !strings.Contains(got.err, "job record of account acme") {
		t.Errorf("no table: got %+v", got)
	}
	t.Setenv("AWS_REGION", "")
	t.Setenv("AWS_DEFAULT_REGION", "")
	t.Setenv("AWS_CONFIG_FILE", filepath.Join(t.TempDir(), "none"))
	if got := secret(t, "--account", "acme"); got.code != exitFailed || !strings.Contains(got.err, "set AWS_DEFAULT_REGION") {
		t.Errorf("no region: got %+v", got)
	}
}

func TestSecretIsCalledWrongly(t *testing.T) {
	t.Setenv("SIGNING_SECRET_ID", "")
	t.Setenv("ENDPOINTS_TABLE", "")
	t.Setenv("SEALING_KEY_ID", "")
	empty := t.TempDir()
	for _, c := range []struct {
		name, signing string
		args          []string
		code          int
		want          string // in stderr
	}{
		{"no account", "", nil, exitUsage, "--account: must be 1 to 128"},
		{"a name that no account can have", "", []string{"--account", "a/b"}, exitUsage, "like --account default"},
		{"an argument", "", []string{"--account", "acme", "more"}, exitUsage, `unexpected argument "more"`},
		{"an unknown flag", "", []string{"--acount", "acme"}, exitUsage, "-acount"},
		{"no directory", "", []string{"--account", "acme", "--data", filepath.Join(empty, "none")}, exitFailed, "give the directory of jobhook local with --data"},
		{"an empty directory", "", []string{"--account", "acme", "--data", empty}, exitFailed, "has no secrets"},
		{"half a stack", "an-arn", []string{"--account", "acme"}, exitUsage, "SEALING_KEY_ID"},
	} {
		t.Setenv("SIGNING_SECRET_ID", c.signing)
		got := secret(t, c.args...)
		if got.code != c.code || got.out != "" || !strings.Contains(got.err, c.want) {
			t.Errorf("%s: got %+v, want code %d and %q", c.name, got, c.code, c.want)
		}
	}
	if left, err := os.ReadDir(empty); err != nil || len(left) != 0 {
		t.Errorf("it left %v behind, %v", left, err)
	}
	if got := secret(t, "--help"); got != (outcome{out: secretUsage}) {
		t.Errorf("--help: got %+v", got)
	}
}

// brokenRecords is a store that cannot be read.
type brokenRecords struct{ err error }

func (b brokenRecords) Endpoint(context.Context, string, string) (webhook.Endpoint, error) {
	return webhook.Endpoint{}, b.err
}

// TestSecretNeedsTheJobRecord: without it, what is printed could be wrong.
func TestSecretNeedsTheJobRecord(t *testing.T) {
	source, err := secrets.OpenFile(filepath.Join(keysIn(t), "secrets.json"), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	ring, down := secrets.NewRing(source, secrets.LocalNames), errors.New("down")
	if got, err := verifying(t.Context(), brokenRecords{down}, ring, "acme"); !errors.Is(err, down) || got != nil {
		t.Errorf("got %v, %v; want %v", got, err, down)
	}
	if got, err := verifying(t.Context(), brokenRecords{webhook.ErrNotFound}, ring, "acme"); err != nil || len(got) != 1 || got[0] != acmeDerived {
		t.Errorf("none set: got %v, %v", got, err)
	}
}
