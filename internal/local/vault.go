package local

import (
	"context"
	"crypto/rand"
	"time"

	"github.com/jobhook/jobhook/shared/sealing"
	"github.com/jobhook/jobhook/shared/secrets"
)

// keysFile stands in for Secrets Manager: the runner's own secrets.
const keysFile = "secrets.json"

// vault seals and opens the endpoints' secrets for the API.
type vault struct{ ring *secrets.Ring }

func (v vault) seal(account, endpointID, text string) (string, error) {
	return v.sealFor(context.Background(), sealing.Owner{Account: account, EndpointID: endpointID}, text)
}

func (v vault) sealFor(ctx context.Context, owner sealing.Owner, text string) (string, error) {
	return v.ring.SealText(ctx, rand.Reader, owner, text, time.Now())
}

func (v vault) open(account, endpointID, sealed string) (string, error) {
	return v.ring.OpenText(context.Background(), sealing.Owner{Account: account, EndpointID: endpointID}, sealed, time.Now())
}

// check tries both of the runner's own secrets, and returns the signing one.
func (v vault) check(ctx context.Context) (signing string, err error) {
	found, err := v.ring.For(ctx, nil, time.Now())
	if err != nil {
		return "", err
	}
	signing = found[0].Reveal()
	_, err = v.sealFor(ctx, sealing.Owner{Account: "default", EndpointID: "ep_none"}, signing)
	return signing, err
}
