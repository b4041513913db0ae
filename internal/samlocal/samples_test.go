package main

import (
	"encoding/json"
	"net/url"
	"os"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/jobhook/jobhook/internal/templatetest"
	"github.com/jobhook/jobhook/shared/settings"
	"github.com/jobhook/jobhook/shared/webhook"
)

// atRoot runs the test where the commands run.
func atRoot(t *testing.T) {
	t.Helper()
	t.Chdir("../..")
}

func environment(t *testing.T) map[string]string {
	t.Helper()
	text, err := os.ReadFile("env.json")
	if err != nil {
		t.Fatal(err)
	}
	var file struct{ Parameters map[string]string }
	if err := json.Unmarshal(text, &file); err != nil {
		t.Fatal(err)
	}
	return file.Parameters
}

// env.json names what the emulators hold.
func TestEnvironmentNamesTheEmulators(t *testing.T) {
	atRoot(t)
	w := world{host: bridge}
	want := map[string]string{
		"AWS_ENDPOINT_URL_DYNAMODB": w.url(dynamoDBPort), "AWS_ENDPOINT_URL_SQS": w.url(sqsPort),
		"AWS_ENDPOINT_URL_SECRETS_MANAGER": w.url(secretsPort), "LOCAL_ADDRESSES": bridge + "/32",
		"ENDPOINTS_TABLE": endpointsTable, "DELIVERIES_TABLE": deliveriesTable, "RECEIPTS_TABLE": receiptsTable,
		"COMPLETIONS_QUEUE_URL": w.queueURL(sourceQueue), "RETRY_QUEUE_URL": w.queueURL(retryQueue), "SLOW_QUEUE_URL": w.queueURL(slowQueue), "REJECTED_QUEUE_URL": w.queueURL(rejectedQueue),
		"INBOX_QUEUE_URL": w.queueURL(inboxQueue), "SIGNING_SECRET_ID": signingSecret,
		"SEALING_KEY_ID": sealingKey, "SOURCES_SECRET_ID": sourcesSecret, "SCHEDULE": "1s,5s,15s",
	}
	if got := environment(t); !reflect.DeepEqual(got, want) {
		t.Errorf("env.json has\n%v\nwant\n%v", got, want)
	}
}

// sam local drops what no template declares.
func TestEnvironmentIsDeclared(t *testing.T) {
	atRoot(t)
	declared := map[string]any{}
	for file, keys := range map[string][]string{
		"template.yaml": {"Globals", "Function"}, "receive.yaml": {"Resources", "ReceiveFunction", "Properties"},
	} {
		tpl, err := templatetest.Load(file)
		if err != nil {
			t.Fatal(err)
		}
		for name := range tpl.Map(append(keys, "Environment", "Variables")...) {
			declared[name] = true
		}
		for name := range tpl.Map("Resources", "DispatchFunction", "Properties", "Environment", "Variables") {
			declared[name] = true
		}
	}
	given := environment(t)
	for name := range given {
		if declared[name] == nil {
			t.Errorf("env.json gives %s, which no template declares", name)
		}
	}
	given["AWS_SAM_LOCAL"] = "true"
	if _, err := settings.Load[settings.Dispatch](given); err != nil {
		t.Error(err)
	}
}

// events/retry.json is the retry of the delivery that waits in the emulators:
// recorded so, it is due and open.
func TestRetryIsOfTheWaitingJob(t *testing.T) {
	atRoot(t)
	all, err := loadSamples("http://receiver.test")
	if err != nil {
		t.Fatal(err)
	}
	asked, err := webhook.ParseRetry([]byte(records(of(all, retryFunction)[0])[0].Body))
	if err != nil {
		t.Fatal(err)
	}
	now := time.Now()
	event, delivery, err := waiting(asked, "http://receiver.test", now)
	if err != nil {
		t.Fatal(err)
	}
	d := delivery.Delivery
	if d.DeliveryKey != asked.Key() || !d.Open() || d.NextNumber() != asked.Attempt || d.NextAttemptAt.After(now) || d.Lease.Active(now) {
		t.Errorf("it waits as %+v, asked for is %+v", d, asked)
	}
	if u, err := url.Parse(d.URL); err != nil || u.Path != busyPath || !event.Event.ExpiresAt.After(now) {
		t.Errorf("it goes to %s until %s", d.URL, event.Event.ExpiresAt)
	}
}

// Every event of a function is known as its own, and no URL leaves the machine.
func TestSamplesAreLocal(t *testing.T) {
	atRoot(t)
	all, err := loadSamples("http://receiver.test")
	if err != nil {
		t.Fatal(err)
	}
	for function, prefix := range map[string]string{dispatchFunction: "dispatch", retryFunction: "retry", receiveFunction: "receive"} {
		own := of(all, function)
		if len(own) == 0 {
			t.Errorf("%s has no event", function)
		}
		for _, s := range own {
			if !strings.HasPrefix(s.name, prefix) {
				t.Errorf("%s is taken for an event of %s", s.name, function)
			}
		}
	}
	for _, s := range all {
		if strings.Contains(string(s.body), "://example.com") {
			t.Errorf("%s still names example.com", s.name)
		}
	}
	batch, err := completions(all)
	if err != nil || len(records(batch)) < 5 {
		t.Errorf("%s (%v); want the five profiles'", batch.name, err)
	}
}
