package secretsmanager_test

import (
	"context"
	"errors"
	"slices"
	"strconv"
	"sync/atomic"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	sdk "github.com/aws/aws-sdk-go-v2/service/secretsmanager"
	"github.com/aws/aws-sdk-go-v2/service/secretsmanager/types"

	"github.com/jobhook/jobhook/internal/emulators"
	"github.com/jobhook/jobhook/shared/secrets"
	"github.com/jobhook/jobhook/shared/secretsmanager"
)

var made atomic.Int64

func uniqueName() string {
	return "jobhook/test-" + strconv.FormatInt(time.Now().UnixNano(), 36) + "-" + strconv.FormatInt(made.Add(1), 10)
}

func create(t testing.TB, client *sdk.Client, value string) (name string) {
	t.Helper()
	name = uniqueName()
	if _, err := client.CreateSecret(t.Context(), &sdk.CreateSecretInput{Name: aws.String(name), SecretString: aws.String(value)}); err != nil {
		t.Fatal(err)
	}
	return name
}

func put(t testing.TB, client *sdk.Client, name, value string) {
	t.Helper()
	if _, err := client.PutSecretValue(t.Context(), &sdk.PutSecretValueInput{SecretId: aws.String(name), SecretString: aws.String(value)}); err != nil {
		t.Fatal(err)
	}
}

func reveal(versions []secrets.Version) []string {
	var texts []string
	for _, v := range versions {
		texts = append(texts, v.Text.Reveal())
	}
	return texts
}

// TestContract runs on the fake, and on moto where JOBHOOK_SECRETS_ENDPOINT
// names it.
func TestContract(t *testing.T) {
	client := sdk.NewFromConfig(emulators.Config(emulators.SecretsManager(t)))
	read := func(name string) ([]secrets.Version, error) {
		return secretsmanager.New(client, secretsmanager.Options{}).Versions(t.Context(), name, time.Now())
	}
	t.Run("never rotated", func(t *testing.T) {
		got, err := read(create(t, client, "only"))
		if err != nil || !slices.Equal(reveal(got), []string{"only"}) || !got[0].Until.IsZero() {
			t.Errorf("got %v, %v; want the one, without an end", reveal(got), err)
		}
	})
	t.Run("rotated", func(t *testing.T) {
		name := create(t, client, "first")
		put(t, client, name, "second")
		got, err := read(name)
		if err != nil || !slices.Equal(reveal(got), []string{"second", "first"}) {
			t.Fatalf("got %v, %v; want both", reveal(got), err)
		}
		if left := time.Until(got[1].Until); !got[0].Until.IsZero() || left < 23*time.Hour || left > 24*time.Hour+time.Minute {
			t.Errorf("the first signs for %s more, want 24h; the second until %v, want no end", left, got[0].Until)
		}
	})
	t.Run("rotated three times", func(t *testing.T) {
		name := create(t, client, "first")
		put(t, client, name, "second")
		put(t, client, name, `["third","second","by hand"]`)
		got, err := read(name)
		if err != nil || !slices.Equal(reveal(got), []string{"third", "second", "by hand", "second"}) || !got[1].Until.IsZero() || got[3].Until.IsZero() {
			t.Errorf("got %v, %v", reveal(got), err)
		}
	})
	t.Run("accounts' own", func(t *testing.T) {
		name := create(t, client, `{"prefix":"whsec_","key":"k","accounts":{"acme":"before"}}`)
		put(t, client, name, `{"prefix":"whsec_","key":"k","accounts":{"acme":"after"}}`)
		got, err := read(name)
		if err != nil || len(got) != 2 || got[0].Accounts["acme"].Reveal() != "after" || got[1].Accounts["acme"].Reveal() != "before" || got[1].Until.IsZero() {
			t.Errorf("got %v, %v; want both versions, though their key is the same", got, err)
		}
	})
	t.Run("by its ARN", func(t *testing.T) {
		out, err := client.DescribeSecret(t.Context(), &sdk.DescribeSecretInput{SecretId: aws.String(create(t, client, "only"))})
		if err != nil {
			t.Fatal(err)
		}
		if got, err := read(*out.ARN); err != nil || !slices.Equal(reveal(got), []string{"only"}) {
			t.Errorf("got %v, %v", reveal(got), err)
		}
	})
	t.Run("a rotation repairs", func(t *testing.T) {
		name := create(t, client, `{"username":"u"}`)
		if _, err := read(name); !errors.Is(err, secrets.ErrForm) {
			t.Errorf("got %v, want %v", err, secrets.ErrForm)
		}
		put(t, client, name, `{"prefix":"whsec_","key":"k"}`)
		if got, err := read(name); err != nil || !slices.Equal(reveal(got), []string{"whsec_k"}) {
			t.Errorf("got %v, %v", reveal(got), err)
		}
	})
	t.Run("binary", func(t *testing.T) {
		name := uniqueName()
		if _, err := client.CreateSecret(t.Context(), &sdk.CreateSecretInput{Name: aws.String(name), SecretBinary: []byte("bytes")}); err != nil {
			t.Fatal(err)
		}
		if _, err := read(name); !errors.Is(err, secrets.ErrForm) {
			t.Errorf("got %v, want %v", err, secrets.ErrForm)
		}
	})
	t.Run("unknown", func(t *testing.T) {
		_, err := read("jobhook/nobody's")
		var missing *types.ResourceNotFoundException
		if !errors.As(err, &missing) {
			t.Errorf("got %v, want ResourceNotFoundException", err)
		}
	})
	t.Run("canceled", func(t *testing.T) {
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		manager := secretsmanager.New(client, secretsmanager.Options{})
		name := create(t, client, "only")
		for range 20 { // whichever comes first, neither outcome is remembered as a fault
			if _, err := manager.Versions(ctx, name, time.Now()); err != nil && !errors.Is(err, context.Canceled) {
				t.Errorf("got %v", err)
			}
		}
		if got, err := manager.Versions(t.Context(), name, time.Now()); err != nil || !slices.Equal(reveal(got), []string{"only"}) {
			t.Errorf("the next caller: %v, %v", reveal(got), err)
		}
	})
}
