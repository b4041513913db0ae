// Package demo shows jobhook at work: a receiver that verifies what it gets,
// one endpoint for each profile, one that fails twice and recovers, and sample
// completions, published as a platform would publish them.
package demo

import (
	"bytes"
	"context"
	"embed"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"time"
)

//go:embed samples/*.json
var samples embed.FS

// endpoint is what the demo registers, and how its receiver answers.
type endpoint struct {
	path     string
	profile  string
	events   []string
	failures int32 // answered 503 before it recovers
}

var endpoints = []endpoint{
	{path: "/standard", profile: "standard", events: []string{"batch_inference.*", "fine_tune.*"}},
	{path: "/sharpapi", profile: "sharpapi", events: []string{"content_translate.*"}},
	{path: "/unitary", profile: "unitary", events: []string{"image_moderation.*"}},
	{path: "/antinium", profile: "antinium", events: []string{"document.*"}},
	{path: "/flaky", profile: "standard", events: []string{"content_translate.success"}, failures: 2},
}

// Demo drives a running jobhook over its API, as anybody could.
type Demo struct {
	API       string // where jobhook serves
	Key       string // its API key; empty when none is needed
	JobSecret string // what signs the job URLs of Account
	Out       io.Writer
}

// Account is whose jobs the samples are.
const Account = "acme"

// Run registers the endpoints, with the receiver behind them, and publishes
// the samples. Deliveries go on after it has returned. stop closes the receiver.
func (d Demo) Run(ctx context.Context) (stop func(), err error) {
	r, err := newReceiver(d.Out)
	if err != nil {
		return nil, err
	}
	stop = func() { _ = r.close() }
	if err := d.play(ctx, r); err != nil {
		stop()
		return nil, err
	}
	return stop, nil
}

func (d Demo) play(ctx context.Context, r *receiver) error {
	for _, e := range endpoints {
		var created struct{ Secret string } // shown this once
		err := d.post(ctx, "/endpoints", map[string]any{
			"url": r.url + e.path, "profile": e.profile, "events": e.events, "description": "made by jobhook demo",
		}, &created)
		if err != nil {
			return err
		}
		r.serve(e.path, e.profile, created.Secret, e.failures)
	}
	const jobPath = "/jobs/job_5150"
	r.serve(jobPath, "unitary", d.JobSecret, 0)
	for _, name := range []string{"translation", "moderation", "document", "batch", "finetune"} {
		if err := d.publish(ctx, name, ""); err != nil {
			return err
		}
	}
	return d.publish(ctx, "jobs_own_url", r.url+jobPath+"?token=of-the-job")
}

// publish sends a sample as it lies there; callbackURL, if any, is put in front.
func (d Demo) publish(ctx context.Context, name, callbackURL string) error {
	text, err := samples.ReadFile("samples/" + name + ".json")
	if err != nil {
		return fmt.Errorf("sample %s: %w", name, err)
	}
	if callbackURL != "" {
		text = fmt.Appendf(nil, `{"callback_url":%q,%s`, callbackURL, bytes.TrimPrefix(text, []byte("{")))
	}
	return d.post(ctx, "/events", json.RawMessage(text), nil)
}

func (d Demo) post(ctx context.Context, path string, body, into any) error {
	failed := func(err error) error { return fmt.Errorf("POST %s: %w", path, err) }
	text, err := json.Marshal(body)
	if err != nil {
		return failed(err)
	}
	ctx, cancel := context.WithTimeout(ctx, 10*time.Second)
	defer cancel()
	r, err := http.NewRequestWithContext(ctx, http.MethodPost, d.API+"/v1/accounts/"+Account+path, bytes.NewReader(text))
	if err != nil {
		return failed(err)
	}
	r.Header.Set("Content-Type", "application/json")
	if d.Key != "" {
		r.Header.Set("Authorization", "Bearer "+d.Key)
	}
	answer, err := http.DefaultClient.Do(r)
	if err != nil {
		return failed(err)
	}
	defer func() { _ = answer.Body.Close() }()
	got, err := io.ReadAll(io.LimitReader(answer.Body, 1<<20))
	switch {
	case err != nil:
		return failed(err)
	case answer.StatusCode >= 300:
		return fmt.Errorf("POST %s: %s: %s", path, answer.Status, got)
	case into == nil:
		return nil
	}
	if err := json.Unmarshal(got, into); err != nil {
		return failed(err)
	}
	return nil
}
