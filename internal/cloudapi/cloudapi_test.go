package cloudapi_test

import (
	"encoding/json"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/secretsmanager"
	"github.com/aws/aws-sdk-go-v2/service/sqs"

	"github.com/jobhook/jobhook/internal/cloudapi"
	"github.com/jobhook/jobhook/internal/emulators"
	"github.com/jobhook/jobhook/shared/dynamo"
	"github.com/jobhook/jobhook/shared/webhook"
)

func TestMain(m *testing.M) {
	code := m.Run()
	emulators.Stop()
	os.Exit(code)
}

func secret(t *testing.T, value string) string {
	t.Helper()
	client := secretsmanager.NewFromConfig(emulators.Config(emulators.SecretsManager(t)))
	made, err := client.CreateSecret(t.Context(), &secretsmanager.CreateSecretInput{Name: aws.String(emulators.Name("s")), SecretString: &value})
	if err != nil {
		t.Fatal(err)
	}
	return aws.ToString(made.ARN)
}

func newSettings(t *testing.T) cloudapi.Settings {
	t.Helper()
	for _, entry := range emulators.Environment(emulators.DynamoDB(t), emulators.SQS(t), emulators.SecretsManager(t)) {
		name, value, _ := strings.Cut(entry, "=")
		t.Setenv(name, value)
	}
	s := cloudapi.Settings{
		EndpointsTable: emulators.Name("Endpoints"), DeliveriesTable: emulators.Name("Deliveries"),
		SigningSecretID: secret(t, "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"), SealingKeyID: secret(t, strings.Repeat("0123456789abcdef", 4)),
		Retention: time.Hour, CallbackProfile: "standard", SendTimeout: time.Second,
	}
	db := dynamodb.NewFromConfig(emulators.Config(emulators.DynamoDB(t)))
	for _, table := range dynamo.Definitions(dynamo.Tables{Endpoints: s.EndpointsTable, Deliveries: s.DeliveriesTable}) {
		if _, err := db.CreateTable(t.Context(), table); err != nil {
			t.Fatal(err)
		}
	}
	made, err := sqs.NewFromConfig(emulators.Config(emulators.SQS(t))).CreateQueue(t.Context(), &sqs.CreateQueueInput{QueueName: aws.String(emulators.Name("completions"))})
	if err != nil {
		t.Fatal(err)
	}
	s.CompletionsQueueURL = aws.ToString(made.QueueUrl)
	return s
}

func call(t *testing.T, handler http.Handler, method, path, body string) (int, map[string]any) {
	t.Helper()
	r := httptest.NewRequestWithContext(t.Context(), method, path, strings.NewReader(body))
	r.Header.Set("Content-Type", "application/json")
	w := httptest.NewRecorder()
	handler.ServeHTTP(w, r)
	text, err := io.ReadAll(w.Result().Body)
	if err != nil {
		t.Fatal(err)
	}
	var answer map[string]any
	if len(text) > 0 {
		if err := json.Unmarshal(text, &answer); err != nil {
			t.Fatalf("%s %s: %s", method, path, text)
		}
	}
	return w.Code, answer
}

// An operator registers an endpoint of a deployed stack and publishes; dispatch
// finds both where it looks.
func TestManagingADeployedStack(t *testing.T) {
	s := newSettings(t)
	handler, err := cloudapi.Open(t.Context(), s, "", slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	status, made := call(t, handler, "POST", "/v1/accounts/acme/endpoints", `{"url":"https://example.com/hook","profile":"sharpapi","secret":"of-the-customer-itself"}`)
	if status != http.StatusCreated || made["secret"] != "of-the-customer-itself" {
		t.Fatalf("%d %v", status, made)
	}
	path := "/v1/accounts/acme/endpoints/" + made["id"].(string)
	if status, changed := call(t, handler, "PATCH", path, `{"profile":"unitary"}`); status != http.StatusOK || changed["profile"] != "unitary" || changed["secret"] != nil {
		t.Errorf("%d %v", status, changed)
	}
	body := `{"id":"1","status":"success","type":"translate"}`
	for _, duplicate := range []bool{false, true} {
		if status, answer := call(t, handler, "POST", "/v1/accounts/acme/events", body); status != http.StatusAccepted || answer["duplicate"] != duplicate {
			t.Errorf("%d %v, want duplicate %t", status, answer, duplicate)
		}
	}
	got, err := sqs.NewFromConfig(emulators.Config(emulators.SQS(t))).ReceiveMessage(t.Context(), &sqs.ReceiveMessageInput{QueueUrl: &s.CompletionsQueueURL, WaitTimeSeconds: 5})
	if err != nil || len(got.Messages) == 0 {
		t.Fatalf("dispatch is not told (%v)", err)
	}
	if a, ok, err := webhook.ParseAccepted([]byte(aws.ToString(got.Messages[0].Body))); !ok || err != nil || a.Account != "acme" {
		t.Errorf("dispatch is told %+v (%v)", a, err)
	}
	if status, ev := call(t, handler, "GET", "/v1/accounts/acme/events/translate.success%2F1%2Fsuccess", ""); status != http.StatusOK || ev["event_type"] != "translate.success" {
		t.Errorf("%d %v", status, ev)
	}
	if status, _ := call(t, handler, "DELETE", path, ""); status != http.StatusNoContent {
		t.Errorf("delete: %d", status)
	}
}

func TestAWrongNameShowsAtTheStart(t *testing.T) {
	for name, change := range map[string]func(*cloudapi.Settings){
		"endpoints table": func(s *cloudapi.Settings) { s.EndpointsTable = "absent" },
		"secrets":         func(s *cloudapi.Settings) { s.SigningSecretID = "absent" },
	} {
		t.Run(name, func(t *testing.T) {
			s := newSettings(t)
			change(&s)
			if _, err := cloudapi.Open(t.Context(), s, "", slog.New(slog.DiscardHandler)); err == nil || !strings.Contains(err.Error(), name) {
				t.Errorf("error is %v, want one that names the %s", err, name)
			}
		})
	}
}
