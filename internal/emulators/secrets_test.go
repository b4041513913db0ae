package emulators_test

import (
	"errors"
	"net/http/httptest"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/secretsmanager"
	"github.com/aws/aws-sdk-go-v2/service/secretsmanager/types"

	"github.com/jobhook/jobhook/internal/emulators"
)

const (
	firstToken  = "11111111-1111-1111-1111-111111111111"
	secondToken = "22222222-2222-2222-2222-222222222222"
)

type vault struct {
	*secretsmanager.Client
	fake *emulators.Secrets
	now  time.Time
}

// newVault has one secret, "signing", of one version, made at a known time.
func newVault(t *testing.T) *vault {
	t.Helper()
	v := &vault{now: time.Unix(1_800_000_000, 0)}
	v.fake = emulators.NewSecrets(func() time.Time { return v.now })
	server := httptest.NewServer(v.fake)
	t.Cleanup(server.Close)
	v.Client = secretsmanager.NewFromConfig(emulators.Config(server.URL), func(o *secretsmanager.Options) { o.RetryMaxAttempts = 1 })
	_, err := v.CreateSecret(t.Context(), &secretsmanager.CreateSecretInput{
		Name: aws.String("signing"), SecretString: aws.String("first"), ClientRequestToken: aws.String(firstToken),
	})
	if err != nil {
		t.Fatal(err)
	}
	return v
}

func (v *vault) put(t *testing.T, value, token string, stages ...string) error {
	t.Helper()
	_, err := v.PutSecretValue(t.Context(), &secretsmanager.PutSecretValueInput{
		SecretId: aws.String("signing"), SecretString: aws.String(value), ClientRequestToken: aws.String(token), VersionStages: stages,
	})
	return err
}

func (v *vault) get(t *testing.T, stage string) (string, time.Time) {
	t.Helper()
	got, err := v.GetSecretValue(t.Context(), &secretsmanager.GetSecretValueInput{SecretId: aws.String("signing"), VersionStage: aws.String(stage)})
	if err != nil {
		t.Fatal(err)
	}
	return aws.ToString(got.SecretString), aws.ToTime(got.CreatedDate)
}

func TestSecretsRotateByStages(t *testing.T) {
	t.Parallel()
	v := newVault(t)
	made := v.now
	v.now = made.Add(time.Hour)
	if err := v.put(t, "second", secondToken); err != nil {
		t.Fatal(err)
	}
	if value, at := v.get(t, "AWSCURRENT"); value != "second" || !at.Equal(v.now) {
		t.Errorf("current: %s of %s; want the second, of now", value, at)
	}
	if value, at := v.get(t, "AWSPREVIOUS"); value != "first" || !at.Equal(made) {
		t.Errorf("previous: %s of %s; want the first, of an hour ago", value, at)
	}
}

func TestSecretsFinishAPendingRotation(t *testing.T) {
	t.Parallel()
	v := newVault(t)
	if err := v.put(t, "second", secondToken, "AWSPENDING"); err != nil {
		t.Fatal(err)
	}
	if value, _ := v.get(t, "AWSCURRENT"); value != "first" {
		t.Errorf("while pending, current is %s; want the first", value)
	}
	_, err := v.UpdateSecretVersionStage(t.Context(), &secretsmanager.UpdateSecretVersionStageInput{
		SecretId: aws.String("signing"), VersionStage: aws.String("AWSCURRENT"),
		MoveToVersionId: aws.String(secondToken), RemoveFromVersionId: aws.String(firstToken),
	})
	if err != nil {
		t.Fatal(err)
	}
	current, _ := v.get(t, "AWSCURRENT")
	previous, _ := v.get(t, "AWSPREVIOUS")
	if current != "second" || previous != "first" {
		t.Errorf("after the rotation: current %s, previous %s", current, previous)
	}
	told, err := v.DescribeSecret(t.Context(), &secretsmanager.DescribeSecretInput{SecretId: aws.String("signing")})
	if err != nil || len(told.VersionIdsToStages) != 2 {
		t.Errorf("DescribeSecret: %+v, %v; want two versions", told, err)
	}
}

func TestSecretsErrorsKeepTheirTypes(t *testing.T) {
	t.Parallel()
	v := newVault(t)
	get := func(id, stage string) error {
		_, err := v.GetSecretValue(t.Context(), &secretsmanager.GetSecretValueInput{SecretId: aws.String(id), VersionStage: aws.String(stage)})
		return err
	}
	var missing *types.ResourceNotFoundException
	if err := get("nowhere", "AWSCURRENT"); !errors.As(err, &missing) {
		t.Errorf("a secret that is not there: %v", err)
	}
	if err := get("signing", "AWSPREVIOUS"); !errors.As(err, &missing) {
		t.Errorf("a stage that no version has: %v", err)
	}
	var exists *types.ResourceExistsException
	if err := v.put(t, "other", firstToken); !errors.As(err, &exists) {
		t.Errorf("a used token with another value: %v", err)
	}
	if err := v.put(t, "first", firstToken); err != nil {
		t.Errorf("a used token with the same value: %v; want no error", err)
	}
	if _, err := v.DeleteSecret(t.Context(), &secretsmanager.DeleteSecretInput{SecretId: aws.String("signing")}); err != nil {
		t.Fatal(err)
	}
	var invalid *types.InvalidRequestException
	if err := get("signing", "AWSCURRENT"); !errors.As(err, &invalid) {
		t.Errorf("a deleted secret: %v", err)
	}
}
