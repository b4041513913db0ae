package secretsmanager

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	sdk "github.com/aws/aws-sdk-go-v2/service/secretsmanager"
	"github.com/aws/aws-sdk-go-v2/service/secretsmanager/types"
	"golang.org/x/sync/errgroup"

	"github.com/jobhook/jobhook/shared/secrets"
)

// fetch asks for both stages at once: one round trip.
func (m *Manager) fetch(ctx context.Context, name string) ([]secrets.Version, error) {
	var current, previous *sdk.GetSecretValueOutput
	both, ctx := errgroup.WithContext(ctx)
	both.Go(func() (err error) {
		current, err = m.stage(ctx, name, "AWSCURRENT")
		return err
	})
	both.Go(func() (err error) {
		previous, err = m.stage(ctx, name, "AWSPREVIOUS")
		var none *types.ResourceNotFoundException
		if errors.As(err, &none) { // never rotated; or the secret is missing, as the other call tells
			return nil
		}
		return err
	})
	if err := both.Wait(); err != nil {
		return nil, fmt.Errorf("secret %s: %w", name, err)
	}
	versions, err := m.versions(current, previous)
	if err != nil {
		return nil, fmt.Errorf("secret %s: %w", name, err)
	}
	return versions, nil
}

func (m *Manager) stage(ctx context.Context, name, stage string) (*sdk.GetSecretValueOutput, error) {
	return m.api.GetSecretValue(ctx, &sdk.GetSecretValueInput{SecretId: aws.String(name), VersionStage: aws.String(stage)})
}

// versions joins the two stages; a previous one that cannot be read is the
// mistake that the current one mended.
func (m *Manager) versions(current, previous *sdk.GetSecretValueOutput) ([]secrets.Version, error) {
	texts, err := secrets.ParseValue(aws.ToString(current.SecretString)) // binary values are no text
	if err != nil {
		return nil, err
	}
	versions := appendNew(nil, texts, time.Time{})
	if previous == nil {
		return versions, nil
	}
	older, err := secrets.ParseValue(aws.ToString(previous.SecretString))
	if err != nil {
		return versions, nil //nolint:nilerr // see above
	}
	return appendNew(versions, older, aws.ToTime(current.CreatedDate).Add(m.options.Overlap)), nil
}

// appendNew leaves out texts that are there already.
func appendNew(versions []secrets.Version, texts []string, until time.Time) []secrets.Version {
	for _, text := range texts {
		there := false
		for _, v := range versions {
			there = there || v.Text.Reveal() == text
		}
		if !there {
			versions = append(versions, secrets.Version{Text: secrets.NewText(text), Until: until})
		}
	}
	return versions
}
