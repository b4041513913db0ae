package main

import (
	"cmp"
	"context"
	"crypto/rand"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/secretsmanager"

	"github.com/jobhook/jobhook/internal/cloudapi"
	"github.com/jobhook/jobhook/internal/local"
	"github.com/jobhook/jobhook/shared/dynamo"
	"github.com/jobhook/jobhook/shared/embedded"
	"github.com/jobhook/jobhook/shared/intake"
	"github.com/jobhook/jobhook/shared/secrets"
	manager "github.com/jobhook/jobhook/shared/secretsmanager"
	"github.com/jobhook/jobhook/shared/webhook"
)

const secretUsage = `jobhook secret prints what verifies the webhooks of an account's jobs' own URLs:
one secret a line, newest first. Give them to that customer and to nobody else.
Of an ed25519 secret it prints the public key (whpk_).

Usage: jobhook secret --account A [--stack NAME | --data DIR]

  --account A   the account; "default" is that of completions that name none
  --stack NAME  a deployed stack, read with your AWS credentials: they need
                cloudformation:DescribeStacks, secretsmanager:GetSecretValue on
                its two secrets and dynamodb:BatchGetItem on its endpoints table
  --data DIR    the data directory of jobhook local (default .jobhook)

SIGNING_SECRET_ID, SEALING_KEY_ID and ENDPOINTS_TABLE in the environment name a
stack's parts as well as --stack does.
`

// secretSettings are the parts of a stack that hold accounts' secrets.
type secretSettings struct {
	SigningSecretID string `env:"SIGNING_SECRET_ID"`
	SealingKeyID    string `env:"SEALING_KEY_ID,required,notEmpty"`
	EndpointsTable  string `env:"ENDPOINTS_TABLE,required,notEmpty"`
}

// jobRecords is what of webhook.Store holds accounts' job records.
type jobRecords interface {
	Endpoint(ctx context.Context, account, id string) (webhook.Endpoint, error)
}

func secretCommand(ctx context.Context, args []string, stdout, stderr io.Writer) int {
	flags := flag.NewFlagSet("secret", flag.ContinueOnError)
	account, dir, stack := flags.String("account", "", ""), flags.String("data", "", ""), flags.String("stack", "", "")
	return runCommand(flags, args, secretUsage, stdout, stderr, func() (err error) {
		var found []string
		malformed := intake.CheckAccount(*account)
		switch {
		case malformed != nil:
			return usageError{fmt.Errorf("--%w; name one, like --account %s", malformed, webhook.DefaultAccount)}
		case *stack != "" && *dir != "":
			return usageError{errors.New("--stack and --data name two places: give one")}
		case *stack != "" || *dir == "" && os.Getenv("SIGNING_SECRET_ID") != "":
			found, err = stackSecrets(ctx, *stack, *account)
		default:
			found, err = localSecrets(ctx, cmp.Or(*dir, local.DefaultDir), *account, stderr)
		}
		for _, secret := range found {
			fmt.Fprintln(stdout, secret)
		}
		return err
	})
}

func stackSecrets(ctx context.Context, stack, account string) ([]string, error) {
	s, err := settingsOf[secretSettings](ctx, stack)
	if err != nil {
		return nil, err
	}
	cfg, err := cloudapi.Config(ctx)
	if err != nil {
		return nil, err
	}
	source := manager.New(secretsmanager.NewFromConfig(cfg), manager.Options{Timeout: 20 * time.Second})
	ring := secrets.NewRing(source, secrets.Names{Signing: s.SigningSecretID, Sealing: s.SealingKeyID})
	return verifying(ctx, dynamo.New(dynamodb.NewFromConfig(cfg), dynamo.Tables{Endpoints: s.EndpointsTable}, time.Now), ring, account)
}

// localSecrets reads a data directory and makes nothing in it. While jobhook
// local runs there, the job record cannot be read.
func localSecrets(ctx context.Context, dir, account string, stderr io.Writer) ([]string, error) {
	path := filepath.Join(dir, "secrets.json")
	if _, err := os.Stat(path); err != nil {
		return nil, fmt.Errorf("%s has no secrets: give the directory of jobhook local with --data, "+
			"or the stack with --stack (%w)", dir, err)
	}
	source, err := secrets.OpenFile(path, rand.Reader)
	if err != nil {
		return nil, err
	}
	ring := secrets.NewRing(source, secrets.LocalNames)
	if _, err := os.Stat(filepath.Join(dir, "jobhook.db")); err != nil {
		return verifying(ctx, nil, ring, account)
	}
	db, err := embedded.Open(embedded.Config{Dir: dir})
	if errors.Is(err, embedded.ErrInUse) {
		fmt.Fprintf(stderr, "jobhook secret: jobhook local runs on %s: if account %s has set a secret of its own, that one "+
			"verifies instead of these. To have it printed, stop jobhook local first.\n", dir, account)
		return verifying(ctx, nil, ring, account)
	}
	if err != nil {
		return nil, err
	}
	defer func() { _ = db.Close() }() // it was only read
	return verifying(ctx, db, ring, account)
}

// verifying are the secrets that sign for an account's jobs, in the form that
// verifies: of an ed25519 key the public half. Without records the account is
// taken to have set none of its own.
func verifying(ctx context.Context, records jobRecords, ring *secrets.Ring, account string) ([]string, error) {
	record := webhook.JobDefaults(account, webhook.Standard)
	if records != nil {
		found, err := records.Endpoint(ctx, account, webhook.JobTarget)
		if err == nil {
			record = found
		} else if !errors.Is(err, webhook.ErrNotFound) {
			return nil, fmt.Errorf("read the job record of account %s: %w", account, err)
		}
	}
	valid, _, err := ring.For(ctx, record, time.Now())
	if err != nil {
		return nil, err
	}
	texts := make([]string, len(valid))
	for n, secret := range valid {
		var asymmetric bool
		if texts[n], asymmetric = secret.PublicKey(); !asymmetric {
			texts[n] = secret.Reveal()
		}
	}
	return texts, nil
}
