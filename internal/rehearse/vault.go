package rehearse

import (
	"context"
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"math/big"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/secretsmanager"

	"github.com/jobhook/jobhook/internal/rehearse/cloudformation"
)

// makeSecret stores the secret that the template states or has generated.
func makeSecret(ctx context.Context, r *resource) (cloudformation.Made, error) {
	name := r.name()
	input := &secretsmanager.CreateSecretInput{Name: aws.String(name), Description: aws.String(r.text("Description"))}
	if _, stated := r.properties["SecretString"]; stated {
		input.SecretString = aws.String(r.text("SecretString"))
	} else {
		generated, err := generate(r.at("GenerateSecretString"))
		if err != nil {
			return cloudformation.Made{}, err
		}
		input.SecretString = aws.String(generated)
	}
	created, err := r.stack.cloud.Secrets.CreateSecret(ctx, input)
	if err != nil {
		return cloudformation.Made{}, wrap(err)
	}
	r.stack.cloud.Gate.AddSecret(name, *created.ARN)
	return cloudformation.Made{Ref: *created.ARN, Attributes: map[string]string{"Id": *created.ARN}}, nil
}

const (
	letters     = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789"
	punctuation = "!\"#$%&'()*+,-./:;<=>?@[\\]^_`{|}~"
)

// generate is GetRandomPassword, put into the template's JSON where there is one.
func generate(options any) (string, error) {
	length, alphabet := 32, letters+punctuation
	if n := *field(options, "PasswordLength"); n != "" {
		if _, err := fmt.Sscan(n, &length); err != nil {
			return "", fmt.Errorf("PasswordLength: %w", err)
		}
	}
	if value(options, "ExcludePunctuation") == true {
		alphabet = letters
	}
	password := make([]byte, length)
	for i := range password {
		n, err := rand.Int(rand.Reader, big.NewInt(int64(len(alphabet))))
		if err != nil {
			return "", fmt.Errorf("random: %w", err)
		}
		password[i] = alphabet[n.Int64()]
	}
	template, key := *field(options, "SecretStringTemplate"), *field(options, "GenerateStringKey")
	if template == "" && key == "" {
		return string(password), nil
	}
	var object map[string]any
	if err := json.Unmarshal([]byte(template), &object); err != nil || key == "" {
		return "", errors.New("SecretStringTemplate must be JSON and come with GenerateStringKey")
	}
	object[key] = string(password)
	text, err := json.Marshal(object)
	return string(text), err
}
