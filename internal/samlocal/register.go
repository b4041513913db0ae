package main

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"time"

	"github.com/jobhook/jobhook/shared/intake"
	"github.com/jobhook/jobhook/shared/signing"
	"github.com/jobhook/jobhook/shared/webhook"
)

// The sample endpoint: every event of an account of the samples, signed with a
// secret of its own.
const (
	sampleAccount  = "acme"
	sampleEndpoint = "ep_sample"
	samplePath     = "/endpoints/acme"
)

// sampleAccounts are those of events/, and the one of completions that name none.
var sampleAccounts = []string{webhook.DefaultAccount, sampleAccount, "globex", "initech"}

// receive starts the receiver with the secrets that sign the jobs' own URLs of
// the accounts.
func (w *world) receive(ctx context.Context, out io.Writer) error {
	jobs := map[string]signing.Secret{}
	for _, account := range sampleAccounts {
		valid, _, err := w.ring.For(ctx, webhook.JobDefaults(account, webhook.Standard), time.Now())
		if err != nil {
			return fmt.Errorf("the secret of account %s: %w", account, err)
		}
		jobs[account] = valid[0]
	}
	listener, err := new(net.ListenConfig).Listen(ctx, "tcp", net.JoinHostPort(w.host, receiverPort))
	if err != nil {
		return fmt.Errorf("start the receiver: %w", err)
	}
	w.receiver = newReceiver(jobs, out)
	server := &http.Server{Handler: w.receiver, ReadHeaderTimeout: 5 * time.Second}
	w.stops = append(w.stops, func() { _ = server.Close() })
	go func() { _ = server.Serve(listener) }() // ends with Close
	return nil
}

func (w *world) register(ctx context.Context) error {
	secret, err := signing.GenerateSecret(rand.Reader)
	if err != nil {
		return err
	}
	now := time.Now()
	sealed, err := w.ring.Seal(ctx, rand.Reader, sampleAccount, sampleEndpoint, secret.Reveal(), now)
	if err != nil {
		return err
	}
	w.receiver.knows(samplePath, secret)
	return w.store.InsertEndpoint(ctx, webhook.Endpoint{
		ID: sampleEndpoint, Account: sampleAccount, URL: w.url(receiverPort) + samplePath,
		Events: []string{"*"}, Profile: webhook.Standard, IncludeResult: true, Enabled: true,
		Description: "made by make emulators", Secrets: []webhook.SealedSecret{sealed},
		CreatedAt: now, UpdatedAt: now, Rev: rand.Text(),
	})
}

// waitingJob is the completion of the job whose second attempt events/retry.json
// asks for. A retry message names when the event was accepted, so no file can be
// the retry of what dispatch accepts now.
const waitingJob = `{"id":"1c6f0b52-8f0e-4d0c-9f0b-6c4a0f6c2e77","status":"success","type":"content_translate","account":"acme",
	"result":{"content":"Der Geschirrspüler ist leise.","to_language":"German"},
	"callback_url":"https://example.com/webhooks/sharpapi?shop=12","callback_profile":"sharpapi"}`

// wait records that job's delivery as it was when the retry was asked for: its
// first attempt was answered 503.
func (w *world) wait(ctx context.Context) error {
	samples, err := loadSamples(w.url(receiverPort))
	if err != nil {
		return err
	}
	asked, err := webhook.ParseRetry([]byte(records(of(samples, retryFunction)[0])[0].Body))
	if err != nil {
		return err
	}
	event, delivery, err := waiting(asked, w.url(receiverPort), time.Now())
	if err != nil {
		return err
	}
	w.receiver.refused(asked.MessageID)
	w.waiting = asked.Key()
	return errors.Join(w.store.Write(ctx, event, delivery)...)
}

// waiting is the event and the delivery that a retry message asks about.
func waiting(asked webhook.RetryMessage, base string, now time.Time) (event, delivery webhook.Change, err error) {
	c, err := intake.Parse([]byte(strings.ReplaceAll(waitingJob, example, base)), "", asked.AcceptedAt, intake.Rules{})
	if err != nil {
		return event, delivery, err
	}
	if c.Event.MessageID != asked.MessageID || c.Event.Account != asked.Account {
		return event, delivery, fmt.Errorf("events/retry.json asks for %s of %s; waitingJob is %s of %s",
			asked.MessageID, asked.Account, c.Event.MessageID, c.Event.Account)
	}
	c.Event.ExpiresAt = now.Add(24 * time.Hour)
	e, event := c.Event.Claim([]string{webhook.JobTarget}, webhook.Lease{Message: "local-first", Until: asked.AcceptedAt.Add(time.Minute)}, rand.Text())
	first := webhook.Attempt{
		Number: 1, At: asked.AcceptedAt, Duration: 81 * time.Millisecond,
		StatusCode: http.StatusServiceUnavailable, Reason: webhook.ReasonHTTPStatus,
	}
	begun := webhook.Begin(e, webhook.JobTarget, webhook.JobDefaults(e.Account, webhook.Standard))
	return event, begun.Settle(first, asked.Due, rand.Text()), nil
}
