package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/aws/aws-lambda-go/events"

	"github.com/jobhook/jobhook/shared/intake"
	"github.com/jobhook/jobhook/shared/webhook"
)

// The functions, as SAM knows them.
const (
	dispatchFunction = "DispatchFunction"
	retryFunction    = "RetryFunction"
	receiveFunction  = "Receiving/ReceiveFunction" // receive.yaml is an application of its own
)

// example is where the samples' callback_urls are.
const example = "https://example.com"

// sample is one file of events/, its URLs on the local receiver.
type sample struct {
	name     string
	body     []byte
	function string // whose event it is; empty for none
}

// loadSamples reads events/ and puts base in place of https://example.com.
func loadSamples(base string) ([]sample, error) {
	files, err := filepath.Glob("events/*.json")
	if err != nil || len(files) == 0 {
		return nil, fmt.Errorf("no samples in events/ (run it at the repository's root): %w", err)
	}
	var all []sample
	for _, file := range files {
		body, err := os.ReadFile(file)
		if err != nil {
			return nil, fmt.Errorf("samples: %w", err)
		}
		body = bytes.ReplaceAll(body, []byte(example), []byte(base))
		all = append(all, sample{filepath.Base(file), body, functionOf(body)})
	}
	return all, nil
}

// functionOf tells an event of Lambda's by its form.
func functionOf(body []byte) string {
	var event struct {
		events.SQSEvent
		RawPath string `json:"rawPath"`
	}
	if json.Unmarshal(body, &event) != nil {
		return ""
	}
	switch {
	case event.RawPath != "":
		return receiveFunction
	case len(event.Records) == 0:
		return ""
	case strings.HasSuffix(event.Records[0].EventSourceARN, "CompletionsQueue"):
		return dispatchFunction
	case strings.HasSuffix(event.Records[0].EventSourceARN, "RetryQueue"):
		return retryFunction
	}
	return ""
}

func of(all []sample, function string) []sample {
	return slices.DeleteFunc(slices.Clone(all), func(s sample) bool { return s.function != function })
}

// again is the same event, named as the second.
func (s sample) again() sample {
	s.name += ", again"
	return s
}

func records(s sample) []events.SQSMessage {
	var batch events.SQSEvent
	_ = json.Unmarshal(s.body, &batch) // functionOf has read it
	return batch.Records
}

// parse reads a sample's completions as dispatch does; bad counts the others.
func parse(s sample) (good []webhook.Event, bad int) {
	for _, r := range records(s) {
		c, err := intake.Parse([]byte(r.Body), "", time.Now(), intake.Rules{})
		if err != nil {
			bad++
			continue
		}
		good = append(good, c.Event)
	}
	return good, bad
}

// completions wraps the samples that are completions alone (completion-*.json)
// into the event that dispatch gets for them: they can be sent to its queue.
func completions(all []sample) (sample, error) {
	var batch events.SQSEvent
	for _, s := range all {
		if _, err := intake.Parse(s.body, "", time.Now(), intake.Rules{}); s.function != "" || err != nil {
			continue
		}
		var body bytes.Buffer
		if err := json.Compact(&body, s.body); err != nil {
			return sample{}, fmt.Errorf("%s: %w", s.name, err)
		}
		batch.Records = append(batch.Records, events.SQSMessage{
			MessageId: "local-" + s.name, Body: body.String(), EventSource: "aws:sqs",
			EventSourceARN: "arn:aws:sqs:us-east-1:123456789012:jobhook-CompletionsQueue", AWSRegion: "us-east-1",
			Attributes: map[string]string{"ApproximateReceiveCount": "1"},
		})
	}
	body, err := json.Marshal(batch)
	return sample{fmt.Sprintf("%d completion-*.json in one batch", len(batch.Records)), body, dispatchFunction}, err
}
