package settings_test

import (
	"maps"
	"strings"
	"testing"
	"time"

	"github.com/jobhook/jobhook/shared/settings"
)

var required = map[string]string{
	"ENDPOINTS_TABLE": "e", "DELIVERIES_TABLE": "d", "RETRY_QUEUE_URL": "https://q", "SLOW_QUEUE_URL": "https://w", "REJECTED_QUEUE_URL": "https://r",
	"COMPLETIONS_QUEUE_URL": "https://c", "SIGNING_SECRET_ID": "s", "SEALING_KEY_ID": "k",
}

func load(changes map[string]string) (settings.Dispatch, error) {
	environment := maps.Clone(required)
	maps.Copy(environment, changes)
	return settings.Load[settings.Dispatch](environment)
}

func TestDefaults(t *testing.T) {
	s, err := load(nil)
	if err != nil {
		t.Fatal(err)
	}
	c := s.Config()
	if c.Schedule.String() != "1m,5m,15m" || c.SendTimeout != 10*time.Second || c.Concurrency != 32 || c.Intake.Retention != 720*time.Hour {
		t.Errorf("the defaults are %+v", c)
	}
}

func TestFaultsAreReportedTogether(t *testing.T) {
	_, err := settings.Load[settings.Dispatch](map[string]string{"SCHEDULE": "soon", "SEND_TIMEOUT": "ten"})
	if err == nil {
		t.Fatal("no error")
	}
	for _, want := range []string{
		"ENDPOINTS_TABLE", "DELIVERIES_TABLE", "RETRY_QUEUE_URL", "SLOW_QUEUE_URL", "REJECTED_QUEUE_URL", "COMPLETIONS_QUEUE_URL",
		"SIGNING_SECRET_ID", "SEALING_KEY_ID", `"soon" is not a delay`, "SendTimeout",
	} {
		if !strings.Contains(err.Error(), want) {
			t.Errorf("the error does not name %s: %v", want, err)
		}
	}
}

func TestRefuses(t *testing.T) {
	for name, c := range map[string]struct{ variable, value, says string }{
		"a long timeout":         {"SEND_TIMEOUT", "5m", "from 1s to 30s"},
		"a short retention":      {"RETENTION", "10m", "must be more than"},
		"no concurrency":         {"CONCURRENCY", "0", "from 1 to 1000"},
		"an unknown way":         {"OVERSIZE_RESULT", "shrink", "omit"},
		"an unknown schedule":    {"SCHEDULE", "sometimes", "antinium"},
		"a large result":         {"MAX_RESULT_BYTES", "500000", "a DynamoDB item holds 400 KB"},
		"an unknown profile":     {"DEFAULT_CALLBACK_PROFILE", "x", "unitary"},
		"a header of our own":    {"ANTINIUM_SIGNATURE_HEADER", "Webhook-Id", "ANTINIUM_SIGNATURE_HEADER"},
		"exceptions in AWS":      {"LOCAL_ADDRESSES", "127.0.0.0/8", "sam local alone"},
		"an exception of no use": {"LOCAL_ADDRESSES", "here", "LocalAddresses"},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := load(map[string]string{c.variable: c.value})
			if err == nil || !strings.Contains(err.Error(), c.says) {
				t.Errorf("error is %v, want one that says %q", err, c.says)
			}
		})
	}
}

func TestExceptionsAreFewAndAtHome(t *testing.T) {
	for _, prefixes := range []string{"0.0.0.0/0", "127.0.0.0/8", "169.254.169.254/32", "::/0", "172.17.0.1/32,10.0.0.0/8"} {
		_, err := load(map[string]string{"LOCAL_ADDRESSES": prefixes, "AWS_SAM_LOCAL": "true"})
		if err == nil || !strings.Contains(err.Error(), "single private or loopback") {
			t.Errorf("%s: error is %v", prefixes, err)
		}
	}
}

func TestExceptionsUnderSAMLocal(t *testing.T) {
	s, err := load(map[string]string{"LOCAL_ADDRESSES": "172.17.0.1/32", "AWS_SAM_LOCAL": "true"})
	if err != nil || len(s.LocalAddresses) != 1 {
		t.Errorf("%v (%v)", s.LocalAddresses, err)
	}
}
