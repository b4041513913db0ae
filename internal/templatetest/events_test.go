package templatetest_test

import (
	"cmp"
	"encoding/json"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/aws/aws-lambda-go/events"

	"github.com/jobhook/jobhook/shared/intake"
	"github.com/jobhook/jobhook/shared/webhook"
)

var now = time.Date(2026, 11, 20, 10, 0, 0, 0, time.UTC)

func read(t *testing.T, file string, into any) {
	t.Helper()
	body, err := os.ReadFile(filepath.Join("../../events", file))
	if err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal(body, into); err != nil {
		t.Fatalf("%s: %v", file, err)
	}
}

// Each sample completion is one, and together they show every profile.
func TestSampleCompletions(t *testing.T) {
	files, err := filepath.Glob("../../events/completion-*.json")
	if err != nil || len(files) == 0 {
		t.Fatal("no samples", err)
	}
	seen := map[webhook.Profile]bool{}
	for _, file := range files {
		var body json.RawMessage
		read(t, filepath.Base(file), &body)
		c, err := intake.Parse(body, "", now, intake.Rules{})
		if err != nil || len(c.Unknown) > 0 {
			t.Errorf("%s: %v, unknown %q", file, err, c.Unknown)
		}
		seen[cmp.Or(c.Event.CallbackProfile, webhook.Standard)] = true
	}
	for _, p := range webhook.Profiles() {
		if !seen[p] {
			t.Errorf("no sample for %s", p)
		}
	}
}

// put-events.json is what the AWS CLI takes as --entries, and the rule takes it.
func TestPutEvents(t *testing.T) {
	var entries []struct{ Source, DetailType, Detail string }
	read(t, "put-events.json", &entries)
	if len(entries) == 0 || len(entries) > 10 {
		t.Errorf("%d entries; PutEvents takes 1 to 10", len(entries))
	}
	for _, e := range entries {
		if e.DetailType != "Job Completed" || e.Source == "" {
			t.Errorf("entry %+v", e)
		}
		if _, err := intake.Parse([]byte(e.Detail), "", now, intake.Rules{}); err != nil {
			t.Error(err)
		}
	}
}

func TestDispatchEvents(t *testing.T) {
	for file, want := range map[string]struct{ good, bad int }{
		"dispatch-eventbridge.json": {good: 1},
		"dispatch-batch.json":       {good: 6, bad: 1},
	} {
		var batch events.SQSEvent
		read(t, file, &batch)
		good, bad := 0, 0
		for _, r := range batch.Records {
			if _, err := intake.Parse([]byte(r.Body), "", now, intake.Rules{}); err != nil {
				bad++
			} else {
				good++
			}
		}
		if good != want.good || bad != want.bad {
			t.Errorf("%s: %d good and %d bad, want %+v", file, good, bad, want)
		}
	}
}

// retry.json asks for a second attempt. internal/samlocal, which records the
// first, tests of which delivery.
func TestRetryEvent(t *testing.T) {
	var batch events.SQSEvent
	read(t, "retry.json", &batch)
	for _, record := range batch.Records {
		r, err := webhook.ParseRetry([]byte(record.Body))
		if err != nil {
			t.Fatal(err)
		}
		if _, _, ok := webhook.SplitMessageID(r.MessageID); !ok || r.EndpointID != webhook.JobTarget || r.Attempt != 2 || !r.Due.After(r.AcceptedAt) {
			t.Errorf("retry of %+v", r)
		}
		if body := string(webhook.Encode(r)); body != record.Body {
			t.Errorf("jobhook writes it as %s", body)
		}
	}
}
