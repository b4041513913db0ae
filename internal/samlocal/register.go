package main

import (
	"context"
	"crypto/rand"
	"time"

	"github.com/jobhook/jobhook/shared/payload"
	"github.com/jobhook/jobhook/shared/sealing"
	"github.com/jobhook/jobhook/shared/secrets"
	manager "github.com/jobhook/jobhook/shared/secretsmanager"
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

func (w *world) register(ctx context.Context) error {
	secret, err := signing.GenerateSecret(rand.Reader)
	if err != nil {
		return err
	}
	now := time.Now()
	ring := secrets.NewRing(manager.New(w.secrets, manager.Options{}), secrets.Names{Signing: signingSecret, Sealing: sealingKey})
	sealed, err := ring.Seal(ctx, rand.Reader, sealing.Owner{Account: sampleAccount, EndpointID: sampleEndpoint}, secret, now)
	if err != nil {
		return err
	}
	w.receiver.knows(samplePath, secret)
	return w.store.InsertEndpoint(ctx, webhook.Endpoint{
		ID: sampleEndpoint, Account: sampleAccount, URL: w.url(receiverPort) + samplePath,
		Events: []string{"*"}, Profile: payload.Standard, IncludeResult: true, Enabled: true,
		Description: "made by make emulators", Secrets: []webhook.SealedSecret{sealed},
		CreatedAt: now, UpdatedAt: now, Rev: rand.Text(),
	})
}
