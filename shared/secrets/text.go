package secrets

import (
	"context"
	"io"
	"time"

	"github.com/jobhook/jobhook/shared/sealing"
	"github.com/jobhook/jobhook/shared/signing"
	"github.com/jobhook/jobhook/shared/webhook"
)

// SealText is Seal for a secret as the customer sees it; it returns what lies
// in the endpoint's record.
func (r *Ring) SealText(ctx context.Context, random io.Reader, owner sealing.Owner, text string, now time.Time) (string, error) {
	secret, err := signing.ParseSecret(text)
	if err != nil {
		return "", err
	}
	sealed, err := r.Seal(ctx, random, owner, secret, now)
	return sealed.Sealed, err
}

// OpenText undoes SealText.
func (r *Ring) OpenText(ctx context.Context, owner sealing.Owner, sealed string, now time.Time) (string, error) {
	found, err := r.For(ctx, &webhook.Endpoint{
		ID: owner.EndpointID, Account: owner.Account, Secrets: []webhook.SealedSecret{{Sealed: sealed}},
	}, now)
	if err != nil {
		return "", err
	}
	return found[0].Reveal(), nil
}
